"""Figures, the slider over stops and the claims table: they draw what they are given, in words too."""

from __future__ import annotations

import io
import re

import pytest
import torch

from mechanisms.plots import dual_process as plots
from mechanisms.plots.claims import DUAL_PROCESS, claims_table
from mechanisms.training import dual_sweep
from mechanisms.widgets import stop_frames, stop_page, stop_slider

SCORES = dict.fromkeys(plots.SCORES, 0.7)
ROWS = [{"step": step, **SCORES} for step in (1, 2, 3)]
FOUND = dict.fromkeys(plots.SCORES, {"mean": 0.5, "low": -0.1, "high": 1.2, "least": 0.2, "most": 0.9, "n": 5})


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.plot_use(torch.arange(9), 9, 1.2),
        lambda: plots.plot_sets({"one": SCORES, "two": SCORES}, "title"),
        lambda: plots.plot_sets({"one": SCORES | {"another": 0.5}}),
        lambda: plots.plot_training({"one": ROWS, "two": ROWS}),
        lambda: plots.plot_stops({"none": FOUND, "900": FOUND}),
        lambda: plots.plot_conditions({"one": FOUND, "two": FOUND}),
    ],
    ids=["use", "sets", "sets with another score", "training", "stops", "conditions"],
)
def test_every_figure_can_be_drawn_and_is_closed(draw):
    import matplotlib.pyplot as plt

    figure, buffer = draw(), io.BytesIO()
    figure.savefig(buffer, format="png", dpi=40)
    assert buffer.getvalue().startswith(b"\x89PNG") and plt.get_fignums() == []


def test_bars_are_as_long_as_the_scores():
    ax = plots.plot_sets({"one": {"validation": 1.0, "switch": 0.25}}).axes[0]
    assert sorted(bar.get_width() for bar in ax.patches) == [0.25, 1.0]
    assert {"100%", "25%"} <= {text.get_text() for text in ax.texts}


@pytest.fixture(scope="module")
def frames():
    return stop_frames(dual_sweep.runs_of(), {"vanilla": 0, "stop at 900": 900, "active": None})


def test_frames_hold_the_means_of_the_sweep(frames):
    runs = dual_sweep.runs_of()["stop at 900"]
    assert frames[1]["curves"]["switch"][-1] == pytest.approx(
        sum(run["curve"][-1]["switch"] for run in runs) / 5, abs=1e-3
    )
    assert frames[1]["end"]["switch"][0] == min(run["switch"] for run in runs) and frames[1]["seeds"] == 5


def test_the_slider_moves(frames):
    slider = stop_slider(frames, start=0)
    before = slider.view.value
    slider.place.value = 1
    assert slider.view.value != before and "over 5 seeds" in slider.view.value


def test_the_page_needs_nothing_from_elsewhere_and_repeats_no_id(frames):
    page = stop_page(frames, "A <title>", start=1)._repr_html_()
    assert "http" not in page and "A &lt;title&gt;" in page and page.count("</script>") == 1
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) > 2 and len(page) < 300_000
    for name in ("no forgetting (vanilla)", "forgetting stops at step 900", "forgetting never stops (active)"):
        assert name in page


def test_the_claims_table_has_a_lab_number_in_every_row():
    table = claims_table(DUAL_PROCESS, {"gap": "+0.60"}, model="five seeds", measured={})
    assert len(table.rows) == len(DUAL_PROCESS) and all(re.search(r"\d", row[2]) for row in table.rows)
    assert table.rows[3][-1] == "+0.60"
