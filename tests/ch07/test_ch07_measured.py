"""Cards and sweep agree with what the shipped models do, and say truly which aims are met."""

from __future__ import annotations

import pytest
import torch

from mechanisms import models
from mechanisms.data import creature_text as text
from mechanisms.data.scenes import creatures
from mechanisms.models.encoders import NAMES
from mechanisms.training import lab_lm_scenes, lab_vision, limber, limber_examples, limber_sweep


def test_the_language_model_knows_what_its_card_says(lm):
    assert lab_lm_scenes.knowledge(lm) == models.card("lab-lm-scenes")["measured"]["knows"]


def test_the_cards_aims_follow_from_what_was_measured():
    about = models.card("lab-vision")
    again = limber.aims(about["measured"])
    assert [row["met"] for row in about["aims"]] == [row["met"] for row in again]
    assert [row["measured"] for row in about["aims"]] == pytest.approx([row["measured"] for row in again], abs=2e-4)


def test_a_short_training_shows_the_order_of_the_card(encoders, lm):
    train, test = (creatures.draw(n, torch.Generator().manual_seed(n), "seen") for n in (1500, 500))
    before = [p.clone() for p in lm.parameters()]
    found = {}
    for name in NAMES:
        linear = limber.train_map(lm, encoders.features(name, train.images), train.labels, steps=100)
        found[name] = limber.scores(lm, linear.prompts(encoders.features(name, test.images)), test.labels)
    assert all(torch.equal(a, b) for a, b in zip(before, lm.parameters(), strict=True))
    assert min(found[name]["size"] for name in NAMES) > 0.6 and min(found[name]["colour"] for name in NAMES) > 0.5
    assert min(found["labels"]["category"], found["captions"]["category"]) > found["self-supervised"]["category"] + 0.1


def test_the_sweep_is_complete_and_nothing_is_left_out():
    table = limber_sweep.load()
    assert limber_sweep.unfinished(table) == []
    assert {name: len(runs) for name, runs in table.items()} == limber_sweep.CONDITIONS
    seeds = limber_sweep.summary(table[limber_sweep.MAIN])
    assert seeds["captions"]["category"]["n"] == 5
    gap = limber_sweep.difference(table[limber_sweep.MAIN], "captions", "self-supervised", "category")
    assert gap["low"] > 0.2
    assert limber_sweep.difference(table[limber_sweep.MAIN], "captions", "labels", "category")["high"] < 0
    missed = {row["quantity"]: row["met"] for row in limber_sweep.aims(table[limber_sweep.MAIN]) if row["met"] < 5}
    assert missed == {"category: captions minus labels": 0, "colour: best minus worst trained encoder": 4}


def test_batches_of_one_look_bring_captions_to_where_labels_are():
    table, alike = limber_sweep.load(), (limber_sweep.ALIKE, "captions")
    gain = limber_sweep.across(table, alike, (limber_sweep.MAIN, "captions"), "category")
    behind = limber_sweep.across(table, alike, (limber_sweep.MAIN, "labels"), "category")
    assert gain["low"] > 0 and behind["low"] < 0 < behind["high"]
    for what in ("size", "colour"):  # what such batches cost
        assert limber_sweep.across(table, alike, (limber_sweep.MAIN, "captions"), what)["mean"] < 0


def test_the_sweep_goes_on_where_it_stopped(tmp_path):
    asked = []

    def make(seed, condition):
        asked.append((condition, seed))
        return {"seed": seed}

    path = tmp_path / "sweep.json"
    limber_sweep.sweep(path, make)
    first = list(asked)
    limber_sweep.sweep(path, make)
    assert asked == first and len(first) == sum(limber_sweep.CONDITIONS.values())


def test_the_shown_scenes_are_those_of_the_seed():
    scenes = creatures.draw(limber_examples.SCENES, torch.Generator().manual_seed(limber_examples.SEED), "seen")
    views = limber_examples.load()
    assert [view["truth"] for view in views] == creatures.captions(scenes.labels)
    assert all(set(view["encoders"]) == set(NAMES) for view in views)


def test_text_goes_there_and_back():
    said = "a small red wug . it says foo ."
    assert text.decode(text.encode(said)) == said
    with pytest.raises(ValueError, match="unicorn"):
        text.encode("a unicorn")


def test_batches_of_one_look_differ_in_the_category_alone():
    labels = creatures.draw_labels(400, torch.Generator().manual_seed(0), "seen")
    rows = lab_vision.like_one(labels, torch.Generator().manual_seed(1))
    assert len(labels[rows, :2].unique(dim=0)) == 1 and len(labels[rows, 2].unique()) > 5
    assert len(rows) == (labels[:, :2] == labels[rows[0], :2]).all(1).sum()


def test_recipes_train_a_few_steps(tmp_path):
    lm, progress = lab_lm_scenes.train(lab_lm_scenes.Recipe(steps=3, documents=40), tmp_path, log=lambda _: None)
    assert progress.loss > 0 and not any(p.requires_grad for p in lm.parameters())
    recipe = lab_vision.Recipe(steps=4, scenes=80)
    encoders, told = lab_vision.train(recipe, tmp_path, log=lambda _: None)
    assert set(told.towers) == set(NAMES)
    lengths = encoders.caption_table.norm(dim=-1)
    assert torch.allclose(lengths, torch.ones_like(lengths), atol=1e-5)
    for name, changed in limber_sweep.OTHERS.values():
        brief = lab_vision.Recipe(steps=2, scenes=80, **changed)
        tower, _, _ = lab_vision.train_tower(name, brief, lab_vision.pool(recipe))
        assert tower.pooled(torch.zeros(2, 3, 32, 32)).shape == (2, 256)
