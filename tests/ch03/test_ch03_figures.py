"""Figures, the graph and the claims table: they draw what they are given, and say it in words."""

from __future__ import annotations

import io
import re

import pytest
import torch

from mechanisms.models import planted as network
from mechanisms.plots import circuits as plots
from mechanisms.plots.claims import CIRCUIT_REUSE, claims_table
from mechanisms.training import circuits_sweep
from mechanisms.widgets import circuit_graph, circuit_page, circuit_slider
from mechanisms.widgets.circuit import told

SWEEP = circuits_sweep.load()
SCORES = torch.tensor([[0.02, 0.0, -0.4], [0.0, 0.9, float("nan")]])


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.plot_heads({"one": torch.rand(3, 4), "two": torch.rand(3, 4)}, "title", network.ROLES),
        lambda: plots.plot_heads({"one": torch.rand(2, 3)}, "title", live=[(0, 0), [1, 2]]),
        lambda: plots.plot_heads({str(i): torch.rand(2, 3) for i in range(3)}, "title", columns=2),
        lambda: plots.plot_accuracies({"unchanged": 0.4, "repaired": 0.9, "a control": 0.4}, "title", chance=1 / 3),
        lambda: plots.plot_rows(
            ["a", "b"], {"before": torch.tensor([0.2, 0.8]), "after": torch.tensor([0.9, 0.1])}, "t"
        ),
        lambda: plots.plot_overlaps(SWEEP),
        lambda: plots.plot_repairs(SWEEP["lab-lm"], circuits_sweep.REPAIR, circuits_sweep.CHOSEN_ON),
    ],
    ids=["roles", "live heads", "two rows", "accuracies", "rows", "overlaps", "repairs"],
)
def test_every_figure_can_be_drawn_and_is_closed(draw):
    import matplotlib.pyplot as plt

    buffer = io.BytesIO()
    draw().savefig(buffer, format="png", dpi=40)
    assert buffer.getvalue().startswith(b"\x89PNG") and plt.get_fignums() == []


def test_pruned_heads_have_no_number():
    ax = plots.plot_heads({"one": torch.full((2, 2), 0.5)}, "title", live=[(0, 0), (1, 1)]).axes[0]
    assert [text.get_text() for text in ax.texts] == ["0.50", "0.50"]


def test_heads_that_were_not_measured_have_a_dash():
    ax = plots.plot_heads({"one": torch.tensor([[0.5, 0.0], [0.0, 0.0]])}, "title", before=1).axes[0]
    assert [text.get_text() for text in ax.texts] == ["0.50", "0.00", "–", "–"]


def test_the_overlap_of_chance_is_that_of_the_sizes():
    run = {
        "tasks": {"indirect objects": {"heads": [[0, 0]] * 3}, "x": {"heads": [[0, 0]] * 4}},
        "overlap": {"x": {"expected": 1.0}},
    }
    assert plots.by_union(run, "x") == pytest.approx(1 / 6)


@pytest.fixture
def graph():
    return circuit_graph(SCORES.nan_to_num(), [[1, 1], [1, 2]], SCORES.nan_to_num() / 2)


def test_the_graph_has_an_edge_for_every_score_that_counts(graph):
    assert graph["layers"] == 2 and graph["heads"] == 3
    assert ["0.2", "logits", "logits", -0.4] in graph["edges"] and ["0.2", "1.1", "queries", -0.2] in graph["edges"]
    assert len(graph["edges"]) == 6 and all(edge[0] != "0.1" for edge in graph["edges"])
    assert told(graph, 0.3) == "paths of size 0.30 or more: 3; heads that they come from: 0.2, 1.1"
    assert told(graph, 0.95).endswith("none")


def test_the_slider_hides_what_is_below_the_threshold(graph):
    slider = circuit_slider({"one": graph, "other": graph})
    before = slider.view.value
    slider.threshold.value = 0.5
    assert slider.view.value != before and "0.50 or more: 1; heads that they come from: 1.1" in slider.view.value
    assert slider.view.value.count("display:none") == 5
    slider.task.value = "other"
    assert slider.view.value.count("display:none") == 5


def test_the_page_needs_nothing_from_elsewhere_and_repeats_no_id(graph):
    page = circuit_page({"one <task>": graph, "two": graph}, "A <title>")._repr_html_()
    assert "http" not in page and "A &lt;title&gt;" in page and "one &lt;task&gt;" in page
    assert page.count("</script>") == 1 and len(page) < 200_000
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) > 10


def test_the_claims_table_has_a_lab_number_in_every_row():
    table = claims_table(CIRCUIT_REUSE, {"repair": "66%"}, model="lab-lm", measured=SWEEP)
    assert len(table.rows) == len(CIRCUIT_REUSE) == 7
    assert all(row[2].strip() not in ("", "not run yet") for row in table.rows)
    assert "25/32" in repr(table) and "66%" in repr(table)


def test_without_a_sweep_the_table_says_so():
    assert repr(claims_table(CIRCUIT_REUSE, model="lab-lm", measured={})).count("not run yet") == 7
