"""The controls of the two-alternative score: the rules, and what the chapter's text says of the shipped models."""

from __future__ import annotations

import copy

import pytest
import torch

from mechanisms import models
from mechanisms.data.dual_process import KINDS
from mechanisms.training import dual_controls
from mechanisms.training.dual_controls import answering, by_place, by_query, conflict_shares, controls, copying
from mechanisms.training.forgetting import reset_embeddings
from mechanisms.training.measure_dual import test_sets


def shipped(name, world):
    return answering(models.load(name, fresh=True), world, 0.02)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.endswith("no cue")])
def test_a_rule_of_places_earns_the_whole_score_and_half_with_three_candidates(world, kind):
    found = controls(by_place, world, kind)
    assert found["two"] == found["no copula"] == found["copula first"] == found["noun first"] == 1
    assert found["place 2"] == 1 and 0.45 < found["right of three"] < 0.55


@pytest.mark.parametrize("kind", ["validation", "random", "switch"])
def test_without_the_copula_the_query_tells_three_orders_of_four(world, kind):
    found = controls(by_query, world, kind)
    assert found["two"] == found["no copula"] == 1 and 0.7 < found["right of three"] < 0.8
    test = test_sets(world, 1000)[kind]
    unclear = test.tokens[:, 3] == test.tokens[:, 2]
    copula_first = test.tokens[unclear, 0] == world.copula
    assert 0.45 < unclear.float().mean() < 0.55 and 0.4 < copula_first.float().mean() < 0.6


@pytest.mark.parametrize("kind", KINDS)
def test_repeating_the_query_earns_half(world, kind):
    assert 0.45 < controls(copying, world, kind)["two"] < 0.55


def test_no_copula_is_left_and_no_token_occurs_twice_in_a_context(world):
    for kind in ("random", "switch"):
        test = test_sets(world, 200)[kind]
        changed = dual_controls.without_copula(world, test)
        assert not (changed.tokens == world.copula).any()
        assert (changed.tokens != test.tokens).sum() == 200
        assert all(len(set(row)) == 3 for row in changed.tokens[:, :3].tolist())


@pytest.mark.parametrize(
    ("name", "no_copula"), [("lab-dual-vanilla", 0.76), ("lab-dual-active", 0.85), ("lab-dual", 0.88)]
)
def test_the_shipped_models_tell_the_copula_from_the_other_two(world, name, no_copula):
    found = controls(shipped(name, world), world)
    assert found["right of three"] > 0.99 and found["place 1"] < 0.01
    assert found["no copula"] == pytest.approx(no_copula, abs=0.04)


def test_with_a_hidden_cue_the_score_hangs_on_the_copula_alone():
    from mechanisms.data.dual_process import World

    recipe = models.card("lab-dual-hidden")["recipe"]
    world = World(ambiguous=recipe["ambiguous"], hidden=recipe["hidden"])
    found = controls(answering(models.load("lab-dual-hidden", fresh=True), world, recipe["spread"]), world)
    assert found["right of three"] > 0.98 and 0.45 < found["no copula"] < 0.58


def test_just_after_a_reset_the_forgetful_model_takes_place_2(world):
    rows = []
    for seed in range(5):
        model = copy.deepcopy(models.load("lab-dual-active", fresh=True))
        table = model.get_input_embeddings().weight
        fresh = 0.02 * torch.randn(table.shape, generator=torch.Generator().manual_seed(seed))
        reset_embeddings(model, torch.optim.AdamW([table]), fresh)
        rows.append(controls(answering(model, world, 0.02), world))
    assert all(row["place 2"] > 0.99 and row["copula first"] > 0.99 for row in rows)
    mean = {name: sum(row[name] for row in rows) / 5 for name in rows[0]}
    assert mean["two"] == pytest.approx(0.82, abs=0.03) and mean["noun first"] == pytest.approx(0.63, abs=0.04)
    assert mean["right of three"] == pytest.approx(0.5, abs=0.02)


def test_in_a_conflict_vanilla_goes_by_context_or_by_tokens_and_nothing_else(world):
    found = conflict_shares(shipped("lab-dual-vanilla", world), world)
    assert sum(found.values()) == pytest.approx(1, abs=1e-6) and found["neither"] < 0.01
    assert found["context"] == pytest.approx(0.25, abs=0.03)
    assert conflict_shares(by_place, world) == {"context": 1, "tokens": 0, "neither": 0}


def test_the_hard_score_of_new_tokens_hangs_on_how_long_their_embeddings_are(world):
    model = models.load("lab-dual-vanilla", fresh=True)
    before = model.get_input_embeddings().weight.clone()
    small, large = dual_controls.by_size(model, world, (0.02, 0.08)).values()
    assert small["random, whole vocabulary"] == 0 and large["random, whole vocabulary"] > 0.9
    assert min(small["random"], large["random"]) > 0.95
    assert torch.equal(before, model.get_input_embeddings().weight)
    long = dual_controls.lengths(model, world, 0.02)
    assert long["trained"] > 5 * long["new"] and long["new"] == pytest.approx(0.02 * 8, rel=0.05)
