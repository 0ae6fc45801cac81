"""Figures, the planner and the claims table: they draw what they are given, and say it in words too."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

from mechanisms.budgets.facts import GPUS, PAPER_POINTS
from mechanisms.budgets.measured import on_cpu
from mechanisms.plots import pretraining_budgets as plots
from mechanisms.plots.claims import PRETRAINING_BUDGETS, claims_table
from mechanisms.widgets import planner as planning

ROOT = Path(__file__).resolve().parents[2]
PARTS = dict.fromkeys(plots.PARTS, 1e9)
MACHINES = [{"gpu": key, "n": n, "days": 100 / n, "dollars": 5_000 * n} for key in GPUS for n in (1, 2)]
FIGURES = {
    "steps": lambda: plots.plot_steps({1: 4.0, 2: 3.0}, {1: 0.5, 2: 0.5}),
    "memory": lambda: plots.plot_memory({1: PARTS, 2: PARTS}, 80),
    "search": lambda: plots.plot_search({"one": 2.0, "two": 1.0}, "title"),
    "prediction": lambda: plots.plot_prediction({1: {"predicted": 1.0, "real": 1.1}}),
    "checkpointing": lambda: plots.plot_checkpointing({"off": 2e6, "on": 1e6}, {"off": 0.1, "on": 0.2}),
    "gpu_days": lambda: plots.plot_gpu_days((64, 3), (4, 18)),
    "utilisation": lambda: plots.plot_utilisation({"a": 0.4, "b": 1.4}),
    "frontier": lambda: plots.plot_frontier(MACHINES, [0, 1], PAPER_POINTS),
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_can_be_drawn_and_is_closed(name):
    import matplotlib.pyplot as plt

    buffer = io.BytesIO()
    FIGURES[name]().savefig(buffer, format="png", dpi=40)
    assert buffer.getvalue().startswith(b"\x89PNG") and plt.get_fignums() == []


def test_the_planner_reckons_as_the_chapter_does():
    found = planning.estimate("pythia-1b", "a100", 4, 0.4)
    assert found["days"] == pytest.approx(43.517, abs=0.01) and found["gpu_days"] == pytest.approx(4 * found["days"])
    assert found["dollars"] == 83_500 and found["training"] == pytest.approx(83_500 * found["days"] / 1825)
    assert planning.estimate("pythia-1b", "t4", 1, 0.4)["dollars"] is None
    assert planning.estimate("pythia-2.8b", "rtx3090", 2, 0.4)["tight"]


def test_the_live_planner_redraws():
    live = planning.planner()
    before = live.answer.value
    assert "43.5 days" in before and "paper: 4 × A100 (80 GB), 17.57 days" in before
    live.n.value = 8
    assert "21.8 days" in live.answer.value
    live.gpu.value = "t4"
    assert "no price in the paper" in live.answer.value


def test_the_pages_planner_needs_nothing_from_elsewhere_and_starts_with_the_same_words():
    page = planning.planner_page()._repr_html_()
    assert not re.search(r'(src|href)="', page) and "http" not in page
    ids = re.findall(r' id="([^"]+)"', page.split("<script>")[0])
    assert len(ids) == len(set(ids))
    assert planning.words(planning.estimate("pythia-1b", "a100", 4, 0.4)) in page
    assert json.loads(re.search(r"const data = (\{.*?\}), drawn", page)[1]) == planning.data()


def test_the_claims_table_reads_the_measurements():
    table = claims_table(PRETRAINING_BUDGETS, model="measured on a CPU", measured=on_cpu())
    assert all(len(row) == 3 for row in table.rows)
    assert table.header[-1] == "Lab (measured on a CPU)" and "2.73" in repr(table) and "12 and 22" in repr(table)
    assert claims_table(PRETRAINING_BUDGETS, {"fewer": "2.7"}, "x", on_cpu()).rows[1][-1] == "2.7"


def test_no_price_is_taken_for_a_formula():
    """Jupyter and the book read what stands between two dollar signs as a formula."""
    html = claims_table(PRETRAINING_BUDGETS, model="measured on a CPU", measured=on_cpu())._repr_html_()
    assert html.count("$") == html.count("<span>$</span>") > 0
    price = re.compile(r"(?<!\\)\$[0-9][0-9,]*(k\b|K\b|,[0-9]{3})")
    notebook = json.loads((ROOT / "exercises/09_pretraining_budgets/pretraining_budgets.ipynb").read_text("utf-8"))
    prose = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    page = (ROOT / "book/chapters/09_pretraining_budgets.md").read_text("utf-8")
    prose.append(re.sub(r"```\{code-cell\}.*?```", "", page, flags=re.S))
    assert any("\\$" in text for text in prose)
    assert not [found[0] for text in prose for found in price.finditer(text)]
