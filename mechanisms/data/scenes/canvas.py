"""How a scene is painted: the pieces that objects and creatures share, for many scenes at a time.

- ``Draws``: random numbers from one seeded generator, in the shapes that painting needs;
- ``Frame`` and ``frame``: pixel coordinates turned and moved to where an object stands;
- ``ground``, ``add_bars`` and ``finish``: background, clutter bars, and pixel noise.

Images are [scene, channel, row, column] between 0 and 1, 3 channels, ``SIDE`` pixels a side. Everything is vectorised
over scenes: thousands of images a second on one core.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

SIDE = 32
NOISE = 0.04


@dataclass(frozen=True)
class Draws:
    """Random numbers for ``n`` scenes. Each method gives [n, *shape]."""

    n: int
    generator: torch.Generator

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(self.n, *shape, generator=self.generator)

    def normal(self, *shape: int, std: float = 1.0) -> Tensor:
        return std * torch.randn(self.n, *shape, generator=self.generator)


@dataclass(frozen=True)
class Frame:
    """Coordinates of every pixel as seen from an object: ``u`` along it, ``v`` across it, both [n, row, column]."""

    u: Tensor
    v: Tensor

    def disc(self, radius: Tensor) -> Tensor:
        return self.u**2 + self.v**2 < radius**2

    def square(self, half: Tensor) -> Tensor:
        return torch.maximum(self.u.abs(), self.v.abs()) < half

    def diamond(self, half: Tensor) -> Tensor:
        return self.u.abs() + self.v.abs() < half


def frame(x: Tensor, y: Tensor, angle: Tensor) -> Frame:
    """The frame of objects at pixel (x, y), turned by ``angle`` (radians); all [n, 1, 1]."""
    row, column = torch.meshgrid(torch.arange(SIDE).float(), torch.arange(SIDE).float(), indexing="ij")
    dx, dy = column - x, row - y
    return Frame(u=dx * angle.cos() + dy * angle.sin(), v=-dx * angle.sin() + dy * angle.cos())


def ground(draws: Draws, tint: float, slope: float) -> Float[Tensor, "n 3 row column"]:
    """A grey background with a little colour (``tint``) and a gradient from left to right (``slope``)."""
    column = (torch.arange(SIDE).float() - SIDE / 2) / (SIDE / 2)
    grey = draws.uniform(1, 1, 1, low=0.28, high=0.64) + draws.uniform(1, 1, 1, low=-slope, high=slope) * column
    return grey.expand(-1, 3, SIDE, SIDE) + draws.normal(3, 1, 1, std=tint)


def add_bars(images: Tensor, draws: Draws, count: int, tinted: bool) -> Float[Tensor, "n 3 row column"]:
    """Clutter: ``count`` short bars of any orientation, grey or of any colour."""
    for _ in range(count):
        x, y = draws.uniform(1, 1, high=SIDE), draws.uniform(1, 1, high=SIDE)
        bar = frame(x, y, draws.uniform(1, 1, high=math.pi))
        there = (bar.u.abs() < draws.uniform(1, 1, low=2, high=7)) & (bar.v.abs() < 0.9)
        paint = draws.uniform(3 if tinted else 1, 1, 1, low=0.15, high=0.8)
        images = torch.where(there[:, None], paint, images)
    return images


def finish(images: Tensor, draws: Draws) -> Float[Tensor, "n 3 row column"]:
    """Adds pixel noise and cuts to [0, 1]."""
    return (images + draws.normal(*images.shape[1:], std=NOISE)).clamp(0, 1)
