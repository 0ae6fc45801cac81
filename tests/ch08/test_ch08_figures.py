"""Figures and the scene builder: they draw what they are given, in words too."""

from __future__ import annotations

import io
import re

import matplotlib
import pytest
import torch

from mechanisms.plots import binding as plots
from mechanisms.training import binding_examples
from mechanisms.training.binding import HELD, MIXED, SEEN
from mechanisms.widgets import scene_builder, scene_page
from mechanisms.widgets.scene_builder import SAME_COLOUR, SAME_SHAPE

matplotlib.use("agg")
SHARES = {"single": 0.97, "two": 0.3, "relation": 0.2}
LEVELS = {"single": 1.0, "two": 1 / 3, "relation": 1 / 3}
HEADS = {"single": {"Add": {SEEN: 0.9, HELD: 0.0, MIXED: 0.2}}, "relation": {"Add": {SEEN: 0.2, MIXED: 0.1}}}


def draw(name):
    return {
        "levels": lambda: plots.plot_levels(SHARES, LEVELS),
        "two ways": lambda: plots.plot_two_ways({"one": 0.8, "two": 0.45}),
        "gaps": lambda: plots.plot_gaps({"Add": torch.zeros(3, 2), "TL": torch.randn(3, 2)}),
        "heads": lambda: plots.plot_heads(HEADS, LEVELS),
        "cures": lambda: plots.plot_cures({"a": {"lab": [0.2, 0.3], "other": [0.4]}}, {"a": 1 / 3}),
    }[name]()


@pytest.mark.parametrize("name", ["levels", "two ways", "gaps", "heads", "cures"])
def test_every_figure_can_be_drawn_and_is_closed(name):
    import matplotlib.pyplot as plt

    figure, buffer = draw(name), io.BytesIO()
    figure.savefig(buffer, format="png", dpi=40)
    assert buffer.getvalue().startswith(b"\x89PNG") and plt.get_fignums() == []


def test_figures_have_what_they_claim():
    levels = draw("levels")
    assert [bar.get_height() for bar in levels.axes[0].patches] == list(SHARES.values())
    assert "attributes known, binding not" in [text.get_text() for text in levels.legends[0].get_texts()]
    assert len(draw("gaps").axes) == 2 and len(draw("heads").axes) == 2
    assert {SEEN, HELD, MIXED} <= {text.get_text() for text in draw("heads").legends[0].get_texts()}
    dots = draw("cures").axes[0].collections
    assert [len(row.get_offsets()) for row in dots] == [2, 1]


def test_the_builder_shows_the_scene_that_is_chosen_and_says_which_there_are_not():
    views = binding_examples.load()
    builder = scene_builder(views)
    left_colour, left_shape, right_colour, right_shape = builder.parts
    right_shape.value = 2
    assert views["0-0-2-2"]["image"] in builder.view.value and "red square" in builder.view.value
    right_colour.value = left_colour.value
    assert builder.view.value == SAME_COLOUR
    right_colour.value, right_shape.value = 1, left_shape.value
    assert builder.view.value == SAME_SHAPE


def test_the_page_needs_nothing_from_elsewhere_and_stays_below_a_megabyte():
    markup = scene_page(binding_examples.load(), "A <title>")._repr_html_()
    assert len(markup.encode()) < 1_000_000 and "A &lt;title&gt;" in markup and markup.count("</script>") == 1
    assert (
        not re.search(r'src="(?!data:)', markup)
        and 'alt="a red square on the left, a blue ring on the right"' in markup
    )
    ids = re.findall(r' id="([^"]+)"', markup)
    assert len(ids) == len(set(ids)) == 5
