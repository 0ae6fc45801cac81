"""Figures and the channel pad: they draw what they are given, in words too."""

from __future__ import annotations

import io
import json
import re

import pytest
import torch

from mechanisms.data.missing_item import Task, lists, words
from mechanisms.models.mover import Mover
from mechanisms.plots import talking_heads as plots
from mechanisms.widgets import channel_pad, channel_page, channel_views
from mechanisms.widgets.channel import view_html

VALUE = {"mean": 0.5, "low": 0.4, "high": 0.6, "values": [0.45, 0.55]}
NAN = float("nan")


def draw(name):
    return {
        "strengths": lambda: plots.plot_strengths({"one": [3, 2, 1], "two": [1, 1, 1]}, "title"),
        "whole": lambda: plots.plot_whole_and_parts({"a": 0.1, "b": 0.2}, {"a": [0.1, 0.5], "b": [0.2, 0.2]}, 1),
        "recall": lambda: plots.plot_recall(
            [NAN, NAN, 1.0, 0.9], [[NAN] * 3, [NAN] * 3, [1, 1, NAN], [1, 0.8, 0.9]], 2
        ),
        "against": lambda: plots.plot_against([0.1, 0.2, 0.4], {"p": [1, 2, 3], "q": [3, 1, 2]}, [0, 0, 1], "effect"),
        "correlations": lambda: plots.plot_correlations({"p": {"x": VALUE, "y": VALUE}, "q": {"x": VALUE, "y": VALUE}}),
        "reach": lambda: plots.plot_reach({"one": 0.4, "two": 0.2}, {"mean": 0.2, "low": 0.1, "high": 0.3}, "title"),
        "edit": lambda: plots.plot_edit([2, 3, 4], {"before": [1, 0.9, 0.5], "after": [1, 0.9, 0.6]}, 3),
    }[name]()


@pytest.mark.parametrize("name", ["strengths", "whole", "recall", "against", "correlations", "reach", "edit"])
def test_every_figure_can_be_drawn_and_is_closed(name):
    import matplotlib.pyplot as plt

    figure, buffer = draw(name), io.BytesIO()
    figure.savefig(buffer, format="png", dpi=40)
    assert buffer.getvalue().startswith(b"\x89PNG") and plt.get_fignums() == []


def test_a_panel_says_its_rank_correlation():
    axes = draw("against").axes
    assert axes[0].get_title(loc="left").endswith("+1.00") and axes[1].get_title(loc="left").endswith("−0.50")
    named = plots.plot_against([0.1, 0.2], {"p": [1, 2]}, [0, 1], "effect", names=["head 7.3", "head 7.9"])
    assert [text.get_text() for text in named.legends[0].get_texts()] == ["head 7.3", "head 7.9"]


def test_four_panels_stand_in_two_rows_and_each_row_names_the_effect():
    four = plots.plot_against([0.1, 0.2, 0.4], {name: [1, 2, 3] for name in "abcd"}, [0, 0, 1], "effect").axes
    assert [ax.get_xlabel() for ax in four] == list("abcd")
    assert [ax.get_ylabel() for ax in four] == ["effect", "", "effect", ""]
    tops = [ax.get_subplotspec().rowspan.start for ax in four]
    assert tops == [0, 0, 1, 1]


def test_lengths_without_prompts_are_not_drawn():
    left = draw("recall").axes[0]
    assert left.lines[0].get_xdata().tolist() == [2, 3]


@pytest.fixture(scope="module")
def views(lists_model):
    directions = torch.randn(3, 64, generator=torch.Generator().manual_seed(0))
    batch = lists(Task(), 8, 5, torch.Generator().manual_seed(0))
    return (
        channel_views(lists_model, Task(), (2, 0), directions, batch, prompts=2, of=4, side=7, slices=5),
        batch,
        directions,
    )


def test_the_grid_is_the_movers_attention(views, lists_model):
    shown, batch, directions = views
    prompt = shown["prompts"][1]
    things = [[words(Task())[token] for token in items] for items in batch.items[:4].tolist()]
    n = things.index(prompt["things"])
    assert prompt["things"][prompt["missing"]] == words(Task())[batch.targets[n]]
    assert [len(prompt["grid"]), len(prompt["grid"][0]), len(prompt["grid"][0][0])] == [5, 7, 7]
    cells = [cell for plane in prompt["grid"] for row in plane for cell in row]
    assert all(sum(cell) == pytest.approx(1, abs=0.03) for cell in cells)
    mover = Mover(lists_model, batch.prompts[n : n + 1], 2, 0)
    span = torch.linalg.qr(directions.T)[0]
    here = mover.resid[0, -1] @ span  # the model's own coordinates, on axes that are not turned
    reads = lists_model.W_Q[2, 0] @ lists_model.W_K[2, 0].T
    turn = torch.linalg.svd(span.T @ reads, full_matrices=False)[0]
    assert prompt["own"] == pytest.approx((here @ turn).tolist(), abs=0.002)
    resid = mover.resid.clone()
    corner = torch.tensor([shown["low"][0], shown["high"][1], shown["high"][2]])
    resid[0, -1] += (corner @ turn.T - here) @ span.T
    looks = mover.pattern(queries_from=resid)[0, -1, batch.places[n]]
    assert (looks / looks.sum()).tolist() == pytest.approx(prompt["grid"][-1][-1][0], abs=0.01)


def test_the_lists_with_most_winners_are_shown(views):
    won = []
    for prompt in views[0]["prompts"]:
        cells = [cell for plane in prompt["grid"] for row in plane for cell in row]
        won.append(len({max(range(5), key=cell.__getitem__) for cell in cells}))
    assert won == sorted(won, reverse=True) and won[-1] >= views[0]["winners"] >= 1


def test_the_map_is_twice_as_wide_as_the_natural_range(views):
    shown = views[0]
    for i in range(3):
        natural = shown["natural"]["low"][i], shown["natural"]["high"][i]
        assert shown["low"][i] < natural[0] < natural[1] < shown["high"][i]
        width, whole = natural[1] - natural[0], shown["high"][i] - shown["low"][i]
        assert whole == pytest.approx(2 * width, abs=0.01)


def test_the_pad_moves(views):
    pad = channel_pad(views[0])
    before = pad.view.value
    pad.sliders[0].value = views[0]["low"][0]
    moved = pad.view.value
    pad.sliders[2].value = views[0]["low"][2]
    assert len({before, moved, pad.view.value}) == 3
    pad.prompt.value = 1
    assert views[0]["prompts"][1]["things"][0] in pad.view.value and "(missing)" in pad.view.value


def test_a_point_outside_the_map_is_taken_to_its_border(views):
    assert "%" in view_html(views[0], 0, (1e6, -1e6, 1e6))


def test_the_page_needs_nothing_from_elsewhere_and_repeats_no_id(views):
    odd = json.loads(json.dumps(views[0]))
    odd["prompts"][0]["things"][0] = "</script><b>"
    page = channel_page(odd, "A <title>")._repr_html_()
    page = page.replace("http://www.w3.org/2000/svg", "")  # the name of a namespace: nothing is fetched
    assert "http" not in page and "A &lt;title&gt;" in page and page.count("</script>") == 1
    assert "<b>" not in page.split("<script>")[0], "words are escaped; in the script they are text"
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) >= 5
    assert len(channel_page(views[0], "title")._repr_html_()) < 1_000_000
