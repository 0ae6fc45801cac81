"""Figures, the trial stepper, the page of curves and the claims table: they draw what they are given, in words too."""

from __future__ import annotations

import io
import re

import pytest
import torch

from mechanisms.data.reference_back import Task, answers, sequences, words
from mechanisms.plots import gating as plots
from mechanisms.plots.claims import GATING, claims_table
from mechanisms.widgets import curves_page, trial_page, trial_stepper, trial_steps

CURVE = [{"step": s, "loss": 1 / s, "accuracy": 1 - 0.3 / s, "adversarial": 1 - 0.5 / s} for s in (1, 2, 3)]
RULES = {"last mention": 0.92, "always different": 0.69}
SHARES = {"keys": 0.9, "queries": 0.0, "values": -0.001}


def draw(name):
    effect = {"mean": 0.5, "low": 0.4, "high": 0.6}
    return {
        "rules": lambda: plots.plot_rules({"one": (0.9, 0.4), "two": (1.0, 1.0)}),
        "balance": lambda: plots.plot_balance(torch.rand(9, 5) < 0.5, torch.rand(9, 5) < 0.7),
        "curve": lambda: plots.plot_curve(CURVE, RULES, "title"),
        "curve without traps": lambda: plots.plot_curve(
            [{k: r[k] for k in ("step", "loss", "accuracy")} for r in CURVE], {}
        ),
        "attention": lambda: plots.plot_attention(["a"] * 8, torch.rand(2, 8), "title"),
        "gates": lambda: plots.plot_gates({"instruction": SHARES, "other": SHARES}, "title"),
        "seeds": lambda: plots.plot_seeds({"one": [CURVE, CURVE], "two": [CURVE]}, RULES),
        "controls": lambda: plots.plot_controls({"one": {"x": effect, "y": effect}, "two": {"x": effect, "y": effect}}),
    }[name]()


@pytest.mark.parametrize(
    "name", ["rules", "balance", "curve", "curve without traps", "attention", "gates", "seeds", "controls"]
)
def test_every_figure_can_be_drawn_and_is_closed(name):
    import matplotlib.pyplot as plt

    figure, buffer = draw(name), io.BytesIO()
    figure.savefig(buffer, format="png", dpi=40)
    assert buffer.getvalue().startswith(b"\x89PNG") and plt.get_fignums() == []


def test_a_seed_that_failed_is_drawn_and_counted():
    low = [{"step": s, "accuracy": 0.9} for s in (1, 2)]
    high = [{"step": s, "accuracy": 0.995} for s in (1, 2)]
    ax = plots.plot_seeds({"mixed": [low, high, low]}, {}).axes[0]
    assert ax.get_title(loc="left") == "mixed\n1 of 3 end at 99% or above" and len(ax.lines) == 3


@pytest.fixture(scope="module")
def trial(gate):
    stream = sequences(Task(), 1, torch.Generator().manual_seed(0))[0]
    return trial_steps(gate, stream, Task()), stream


def test_a_step_shows_the_registers_and_sums_attention_to_one(trial):
    shown, stream = trial
    names = words(Task())
    right = [names[token] for token in answers(stream[None], Task())[0]]
    held = {"A": "", "B": ""}
    for t, (row, step) in enumerate(zip(shown["tuples"], shown["steps"], strict=True)):
        assert step["registers"] == held and row[3] == right[t]
        assert all(len(head) == t + 1 and sum(head) == pytest.approx(1, abs=0.02) for head in step["heads"])
        assert step["right"] == (step["says"] == right[t])
        if row[0] == "store":
            held = held | {row[1]: row[2]}
    assert sum(step["right"] for step in shown["steps"]) >= 9


def test_the_stepper_moves(trial):
    stepper = trial_stepper([trial[0], trial[0]], start=2)
    before = stepper.view.value
    stepper.step.value = 10
    assert stepper.view.value != before and "The model says" in stepper.view.value
    stepper.trial.value = 1
    assert stepper.step.max == 10


@pytest.mark.parametrize("make", ["trial", "curves"])
def test_pages_need_nothing_from_elsewhere_and_repeat_no_id(trial, make):
    if make == "trial":
        page = trial_page([trial[0], trial[0]], "A <title>", start=3)._repr_html_()
    else:
        run = {"name": "one <run>", "steps": [1, 2], "accuracy": [0.7, 1.0], "told": "99% from </script>"}
        page = curves_page([run, run], RULES, "A <title>")._repr_html_()
        assert "one &lt;run&gt;" in page
    assert "http" not in page and "A &lt;title&gt;" in page and page.count("</script>") == 1
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) > 3


def test_the_claims_table_has_a_lab_number_in_every_row():
    table = claims_table(GATING, {"accuracy": "99.9%"}, model="lab-gate")
    assert len(table.rows) == len(GATING) and all(row[2].strip() for row in table.rows)
    assert table.rows[0][-1] == "99.9%" and "keys 0." in repr(table)
