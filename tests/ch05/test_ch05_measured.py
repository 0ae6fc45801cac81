"""The card of lab-gate and the sweep's file say what was measured; the chapter's aims hold with room.

- the card's numbers are measured again from the weights;
- the sweep's summary is computed again from its curves, and nothing is missing from it.
"""

from __future__ import annotations

from dataclasses import asdict

import pytest

from mechanisms import models
from mechanisms.plots.claims import GATING, claims_table
from mechanisms.training import gating_sweep
from mechanisms.training.lab_gate import Recipe
from mechanisms.training.measure_gate import aims, dominance, measure

CARD = models.card("lab-gate")
SWEEP = gating_sweep.load()
# Fewer pairs than on the card, and another processor's rounding. Shares of single heads vary most.
RATES, SHARES, LOGITS = 0.02, 0.05, 0.6


def leaves(tree, path=""):
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, f"{path}{key}.")
    elif isinstance(tree, list):
        for i, value in enumerate(tree):
            yield from leaves(value, f"{path}{i}.")
    else:
        yield path, tree


def test_the_card_holds_what_is_measured(gate):
    card = dict(leaves(CARD["measured"]))
    compared = 0
    for name, value in leaves(measure(gate, Recipe(**CARD["recipe"]).task(), n=1000)):
        room = LOGITS if name.endswith(("gap.", "margin.")) else SHARES if name.startswith("gates") else RATES
        assert value == pytest.approx(card[name], abs=room), name
        compared += 1
    assert compared == len(card) > 30


def test_the_recipe_is_the_one_that_the_command_runs():
    assert CARD["recipe"] == asdict(Recipe())
    assert CARD["command"] == "python -m mechanisms.training lab-gate --seed 0 --steps 4000"


def test_every_aim_of_the_shipped_model_is_met_and_recomputed():
    again = aims(CARD["measured"])
    assert [(row["quantity"], row["met"]) for row in CARD["aims"]] == [(row["quantity"], row["met"]) for row in again]
    assert all(row["met"] for row in again)


def test_what_the_chapter_builds_on_holds_with_room():
    gates = CARD["measured"]["gates"]
    assert CARD["measured"]["accuracy"] > 0.998 and min(CARD["measured"]["adversarial"].values()) > 0.993
    assert dominance(gates["instruction"], "keys") > 5
    assert dominance(gates["role"], "keys") > 5 and dominance(gates["query"], "queries") > 5


def test_the_curve_passes_the_rules_and_ends_above_them():
    curve = CARD["curve"]
    assert curve[0]["accuracy"] < 0.75 and curve[-1]["accuracy"] > 0.99 and curve[-1]["step"] == CARD["recipe"]["steps"]
    passing = next(row for row in curve if row["accuracy"] > 0.92)
    assert passing["adversarial"] < passing["accuracy"] - 0.1, "the gate is learned after the easy answers"


def runs_of(name):
    if not SWEEP.get(name):
        pytest.fail(f"The sweep has no runs of {name!r} yet: python -m mechanisms.training.gating_sweep", pytrace=False)
    return SWEEP[name]


def test_the_sweep_is_whole():
    assert gating_sweep.unfinished(SWEEP) == []
    assert SWEEP.keys() == gating_sweep.CONDITIONS.keys()
    for name, condition in gating_sweep.CONDITIONS.items():
        assert condition.seeds >= 5
        assert [run["seed"] for run in runs_of(name)] == list(range(condition.seeds)), name
        for run in runs_of(name):
            assert run["recipe"] == asdict(Recipe(seed=run["seed"], **condition.changes))
            assert run["transition"] == gating_sweep.transition(run["curve"])


def test_an_unfinished_sweep_is_told_in_words(monkeypatch):
    part = {"lab-gate": SWEEP["lab-gate"][:2]} if "lab-gate" in SWEEP else {}
    assert f"lab-gate: {len(part.get('lab-gate', []))} of 6 seeds" in gating_sweep.unfinished(part)
    assert "no lures: 0 of 5 seeds" in gating_sweep.unfinished(part)
    monkeypatch.setattr(gating_sweep, "load", lambda: {})
    table = repr(claims_table(GATING, model="lab-gate"))
    assert table.count("not run yet") == 6


def test_ordinary_accuracy_does_not_show_that_the_gate_was_learned():
    # the page and the notebook speak of these runs
    without = runs_of("no lures")
    assert any(run["transition"] is not None and min(run["adversarial"].values()) < 0.6 for run in without)
    assert gating_sweep.summary(without)["never"] == 2 and gating_sweep.summary(runs_of("whole view"))["never"] == 4
    kept = [gating_sweep.absolute(run, "query", "queries") for run in runs_of("split set")]
    assert sum(0.6 < value < 0.7 for value in kept) == 1 and sum(value < 0.3 for value in kept) == 4


def test_the_summary_counts_the_seeds_that_never_made_it():
    for runs in SWEEP.values():
        found = gating_sweep.summary(runs)
        assert found["never"] == sum(run["transition"] is None for run in runs)
        assert found["solved"] + found["never"] == found["seeds"] == len(runs) == found["accuracy"]["n"]


def test_the_recipe_solves_the_task_with_every_seed_and_the_output_gate_is_in_the_queries():
    found = gating_sweep.summary(runs_of("lab-gate"))
    assert found["never"] == 0 and found["output gate in queries"] == found["seeds"]
    assert found["fractions"]["role: keys"]["least"] > 0.8
    assert found["fractions"]["instruction: keys"]["low"] > 0.3


def test_the_controls_shrink_the_gates():
    full, without, split = (
        gating_sweep.summary(runs_of(name))["effects"] for name in ("lab-gate", "no ignore", "split set")
    )
    for kind in ("keys", "values"):
        assert without[f"instruction: {kind}"]["high"] < 0.2 * full[f"instruction: {kind}"]["mean"]
    assert split["query: queries"]["high"] < full["query: queries"]["low"]


def test_a_curve_that_falls_back_has_not_made_it_yet():
    def curve(*values):
        return [{"step": 10 * (i + 1), "accuracy": value} for i, value in enumerate(values)]

    assert gating_sweep.transition(curve(0.9, 0.995, 0.98, 0.991, 0.992)) == 40
    assert gating_sweep.transition(curve(0.9, 0.995, 0.98)) is None
    assert gating_sweep.transition(curve(0.99, 1.0)) == 10


def test_intervals_hold_their_mean():
    found = gating_sweep.mean_interval([1.0, 2.0, 3.0])
    assert found["low"] < found["mean"] == 2.0 < found["high"] and found["n"] == 3
    low, high = gating_sweep.wilson(5, 5)
    assert 0.5 < low < high == pytest.approx(1.0)
