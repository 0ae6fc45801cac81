"""What all figures share.

- three outcome classes with a colour, a hatch and a name, safe for colour-blind readers and for grey prints;
- ``new_figure``: a figure of the course's size with the frame it does not need taken away.
"""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Mark:
    """How one class of answers looks: ``ink`` is the colour of text set on ``color``."""

    name: str
    color: str
    ink: str
    hatch: str
    marker: str


OUTCOMES = {
    "in_context": Mark("in-context", "#0072B2", "white", "", "o"),
    "memorised": Mark("memorised", "#E69F00", "black", "//", "s"),
    "other": Mark("other", "#BBBBBB", "black", "..", "^"),
}
INK, QUIET, GOOD = "#222222", "#767676", "#009E73"
TOWARDS = "RdBu"  # diverging map: blue towards the in-context answer, red towards the memorised one, as in the paper


def new_figure(
    width: float = 7.0, height: float = 3.2, columns: int = 1, rows: int = 1, **layout
) -> tuple[Figure, list[Axes]]:
    """A figure with ``columns`` axes side by side in each of ``rows`` (size in inches), and the axes row by row.

    The figure is taken out of pyplot's list of open figures: a notebook then shows it once, as the cell's value.
    """
    figure, axes = plt.subplots(rows, columns, figsize=(width, height), layout="constrained", squeeze=False, **layout)
    plt.close(figure)
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, list(axes.flat)
