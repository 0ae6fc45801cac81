"""The card of lab-list, the sweep's file and lab-lm's file say what was measured.

- numbers are measured again from the weights, on fewer lists; the edits that were chosen are applied, not searched for;
- what the page and the notebook say in words holds.
"""

from __future__ import annotations

from dataclasses import asdict

import pytest
import torch

from mechanisms import models
from mechanisms.data.documents import Corpus
from mechanisms.data.missing_item import Task, lists
from mechanisms.plots.claims import TALKING_HEADS, claims_table
from mechanisms.training import composition_scores as composition
from mechanisms.training import list_sweep, talking_heads
from mechanisms.training.lab_list import Recipe
from mechanisms.training.measure_list import aims

CARD = models.card("lab-list")
REPORT = CARD["measured"]
SWEEP = list_sweep.load()
LANGUAGE = talking_heads.load()
AT = (2, 0)


@pytest.fixture(scope="module")
def generator():
    return torch.Generator().manual_seed(77)


def hooks_of(model, at, steps):
    """The edits of a report as hooks."""
    hooks = []
    for step in steps:
        if step["component"] == "query":
            hooks += composition.sharpen(at, step["gain"])
        else:
            spot = step["layer"], step["head"]
            write = composition.components(model.W_V[spot], model.W_O[spot])[2][step["component"]]
            hooks += composition.edit(model, *spot, write, step["gain"])
    return hooks


def test_accuracy_by_length_is_that_of_the_card(lists_model, generator):
    for length, told in REPORT["by_length"].items():
        batch = lists(Task(), 600, int(length), generator)
        assert composition.hits(composition.last(lists_model, batch, []), batch) == pytest.approx(told, abs=0.06)


@pytest.fixture(scope="module")
def rows(lists_model, generator):
    return composition.component_rows(lists_model, lists(Task(), 60, 6, generator), AT)


def test_scores_and_effects_are_those_of_the_card(rows):
    for one, told in zip(rows, REPORT["components"], strict=True):
        for name in ("strength", "q", "k", "v"):
            assert one[name] == pytest.approx(told[name], abs=2e-3)
        for name in (*composition.EFFECTS, "attention"):
            assert one[name] == pytest.approx(told[name], abs=0.05)
    again = composition.rank_correlations(rows)
    for name in ("query: q", "query: k", "query: strength", "key: k", "key: q", "query: q | strength"):
        assert again[name] == pytest.approx(REPORT["rank_correlations"][name], abs=0.15), name


def test_the_cards_summaries_are_those_of_its_rows():
    for name, value in composition.rank_correlations(REPORT["components"]).items():
        assert value == pytest.approx(REPORT["rank_correlations"][name], abs=0.02), name
    for name, value in composition.concentration(REPORT["components"]).items():
        assert value == pytest.approx(REPORT["concentration"][name], abs=0.01), name
    for name, value in REPORT["all_through"].items():
        assert sum(row[name] for row in REPORT["components"]) == pytest.approx(value, abs=0.02)


def test_the_channel_of_the_highest_scores_reaches_more_than_random_directions(lists_model, generator):
    batch = lists(Task(), 60, 6, generator)
    top = sorted(REPORT["components"], key=lambda row: -row["q"])[:3]
    writes = [
        composition.components(lists_model.W_V[s], lists_model.W_O[s])[2]
        for s in [(r["layer"], r["head"]) for r in top]
    ]
    chosen = torch.stack([w[r["component"]] for w, r in zip(writes, top, strict=True)])
    share = composition.reached(lists_model, batch, AT, chosen)
    assert share == pytest.approx(REPORT["channel"]["natural"]["highest scores"], abs=0.08)
    random = torch.randn(4, 3, 64, generator=generator)
    assert all(
        composition.reached(lists_model, batch, AT, rows - rows.mean(1, keepdim=True)) < share for rows in random
    )
    one_point = composition.reached(lists_model, batch, AT, chosen, reach=0.0)
    assert 1 / 6 - 0.01 <= one_point < share, "a single point reaches one thing"


