"""Pictures of rendered scenes.

- ``contact_sheet``: scenes in a grid, each with its caption.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

LETTERS = 18  # of a caption's line under a picture


def contact_sheet(
    images: Float[Tensor, "n 3 row column"], captions: Sequence[str], columns: int = 6, title: str = ""
) -> Figure:
    """The images, each above its caption, ``columns`` to a row. Raises ValueError if there are none to show."""
    if not len(images) or len(images) != len(captions):
        raise ValueError(f"one caption for each image, please: {len(images)} images, {len(captions)} captions")
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(1.55 * columns, 2.15 * rows + 0.3), squeeze=False)
    plt.close(figure)  # a notebook then shows it once, as the cell's value
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, caption in zip(axes.flat, images, captions, strict=False):
        axis.imshow(image.permute(1, 2, 0).clamp(0, 1).numpy(), interpolation="nearest")
        axis.set_anchor("N")
        # Where captions are tokens the full stop stands alone: on a line of its own it would look like a blot.
        lines = textwrap.wrap(caption.replace(" .", "."), LETTERS)
        axis.set_title("\n".join(lines), fontsize=9, y=-0.06, va="top")
    figure.suptitle(title, fontsize=12)
    figure.tight_layout(h_pad=2.6)
    # tight_layout keeps room for the captions above the pictures, though they hang below: take that back.
    figure.subplots_adjust(top=1 - 0.35 / figure.get_figheight())
    return figure
