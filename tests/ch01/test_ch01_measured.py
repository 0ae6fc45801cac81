"""The cards and the sweep's file say what was measured; the chapter's claims hold, and what is missing is missing.

- the card's numbers are measured again from the weights;
- nothing is missing from the sweep, and every condition is counted whole.
"""

from __future__ import annotations

import math

import pytest

from mechanisms import models
from mechanisms.training import relational_sweep
from mechanisms.training.lab_relational import Recipe, measure_checkpoint
from mechanisms.training.measure_relational import aims, mean, removal_gap, shaped, stages

RECIPES = {
    "lab-relational": Recipe(),
    "control-relational": Recipe(table="random", steps=relational_sweep.BY_HEART),
    "free-relational": Recipe(attention="free"),
}
CARDS = {name: models.card(name) for name in RECIPES}
CARD = CARDS["lab-relational"]
SWEEP = relational_sweep.by_condition(relational_sweep.load())


def leaves(tree, path=""):
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, f"{path}{key}.")
    elif isinstance(tree, list):
        for i, value in enumerate(tree):
            yield from leaves(value, f"{path}{i}.")
    else:
        yield path, tree


@pytest.mark.parametrize("name", CARDS)
def test_the_card_holds_what_is_measured(name):
    card = dict(leaves(CARDS[name]["measured"]))
    again = dict(leaves(measure_checkpoint(models.checkpoint_folder(name), Recipe(**CARDS[name]["recipe"]))))
    assert card.keys() == again.keys() and len(card) > 100
    for path, value in again.items():
        if isinstance(value, float) and not math.isnan(value):
            assert value == pytest.approx(card[path], abs=0.1 if "rank" in path else 0.02), path
        elif not isinstance(value, float):
            assert value == card[path], path


@pytest.mark.parametrize("name", CARDS)
def test_the_recipe_is_the_one_of_the_command(name):
    assert Recipe(**CARDS[name]["recipe"]) == RECIPES[name]
    flags = {"control-relational": " --steps 3000 --table random", "free-relational": " --attention free"}
    assert CARDS[name]["command"] == f"python -m mechanisms.training lab-relational{flags.get(name, '')}"
    assert CARDS[name]["name"] == name


def test_the_cards_are_those_of_the_sweeps_runs():
    for name, condition in zip(RECIPES, ("regular", "random table", "free attention"), strict=True):
        [run] = [run for run in SWEEP[condition] if run["recipe"] == CARDS[name]["recipe"]]
        assert {key: run[key] for key in CARDS[name]["measured"]} == CARDS[name]["measured"]


@pytest.mark.parametrize("name", CARDS)
def test_every_aim_is_recomputed(name):
    again = aims(CARDS[name]["measured"])
    assert [(row["quantity"], row["met"]) for row in CARDS[name]["aims"]] == [
        (row["quantity"], row["met"]) for row in again
    ]


def test_the_shipped_seed_is_the_median_one():
    """So says the recipe, and so the page."""
    hits = sorted((relational_sweep.hits(run)["own"], run["recipe"]["seed"]) for run in SWEEP["regular"][:5])
    assert hits[2][1] == CARD["recipe"]["seed"]


def test_the_sweep_is_whole():
    runs = relational_sweep.load()
    assert relational_sweep.unfinished(runs) == []
    assert len(runs) == len(relational_sweep.RUNS)
    assert len(SWEEP["regular"]) >= 5 and len(SWEEP["random table"]) >= 3


def test_the_injection_is_at_least_five_times_both_controls_in_every_seed():
    assert all(relational_sweep.holds(run) for run in SWEEP["regular"])
    for run in SWEEP["regular"]:
        assert relational_sweep.hits(run)["own"] > 0.5 and mean(run["facts"]) > 0.95
        assert mean(run["held out"]) > 0.6 and mean(run["FFN share"]) > 0.75


def test_curves_and_twins_are_as_in_the_paper_in_every_seed():
    for run in SWEEP["regular"]:
        assert shaped(run) == 3 and removal_gap(run) >= 0.3
        whole, none = run["removal"][0], run["removal"][-1]
        assert whole["abstractive"] > 0.95 and none["abstractive"] < 0.05 and none["extractive"] > 0.5


def test_without_the_choices_the_two_effects_are_gone():
    for name in ("regular", "free attention"):
        for run in SWEEP[name + relational_sweep.BEFORE]:
            assert shaped(run) == 0 and removal_gap(run) < 0.3
    assert all(shaped(run) < 3 for run in SWEEP["free attention"])


def test_where_nothing_asked_for_it_there_is_no_x_and_the_transfer_stays():
    for name in ("dropout on repeats", "dropout on blocks"):
        for run in SWEEP[name]:
            assert shaped(run) == 0 and relational_sweep.holds(run) and relational_sweep.hits(run)["own"] > 0.2
    assert all(removal_gap(run) > 0.6 for run in SWEEP["dropout on repeats"])
    assert all(0.2 < removal_gap(run) < 0.5 for run in SWEEP["dropout on blocks"])


def test_the_control_looks_up_and_transfers_little():
    best = max(relational_sweep.hits(run)["own"] for run in SWEEP["random table"])
    assert best < 0.5 * min(relational_sweep.hits(run)["own"] for run in SWEEP["regular"])
    for run in SWEEP["random table"]:
        assert mean(run["facts"]) > 0.95 and mean(run["held out"]) < 0.05
        assert run["reach"]["new stems"]["hits"] < 0.05
    assert all(run["reach"]["new stems"]["hits"] > 0.2 for run in SWEEP["regular"])
    assert all(mean(run["facts"]) < 0.5 for run in SWEEP["random table, short"])


def test_every_aim_of_the_shipped_model_is_met():
    assert [row["quantity"] for row in CARD["aims"] if not row["met"]] == []


def test_the_rule_for_an_x():
    assert stages([0.1, 0.7, 0.3], [0.0, 0.2, 0.9]) == {"application": 2, "peak": 0.7, "x_shaped": True}
    assert not stages([0.1, 0.4, 0.3], [0.0, 0.2, 0.9])["x_shaped"]
    assert stages([0.1, 0.7, 0.3], [0.0, 0.8, 0.2]) == {"application": None, "peak": 0.7, "x_shaped": False}
    assert stages([0.1, 0.1], [0.2, 0.3]) == {"application": 0, "peak": 0.0, "x_shaped": False}