def test_the_edits_of_the_card_do_what_it_says(lists_model, generator):
    found = REPORT["edit"]
    for length, name in ((found["length"], "held_out"), (4, "lists of 4")):
        batch = lists(Task(), 1500, length, generator)
        for steps in range(len(found["steps"]) + 1):
            hooks = hooks_of(lists_model, AT, found["steps"][:steps])
            told = found["steps"][steps - 1][name] if steps else found["before"][name]
            assert composition.hits(composition.last(lists_model, batch, hooks), batch) == pytest.approx(
                told, abs=0.045
            )


def writes_of(model):
    return {spot: composition.components(model.W_V[spot], model.W_O[spot])[2] for spot in composition.spots(model, 2)}


def test_the_fitted_gains_of_the_card_do_what_it_says(lists_model, generator):
    found, writes = REPORT["gains"], writes_of(lists_model)
    gains = dict(zip(writes, torch.tensor(found["gains"]).view(len(writes), -1), strict=True))
    batch = lists(Task(), 1500, found["length"], generator)
    hooks = composition.edits_of(lists_model, writes, gains)
    told = found["all components"]["held_out"]
    assert composition.hits(composition.last(lists_model, batch, hooks), batch) == pytest.approx(told, abs=0.045)
    one = {spot: torch.full_like(value, found["one gain"]["gain"]) for spot, value in gains.items()}
    alike = composition.last(lists_model, batch, composition.edits_of(lists_model, writes, one))
    assert composition.hits(alike, batch) == pytest.approx(found["one gain"]["held_out"], abs=0.045)


def test_one_gain_among_many_is_one_edit(lists_model, generator):
    batch, writes = lists(Task(), 10, 5, generator), writes_of(lists_model)
    gains = {spot: torch.ones(len(rows)) for spot, rows in writes.items()}
    gains[1, 3][2] = -0.5
    one = composition.edit(lists_model, 1, 3, writes[1, 3][2], -0.5)
    torch.testing.assert_close(
        composition.last(lists_model, batch, composition.edits_of(lists_model, writes, gains)),
        composition.last(lists_model, batch, one),
        rtol=1e-4,
        atol=1e-4,
    )


def test_fitting_moves_the_chosen_gains_alone(lists_model, generator, monkeypatch):
    monkeypatch.setattr(composition, "FIT_STEPS", 3)
    monkeypatch.setattr(composition, "FIT_BATCH", 40)
    batch, writes = lists(Task(), 60, 12, generator), writes_of(lists_model)
    chosen = {spot: torch.arange(len(rows)) < 2 for spot, rows in writes.items()}
    before = composition.last(lists_model, batch, [])
    gains = composition.fit(lists_model, writes, chosen, batch)
    for spot, found in gains.items():
        assert (found[2:] == 1).all() and (found[:2] != 1).all() and not found.requires_grad, spot
    after = composition.last(lists_model, batch, composition.edits_of(lists_model, writes, gains))
    loss = torch.nn.functional.cross_entropy
    assert loss(after, batch.targets) < loss(before, batch.targets)
    torch.testing.assert_close(composition.last(lists_model, batch, []), before, rtol=0, atol=0)


def test_gains_help_at_the_longest_lists_and_components_are_not_much_better_than_random_directions():
    every, turned = (
        [list_sweep.fitted(run, what) for run in SWEEP] for what in ("all components", "random directions")
    )
    assert all(gain > 0.03 for gain in every)
    assert all(one < other + 0.05 for one, other in zip(every, turned, strict=True))
    assert list_sweep.interval(SWEEP, lambda run: list_sweep.fitted(run, "all components"))["low"] > 0


def test_the_recipe_is_the_one_that_the_command_runs():
    assert CARD["recipe"] == asdict(Recipe())
    assert CARD["command"] == "python -m mechanisms.training lab-list --seed 0 --steps 2500"


