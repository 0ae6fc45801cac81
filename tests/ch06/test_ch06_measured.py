"""The cards of lab-dual and the sweep's file say what was measured; what the page says of them is in them."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from mechanisms import models
from mechanisms.plots.claims import DUAL_PROCESS, claims_table
from mechanisms.training import dual_sweep
from mechanisms.training.lab_dual import Recipe
from mechanisms.training.live_dual import WAYS
from mechanisms.training.measure_dual import aims, scores

NAMES = {shipped: changes for shipped, changes in WAYS.values()} | {"lab-dual-hidden": dual_sweep.HIDDEN}
SWEEP = dual_sweep.runs_of()


def runs_of(name):
    if not SWEEP.get(name):
        pytest.fail(f"The sweep has no runs of {name!r} yet: python -m mechanisms.training.dual_sweep", pytrace=False)
    return SWEEP[name]


@pytest.mark.parametrize("name", NAMES)
def test_the_card_holds_what_is_measured(name):
    card = models.card(name)
    recipe = Recipe(**card["recipe"])
    found = scores(models.load(name, fresh=True), recipe.world(), recipe.spread, n=1000)
    assert found.keys() == card["measured"].keys()
    for kind, value in found.items():
        assert value == pytest.approx(card["measured"][kind], abs=0.05), kind


@pytest.mark.parametrize("name", NAMES)
def test_the_recipe_is_the_one_that_the_command_runs(name):
    card = models.card(name)
    assert card["recipe"] == asdict(Recipe(**NAMES[name]))
    assert card["command"].startswith("python -m mechanisms.training lab-dual --seed 0")
    assert card["curve"][-1]["step"] == card["recipe"]["steps"]
    assert [(row["quantity"], row["met"]) for row in card["aims"]] == [
        (row["quantity"], row["met"]) for row in aims(card["measured"], card["recipe"]["hidden"] > 0)
    ]
    assert all(row["met"] for row in card["aims"])


def test_the_command_on_the_card_gives_the_recipe():
    from mechanisms.training.__main__ import parser

    for name in NAMES:
        words = models.card(name)["command"].split()[3:]
        options = vars(parser().parse_args(words))
        recipe = asdict(Recipe())
        assert {key: options[key] for key in recipe} == models.card(name)["recipe"]


def test_the_sweep_is_whole():
    assert dual_sweep.unfinished(SWEEP) == [] and list(SWEEP) == list(dual_sweep.CONDITIONS)
    for name, condition in dual_sweep.CONDITIONS.items():
        assert condition.seeds >= 5 and [run["seed"] for run in runs_of(name)] == list(range(condition.seeds)), name
        for run in runs_of(name):
            assert run["recipe"] == asdict(Recipe(seed=run["seed"], **condition.changes))
            assert run["curve"][-1]["step"] == run["recipe"]["steps"]


def test_an_unfinished_sweep_is_told_in_words(monkeypatch):
    assert "active: 2 of 5 seeds" in dual_sweep.unfinished({"active": runs_of("active")[:2]})
    monkeypatch.setattr(dual_sweep, "load", lambda path: {})
    assert repr(claims_table(DUAL_PROCESS, model="five seeds", measured={})).count("not run yet") == len(DUAL_PROCESS)


def test_temporary_forgetting_turns_the_conflict_to_the_context():
    gap = dual_sweep.paired(runs_of("stop at 900"), runs_of("vanilla"), "switch")
    assert gap["n"] >= 5 and gap["low"] > 0.2 and gap["least"] > 0.2
    for name in ("vanilla", "stop at 900"):
        assert dual_sweep.summary(runs_of(name))["validation"]["least"] > 0.98


def test_structure_works_for_tokens_that_were_never_trained():
    for name in ("vanilla", "stop at 900", "active"):
        assert dual_sweep.summary(runs_of(name))["random"]["least"] > 0.98
        assert dual_sweep.summary(runs_of(name))["random, whole vocabulary"]["most"] < 0.02


def test_the_papers_metric_tells_the_ways_apart_in_the_second_language():
    gap = dual_sweep.paired(runs_of("hidden, temporary"), runs_of("hidden, vanilla"), "random, whole vocabulary")
    assert gap["low"] > 0.5 and gap["least"] > 0.5
    for score in ("switch", "tail switch", "random", "no cue", "tail no cue"):
        found = dual_sweep.paired(runs_of("hidden, temporary"), runs_of("hidden, vanilla"), score)
        assert found["low"] <= 0 <= found["high"], score


def test_what_the_text_says_of_the_shipped_curves():
    def at(name, score, *steps):
        rows = {row["step"]: row for row in models.card(name)["curve"]}
        return [rows[step][score] for step in steps]

    active, temporary = (models.card(name)["curve"] for name in ("lab-dual-active", "lab-dual"))
    # one and the same run, but for the last bits of a sum on another run
    for one, other in zip(active, temporary, strict=True):
        assert one["step"] > 900 or one["switch"] == pytest.approx(other["switch"], abs=0.01)
    assert at("lab-dual-active", "random", 350)[0] == pytest.approx(0.83, abs=0.01)
    assert all(0.7 < value < 0.77 for value in at("lab-dual-active", "random", 1050, 1100, 1150, 1250))
    assert all(0.45 < value < 0.58 for value in at("lab-dual-active", "switch", 1050, 1100, 1150, 1200, 1250))
    assert min(row["validation"] for row in active if row["step"] > 100) == pytest.approx(0.92, abs=0.01)


def test_how_far_apart_the_seeds_lie_by_the_end_of_forgetting():
    def spread(name):
        found = dual_sweep.summary(runs_of(name))["switch"]
        return found["most"] - found["least"]

    assert all(spread(f"stop at {stop}") > 0.4 for stop in (400, 600, 1200)) and spread("vanilla") > 0.5
    assert spread("stop at 1500") < 0.05


def test_one_model_has_both_processes():
    found = dual_sweep.summary(runs_of("hidden, temporary"))
    assert min(found[kind]["least"] for kind in ("no cue", "random")) > 0.95 and found["tail no cue"]["mean"] > 0.95
    tilt = dual_sweep.mean_interval([run["tail switch"] - run["switch"] for run in runs_of("hidden, temporary")])
    assert tilt["low"] > 0


def test_what_the_page_says_of_the_other_ways():
    active, vanilla = (dual_sweep.summary(runs_of(f"hidden, {name}")) for name in ("active", "vanilla"))
    assert active["tail no cue"]["mean"] < 0.7 < 0.9 < active["no cue"]["mean"]
    assert min(vanilla[kind]["mean"] for kind in ("no cue", "tail no cue", "random")) > 0.95
    # "in one seed of five they then win"
    assert sum(run["switch"] < 0.5 for run in runs_of("active")) == 1


def test_a_paired_difference_goes_seed_by_seed():
    one = [{"seed": 0, "x": 0.5}, {"seed": 1, "x": 0.7}]
    other = [{"seed": 1, "x": 0.1}, {"seed": 0, "x": 0.4}]
    found = dual_sweep.paired(one, other, "x")
    assert found["mean"] == pytest.approx(0.35) and found["least"] == pytest.approx(0.1) and found["n"] == 2
