"""Exercise 8.5, ``circular_convolution``: two vectors bound into one of the same length.

- drawn vectors of even and odd length, in batches of one and two axes.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, shape: tuple[int, ...]) -> dict[str, Any]:
    return {name: torch.tensor(rng.normal(size=shape), dtype=torch.float32) for name in "ab"}


def cuts_off_a_linear_convolution(a, b):
    d = a.shape[-1]
    result = torch.zeros_like(a)
    for i in range(d):
        for j in range(d - i):
            result[..., i + j] += a[..., i] * b[..., j]
    return result


def correlates(a, b):
    return torch.fft.irfft(torch.fft.rfft(a).conj() * torch.fft.rfft(b), n=a.shape[-1])


def transforms_the_first_axis(a, b):
    return torch.fft.ifft(torch.fft.fft(a, dim=0) * torch.fft.fft(b, dim=0), dim=0).real


def multiplies_entry_by_entry(a, b):
    return a * b


def returns_complex_numbers(a, b):
    return torch.fft.ifft(torch.fft.fft(a) * torch.fft.fft(b))


def convolved_by_rolling(a, b):
    return sum(a[..., i : i + 1] * b.roll(i, dims=-1) for i in range(a.shape[-1]))


def convolved_by_a_circulant_matrix(a, b):
    d = a.shape[-1]
    places = (torch.arange(d)[:, None] - torch.arange(d)[None, :]) % d
    return torch.einsum("...ki,...i->...k", b[..., places], a)


def convolved_in_double_precision(a, b):
    import numpy as np

    spectrum = np.fft.fft(a.double().numpy()) * np.fft.fft(b.double().numpy())
    return torch.from_numpy(np.fft.ifft(spectrum).real).to(a.dtype)


_LENGTHS = (("even length", (3, 8)), ("odd length", (2, 7)), ("more axes", (4, 3, 6)))
_HINTS = (
    "c[k] is the sum over i of a[i] · b[(k − i) mod d]: what runs over the end comes back at the start.",
    "The inverse real transform must be told the length: irfft(..., n=d). It assumes an even one otherwise.",
    "Only the last axis is convolved; all others are batch.",
)

EXERCISE = Exercise(
    name="circular_convolution",
    card=Card(
        title="Bind two vectors by circular convolution",
        difficulty=2,
        minutes=10,
        why="It is how Conv and role-filler models put two words into one vector of the same length. Its algebra "
        "decides what they can tell apart.",
        paper="Models: Conv and RF; Plate's holographic reduced representations.",
    ),
    groups=tuple(
        Group(name, 2, partial(_draw, shape=shape), hint=hint)
        for (name, shape), hint in zip(_LENGTHS, _HINTS, strict=True)
    ),
    mistakes=(
        Mistake(
            cuts_off_a_linear_convolution,
            "Products with i + j ≥ d are missing: you cut a linear convolution off. In the circular one they come back "
            "at the start, at (i + j) mod d.",
            0,
        ),
        Mistake(
            correlates,
            "You compute the circular correlation: one of the two runs backwards. Do not conjugate its transform.",
            0,
        ),
        Mistake(
            transforms_the_first_axis,
            "You transform along the batch, so that different rows are mixed. Convolve along the last axis.",
            0,
        ),
        Mistake(
            multiplies_entry_by_entry,
            "You multiply entry by entry. That is Mult; here the Fourier transforms are multiplied.",
            0,
        ),
        Mistake(
            returns_complex_numbers,
            "Your answer is complex. The convolution of real vectors is real: take .real, or irfft.",
            0,
        ),
    ),
    variants=(convolved_by_rolling, convolved_by_a_circulant_matrix, convolved_in_double_precision),
)