def test_the_aims_are_recomputed_and_those_not_met_are_told():
    again = aims(REPORT)
    assert [(row["quantity"], row["met"]) for row in CARD["aims"]] == [(row["quantity"], row["met"]) for row in again]
    assert len(again) == 13


def test_the_sweep_is_whole_and_its_first_seed_is_the_shipped_model():
    assert [run["seed"] for run in SWEEP] == list(range(list_sweep.SEEDS)) and len(SWEEP) >= 5
    for run in SWEEP:
        assert run["recipe"] == asdict(Recipe(seed=run["seed"])) and len(run["aims"]) == 13
    assert SWEEP[0]["rank_correlations"] == REPORT["rank_correlations"] and SWEEP[0]["edit"] == REPORT["edit"]
    assert SWEEP[0]["gains"] == REPORT["gains"]


def test_the_right_score_leads_in_every_seed_also_within_layers():
    for run in SWEEP:
        rho = run["rank_correlations"]
        assert rho["query: q"] > rho["query: k"] + 0.2 and rho["key: k"] > rho["key: q"] + 0.2
        for pair in (("query: q", "query: k"), ("key: k", "key: q")):
            right, wrong = (rho[f"{name}, within layers"] for name in pair)
            assert right > wrong, run["seed"]
        assert rho["query: q | strength"] > 0.2 and rho["key: k | strength"] > 0.2
        assert rho["query: q x strength"] > rho["query: q"] - 0.05


def test_accuracy_falls_with_length_in_every_seed():
    for run in SWEEP:
        assert run["by_length"]["4"] > 0.95 > run["by_length"]["12"] + 0.1


def test_an_empty_sweep_is_told_in_words(monkeypatch):
    monkeypatch.setattr(list_sweep, "load", lambda: [])
    assert "sweep not run yet" in repr(claims_table(TALKING_HEADS, model="lab-list"))


def test_the_sweep_goes_on_where_it_stopped(tmp_path, monkeypatch):
    made = []

    def fake(seed, checkpoints):
        made.append(seed)
        return {"seed": seed, "recipe": asdict(Recipe(seed=seed)), "aims": []}

    monkeypatch.setattr(list_sweep, "run", fake)
    out = tmp_path / "sweep.json"
    assert list_sweep.main(["--out", str(out), "--seeds", "2"]) == 0
    assert list_sweep.main(["--out", str(out), "--seeds", "3"]) == 0
    assert made == [0, 1, 2] and [run["seed"] for run in list_sweep.load(out)] == [0, 1, 2]


def test_lab_lm_is_measured_as_its_file_says():
    model, corpus = models.load("lab-lm"), Corpus(5)
    for length in (4, 8):
        batch = talking_heads.as_lists(corpus.laundry(500, length))
        right = composition.hits(composition.last(model, batch, []), batch)
        assert right == pytest.approx(LANGUAGE["by_length"][str(length)], abs=0.06)
    batch = talking_heads.as_lists(corpus.laundry(200, 4))
    assert list(talking_heads.find_mover(model, batch)) == LANGUAGE["mover"]
    assert LANGUAGE["all_through"]["query"] < 0.1 < LANGUAGE["all_through"]["total"]
    summary = composition.rank_correlations(LANGUAGE["components"])
    assert summary["total: q"] == pytest.approx(LANGUAGE["rank_correlations"]["total: q"], abs=0.02)
    gained = LANGUAGE["edit"]["steps"][-1]["held_out"] - LANGUAGE["edit"]["before"]["held_out"]
    assert gained < 0.1, "the page says that no edit helps lab-lm by ten points"


def test_the_claims_table_has_a_lab_number_in_every_row():
    table = claims_table(TALKING_HEADS, {"falls": "mine"}, model="lab-list")
    assert len(table.rows) == len(TALKING_HEADS) and all(row[2].strip() for row in table.rows)
    assert table.rows[0][-1] == "mine" and "ρ = +0." in repr(table)
