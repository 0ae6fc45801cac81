"""Scenes with one creature each, for the chapter on image to text: size, colour and category.

- ``SIZES``, ``COLOURS``, ``CATEGORIES``: 3 x 6 x 12 combinations, one in six held out of the "seen" split;
- ``draw``: ``n`` scenes, as ``CreatureScenes``;
- ``captions``: "a small red wug .";
- ``KINDS`` and ``SOUNDS``: what text says of a category and no image shows.

A category is an outline (disc, square, diamond: the creature's *kind*) with a texture (stripes along, across, slanted,
or a checker). The texture's phase is random, so that no single pixel tells the texture: a code that is made to
reconstruct pixels need not carry the category.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechanisms.data.scenes.canvas import SIDE, Draws, Frame, add_bars, finish, frame, ground

SIZES = ("small", "medium", "large")
COLOURS = ("red", "green", "blue", "yellow", "purple", "brown")
CATEGORIES = ("wug", "dax", "blick", "toma", "fep", "zorp", "kiki", "lorn", "mip", "gazzer", "tulver", "pim")
KINDS = ("bird", "fish", "bug")
SOUNDS = ("foo", "bah", "yip", "croo", "mew", "zik", "hum", "tok", "wee", "grr", "pff", "ding")
ATTRIBUTES = ("size", "colour", "category")
SPLITS = ("all", "seen", "held out")
TEXTURES = 4
SIZE, COLOUR, CATEGORY = range(3)  # columns of the labels
RGB = torch.tensor(
    [
        [0.80, 0.15, 0.15],
        [0.15, 0.65, 0.20],
        [0.20, 0.30, 0.85],
        [0.85, 0.75, 0.15],
        [0.60, 0.20, 0.70],
        [0.50, 0.32, 0.15],
    ]
)
BARS = 6
CONTRAST = 0.35  # how much brighter and darker than the colour a texture's stripes are
PERIOD = 4.0  # pixels from one bright stripe to the next


@dataclass(frozen=True)
class CreatureScenes:
    """Images [n, 3, 32, 32] in [0, 1] and labels [n, 3]: size, colour, category, each counted from 0."""

    images: Float[Tensor, "n 3 row column"]
    labels: Int[Tensor, "n 3"]

    def __len__(self) -> int:
        return len(self.images)


def is_held_out(labels: Int[Tensor, "n 3"]) -> Bool[Tensor, " n"]:
    """Whether a combination belongs to the sixth that the "seen" split leaves out.

    Every size, colour and category is left out equally often, alone and in pairs.
    """
    return (labels[:, CATEGORY] * 7 + labels[:, COLOUR] * 3 + labels[:, SIZE] * 5) % 6 == 0


def draw_labels(n: int, generator: torch.Generator, split: str = "all") -> Int[Tensor, "n 3"]:
    """Size, colour and category of ``n`` creatures, all combinations of the split equally likely.

    split "all", "seen" (no held-out combination) or "held out" (nothing else). Raises ValueError for another.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {SPLITS}, not {split!r}")
    every = torch.cartesian_prod(*(torch.arange(len(names)) for names in (SIZES, COLOURS, CATEGORIES)))
    if split != "all":
        every = every[is_held_out(every) == (split == "held out")]
    return every[torch.randint(len(every), (n,), generator=generator)]


def _texture(which: Tensor, at: Frame, draws: Draws) -> Tensor:
    """+1 or -1 at every pixel: stripes along v, along u, slanted, or a checker; the phase is drawn."""
    w = 2 * math.pi / PERIOD
    phase, other = draws.uniform(1, 1, high=2 * math.pi), draws.uniform(1, 1, high=2 * math.pi)
    along, across = (w * at.u + phase).sin(), (w * at.v + other).sin()
    slanted = (w * (at.u + at.v) / math.sqrt(2) + phase).sin()
    which = which[:, None, None]
    wave = torch.where(which == 2, slanted, along * across)
    return torch.where(which == 0, along, torch.where(which == 1, across, wave)).sign()


def paint(labels: Int[Tensor, "n 3"], generator: torch.Generator) -> Float[Tensor, "n 3 row column"]:
    """Images of creatures whose labels are given; place, turn, texture phase and clutter are drawn."""
    draws = Draws(len(labels), generator)
    images = add_bars(ground(draws, tint=0.06, slope=0.0), draws, BARS, tinted=True)
    radius = (5.5 + 2.5 * labels[:, SIZE])[:, None, None] + draws.uniform(1, 1, low=-0.4, high=0.4)
    room = 13.5 - radius  # how far from the middle the creature may stand and still be whole
    x, y = (SIDE / 2 - 0.5 + room * draws.uniform(1, 1, low=-1, high=1) for _ in range(2))
    at = frame(x, y, draws.uniform(1, 1, low=-0.2, high=0.2))
    kind, texture = (labels[:, CATEGORY] // TEXTURES)[:, None, None], labels[:, CATEGORY] % TEXTURES
    # The factors give the three outlines about the same area, so that none looks larger.
    square_or_diamond = torch.where(kind == 1, at.square(0.89 * radius), at.diamond(1.25 * radius))
    there = torch.where(kind == 0, at.disc(radius), square_or_diamond)
    colour = (RGB[labels[:, COLOUR]] * draws.uniform(1, low=0.8, high=1.1))[:, :, None, None]
    coat = colour * (1 + CONTRAST * _texture(texture, at, draws))[:, None]
    return finish(torch.where(there[:, None], coat, images), draws)


def draw(n: int, generator: torch.Generator, split: str = "all") -> CreatureScenes:
    """``n`` scenes with one creature each. ``split`` as in ``draw_labels``."""
    labels = draw_labels(n, generator, split)
    return CreatureScenes(paint(labels, generator), labels)


def captions(labels: Int[Tensor, "n 3"]) -> list[str]:
    """ "a small red wug ." for every row of labels."""
    return [f"a {SIZES[s]} {COLOURS[c]} {CATEGORIES[k]} ." for s, c, k in labels.tolist()]
