"""Scenes of coloured shapes, for the chapter on binding: one object, or two objects side by side.

- ``COLOURS`` and ``SHAPES``: 8 colours, 3 shapes, and ``HELD_OUT``, the pairs that a training split leaves out;
- ``draw``: ``n`` scenes with one or two objects, as ``ObjectScenes``;
- ``noun``, ``describe`` and ``captions``: the grammar, "red square", "red square and blue ring",
  "red square left blue ring".

In a scene of two objects, object 0 is in the left half and object 1 in the right half; their colours differ, and their
shapes differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechanisms.data.scenes.canvas import SIDE, Draws, Frame, add_bars, finish, frame, ground

COLOURS = ("red", "green", "blue", "yellow", "purple", "cyan", "brown", "pink")
SHAPES = ("square", "ring", "cross")
LINKS = ("and", "left", "right")
WORDS = (*COLOURS, *SHAPES, *LINKS)
HELD_OUT = (("red", "square"), ("blue", "ring"), ("purple", "cross"), ("brown", "square"))
SPLITS = ("all", "seen", "held out")
RGB = torch.tensor(
    [
        [0.85, 0.10, 0.10],
        [0.10, 0.65, 0.15],
        [0.15, 0.25, 0.90],
        [0.95, 0.85, 0.10],
        [0.60, 0.15, 0.70],
        [0.10, 0.80, 0.85],
        [0.50, 0.30, 0.10],
        [0.95, 0.55, 0.75],
    ]
)
BARS = 3


@dataclass(frozen=True)
class ObjectScenes:
    """Images [n, 3, 32, 32] in [0, 1] and, for each object from left to right, its colour and shape [n, count]."""

    images: Float[Tensor, "n 3 row column"]
    colours: Int[Tensor, "n count"]
    shapes: Int[Tensor, "n count"]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def count(self) -> int:
        """How many objects a scene has."""
        return self.colours.shape[1]


def held_out_pairs() -> Tensor:
    """True at [colour, shape] where the pair is held out of the "seen" split."""
    table = torch.zeros(len(COLOURS), len(SHAPES), dtype=torch.bool)
    for colour, shape in HELD_OUT:
        table[COLOURS.index(colour), SHAPES.index(shape)] = True
    return table


def draw_attributes(n: int, count: int, generator: torch.Generator, split: str = "all") -> tuple[Tensor, Tensor]:
    """Colours and shapes [n, count] of scenes with one or two objects.

    split "all": any pairs. "seen": no held-out pair. "held out": exactly one object of the scene is a held-out pair.
    Raises ValueError for another split or count.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {SPLITS}, not {split!r}")
    if count not in (1, 2):
        raise ValueError(f"a scene has 1 or 2 objects, not {count}")
    # Every allowed scene, listed once: choosing rows of this list needs no rejection.
    pairs = torch.cartesian_prod(torch.arange(len(COLOURS)), torch.arange(len(SHAPES)))
    rows = torch.arange(len(pairs))[:, None] if count == 1 else torch.cartesian_prod(*[torch.arange(len(pairs))] * 2)
    colours, shapes = pairs[rows, 0], pairs[rows, 1]
    allowed = torch.ones(len(rows), dtype=torch.bool)
    if count == 2:
        allowed &= (colours[:, 0] != colours[:, 1]) & (shapes[:, 0] != shapes[:, 1])
    if split != "all":
        allowed &= held_out_pairs()[colours, shapes].sum(1) == (split == "held out")
    pick = allowed.nonzero()[torch.randint(int(allowed.sum()), (n,), generator=generator), 0]
    return colours[pick], shapes[pick]


def _outline(shape: Tensor, at: Frame, radius: Tensor) -> Tensor:
    square = at.square(0.9 * radius)
    ring = at.disc(1.05 * radius) & ~at.disc(0.5 * radius)
    thin, wide = torch.minimum(at.u.abs(), at.v.abs()), torch.maximum(at.u.abs(), at.v.abs())
    cross = (thin < 0.35 * radius) & (wide < 1.15 * radius)
    which = shape[:, None, None]
    return torch.where(which == 0, square, torch.where(which == 1, ring, cross))


def paint(colours: Tensor, shapes: Tensor, generator: torch.Generator) -> Float[Tensor, "n 3 row column"]:
    """Images of scenes whose colours and shapes [n, count] are given; place, size, turn and clutter are drawn."""
    draws = Draws(len(colours), generator)
    images = add_bars(ground(draws, tint=0.0, slope=0.08), draws, BARS, tinted=False)
    count = colours.shape[1]
    for j in range(count):
        low, high = (7.0, SIDE - 7.0) if count == 1 else ((7.0, 10.0), (SIDE - 10.0, SIDE - 7.0))[j]
        x, y = draws.uniform(1, 1, low=low, high=high), draws.uniform(1, 1, low=7.0, high=SIDE - 7.0)
        radius, turn = draws.uniform(1, 1, low=4.5, high=6.5), draws.uniform(1, 1, low=-0.3, high=0.3)
        there = _outline(shapes[:, j], frame(x, y, turn), radius)
        colour = RGB[colours[:, j]] * draws.uniform(1, low=0.75, high=1.1) + draws.normal(3, std=0.06)
        images = torch.where(there[:, None], colour[:, :, None, None], images)
    return finish(images, draws)


def draw(n: int, count: int, generator: torch.Generator, split: str = "all") -> ObjectScenes:
    """``n`` scenes with ``count`` (1 or 2) objects. ``split`` as in ``draw_attributes``."""
    colours, shapes = draw_attributes(n, count, generator, split)
    return ObjectScenes(paint(colours, shapes, generator), colours, shapes)


def noun(colour: int, shape: int) -> str:
    """ "red square" """
    return f"{COLOURS[colour]} {SHAPES[shape]}"


def describe(colours: list[int], shapes: list[int], link: str = "and", first: int = 0) -> str:
    """The caption of one scene that mentions object ``first`` first.

    One object: "red square". Two: "red square and blue ring", or with link "left" or "right" "red square left blue
    ring", as it is written: whether it is true of the scene is up to the caller. Raises ValueError for another link.
    """
    if link not in LINKS:
        raise ValueError(f"link must be one of {LINKS}, not {link!r}")
    nouns = [noun(c, s) for c, s in zip(colours, shapes, strict=True)]
    return nouns[0] if len(nouns) == 1 else f"{nouns[first]} {link} {nouns[1 - first]}"


def captions(scenes: ObjectScenes, style: str, generator: torch.Generator) -> list[str]:
    """A true caption for every scene; which of two objects comes first is drawn.

    style "and": "red square and blue ring"; "relation": "red square left blue ring" (or "blue ring right red square");
    "both": one or the other, half of the time each. Scenes of one object have one caption, "red square".
    """
    if style not in ("and", "relation", "both"):
        raise ValueError(f"style must be 'and', 'relation' or 'both', not {style!r}")
    n = len(scenes)
    first = torch.randint(2, (n,), generator=generator)
    plain = torch.rand(n, generator=generator) < {"and": 1.0, "relation": 0.0, "both": 0.5}[style]
    rows = zip(scenes.colours.tolist(), scenes.shapes.tolist(), first.tolist(), plain.tolist(), strict=True)
    return [describe(c, s, "and" if bare else ("left", "right")[f], f) for c, s, f, bare in rows]
