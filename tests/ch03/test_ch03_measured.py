"""The sweep's file says what was measured; what the chapter tells about the shipped model holds with room.

- the shipped model's numbers are measured again, on fewer prompts;
- the summary counts every seed, those included that never learned.
"""

from __future__ import annotations

from dataclasses import asdict
from math import isnan

import pytest
import torch

from mechanisms.data.circuit_tasks import colored_objects
from mechanisms.data.documents import Corpus
from mechanisms.training import circuits_sweep, lab_lm
from mechanisms.training import measure_circuits as circuits

SWEEP = circuits_sweep.load()
SHARES, RATES, LOGITS = 0.06, 0.09, 1.5  # fewer prompts than the sweep's, and another processor's rounding


def runs_of(name):
    if not SWEEP.get(name):
        pytest.fail(
            f"The sweep has no runs of {name!r} yet: python -m mechanisms.training.circuits_sweep", pytrace=False
        )
    return SWEEP[name]


@pytest.fixture(scope="module")
def shipped():
    return next(run for run in runs_of("lab-lm") if run["seed"] == lab_lm.Recipe().seed)


def test_the_sweep_is_whole():
    assert circuits_sweep.unfinished(SWEEP) == []
    assert SWEEP.keys() == circuits_sweep.CONDITIONS.keys()
    for name, condition in circuits_sweep.CONDITIONS.items():
        assert [run["seed"] for run in runs_of(name)] == list(range(condition.seeds)), name
        for run in runs_of(name):
            assert run["recipe"] == asdict(condition.recipe(seed=run["seed"]))


def test_the_shipped_models_numbers_are_measured_again(lab, shipped):
    again = circuits.measure(lab, 100)
    assert again["live_heads"] == shipped["live_heads"] and again["repair_heads"] == shipped["repair_heads"]
    for name, task in shipped["tasks"].items():
        assert again["tasks"][name]["mover"] == task["mover"], name
        assert again["tasks"][name]["accuracy"] == pytest.approx(task["accuracy"], abs=RATES)
        for stage in ("direct", "queries"):
            torch.testing.assert_close(
                torch.tensor(again["tasks"][name][stage]), torch.tensor(task[stage]), rtol=0, atol=SHARES
            )
    torch.testing.assert_close(
        torch.tensor(again["inhibition"]), torch.tensor(shipped["inhibition"]), rtol=0.1, atol=LOGITS
    )
    for kind, found in shipped["repair"].items():
        for key in ("base", "repaired", "objects", "bos", "least_inhibiting", "mended", "new_errors"):
            assert again["repair"][kind][key] == pytest.approx(found[key], abs=RATES), (kind, key)


def test_names_alone_choose_the_same_heads(lab, shipped):
    scores = circuits.inhibition_scores(lab, Corpus(6), 60, pools=("names",))
    ranked = sorted(circuits.live_heads(lab), key=lambda head: -scores[head])
    assert sorted(ranked[:2]) == sorted(tuple(head) for head in shipped["repair_heads"])
    assert scores[ranked[1]] > scores[ranked[2]] + 2


def test_what_the_chapter_builds_on_holds_with_room(shipped):
    found = shipped["repair"][circuits_sweep.REPAIR]
    assert found["repaired"] - found["base"] > 0.25 and found["new_errors"] < 0.08
    assert abs(found["objects"] - found["base"]) < 0.08 and found["bos"] < found["base"] + 0.05
    assert found["least_inhibiting"] < found["base"] - 0.1 and found["says_a_listed_color"] > 0.85
    colored = shipped["tasks"]["coloured objects"]
    layer, head = colored["mover"]
    assert colored["direct"][layer][head] > 0.85, "coloured objects go through one mover"
    movers = {tuple(task["mover"]) for task in shipped["tasks"].values()}
    assert len(movers) == 1, "the same late head is the mover of every task, the control's too"


def test_the_overlap_is_no_better_than_the_controls(shipped):
    """What the page says in so many words."""
    found = circuits_sweep.summary(runs_of("lab-lm"))
    difference = found["above control"]["coloured objects"]
    assert difference["low"] < 0 < difference["high"] and difference["n"] >= 3
    assert found["overlap"]["coloured objects"]["significant"] <= 1
    assert all(one["chance"] > 0.2 for one in shipped["overlap"].values())


def test_the_repair_works_in_the_other_seeds_that_learned_the_task():
    found = circuits_sweep.summary(runs_of("lab-lm"))
    able = found["repair where learned"]
    assert able["seeds"] >= 1 and able["lifted"] == able["seeds"]
    assert able["objects"]["mean"] < able["base"]["mean"] + 0.05


def test_no_seed_is_left_out():
    for name, runs in SWEEP.items():
        found, whole = circuits_sweep.summary(runs), circuits_sweep.CONDITIONS[name].whole
        assert found["tried"] == len(runs) and found["seeds"] == len(circuits_sweep.measured(runs))
        first = [run for run in runs if run["seed"] < whole and run["seed"] != circuits_sweep.CHOSEN_ON]
        assert all("unbound" not in run for run in first) and found["repair"]["seeds"] == len(first) == whole - 1
        able = [run for run in runs if circuits_sweep.learned(run)]
        assert found["learned"] == len(able) and found["repair where learned"]["seeds"] == len(able) - 1
        lifts = [run["repair"][circuits_sweep.REPAIR] for run in first]
        assert found["repair"]["lifted"] == sum(one["repaired"] - one["base"] >= 0.2 for one in lifts)
        assert all(run["unbound"] == run["recipe"]["binding_steps"] for run in runs if "unbound" in run)


def test_an_unfinished_sweep_is_told_in_words():
    part = {"lab-lm": SWEEP["lab-lm"][:1]}
    assert f"lab-lm: 1 of {circuits_sweep.CONDITIONS['lab-lm'].seeds} seeds" in circuits_sweep.unfinished(part)


def test_repair_touches_only_what_it_says(lab, shipped):
    pairs = colored_objects(Corpus(17), 50, held_out=True)
    heads = [tuple(head) for head in shipped["repair_heads"]]
    unchanged = lab(pairs.clean)[:, -1]
    torch.testing.assert_close(circuits.override(lab, pairs.clean, heads, pairs.wrong_options, 0.0), unchanged)
    assert not torch.allclose(circuits.override(lab, pairs.clean, heads, pairs.wrong_options, 0.5), unchanged, atol=0.1)
    torch.testing.assert_close(lab(pairs.clean)[:, -1], unchanged, rtol=0, atol=0)


def test_a_task_without_a_gap_has_no_circuit():
    assert isnan(circuits.share_lost(torch.ones(4), torch.ones(4) + 0.1, torch.zeros(4)))
    assert circuits.overlap([], [(0, 0)], 7)["of_union"] == 0 and circuits.overlap([], [], 7)["of_first"] == 0
    assert isnan(circuits.correlation(torch.ones(2, 2), torch.rand(2, 2), [(0, 0), (0, 1)]))


def test_the_page_counts_the_seeds_rightly():
    """Its text says "four of the six" and "seeds 1 to 4"."""
    runs = runs_of("lab-lm")
    assert len(runs) == 6 and sum(not circuits_sweep.learned(run) for run in runs) == 4
    assert circuits_sweep.CONDITIONS["lab-lm"].whole == 5
