"""Exercise 8.5, ``circular_convolution``: two vectors bound into one of the same size.

- drawn vectors of even and odd size, in batches of one and two axes;
- the answer has to let gradients through, since section 7 trains the vectors through it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, shape: tuple[int, ...], trained: bool) -> dict[str, Any]:
    vectors = {name: torch.tensor(rng.normal(size=shape), dtype=torch.float32) for name in "ab"}
    return {**vectors, "trained": trained}


def cuts_off_a_linear_convolution(a, b):
    d = a.shape[-1]
    result = torch.zeros_like(a)
    for i in range(d):
        for j in range(d - i):
            result[..., i + j] += a[..., i] * b[..., j]
    return result


def correlates(a, b):
    return torch.fft.irfft(torch.fft.rfft(a).conj() * torch.fft.rfft(b), n=a.shape[-1])


def correlates_the_other_way(a, b):
    return torch.fft.irfft(torch.fft.rfft(a) * torch.fft.rfft(b).conj(), n=a.shape[-1])


def is_off_by_one_place(a, b):
    return torch.fft.irfft(torch.fft.rfft(a) * torch.fft.rfft(b), n=a.shape[-1]).roll(1, dims=-1)


def is_off_by_one_place_the_other_way(a, b):
    return torch.fft.irfft(torch.fft.rfft(a) * torch.fft.rfft(b), n=a.shape[-1]).roll(-1, dims=-1)


def transforms_every_axis(a, b):
    return torch.fft.ifftn(torch.fft.fftn(a) * torch.fft.fftn(b)).real


def takes_the_size_of_complex_numbers(a, b):
    return torch.fft.ifft(torch.fft.fft(a) * torch.fft.fft(b)).abs()


def lets_the_inverse_guess_the_size(a, b):
    return torch.fft.irfft(torch.fft.rfft(a) * torch.fft.rfft(b))


def cuts_the_gradients_off(a, b):
    return torch.fft.irfft(torch.fft.rfft(a) * torch.fft.rfft(b), n=a.shape[-1]).detach()


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
    spectrum = torch.fft.fft(a.double()) * torch.fft.fft(b.double())
    return torch.fft.ifft(spectrum).real.to(a.dtype)


_SIZES = (("even size", (3, 8)), ("odd size", (2, 7)), ("more axes, with gradients", (4, 3, 6)))
_HINTS = (
    "c[k] is the sum over i of a[i] · b[(k − i) mod d]: what runs over the end comes back at the start.",
    "The inverse real transform must be told the size: irfft(..., n=d). It assumes an even one otherwise.",
    "Only the last axis is convolved, all others are batch; and gradients have to reach a and b.",
)

EXERCISE = Exercise(
    name="circular_convolution",
    card=Card(
        title="Bind two vectors by circular convolution",
        difficulty=2,
        minutes=10,
        why="It is how Conv and role-filler models put two words into one vector of the same size. Its algebra "
        "decides what they can tell apart.",
        paper="Models: Conv and RF; Plate's holographic reduced representations.",
    ),
    groups=tuple(
        Group(name, 2, partial(_draw, shape=shape, trained=len(shape) == 3), hint=hint)
        for (name, shape), hint in zip(_SIZES, _HINTS, strict=True)
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
            correlates_the_other_way,
            "You compute a circular correlation: b runs backwards, at i − k or k + i. Its place is (k − i) mod d.",
            0,
        ),
        Mistake(
            is_off_by_one_place,
            "Your answer is one place too far to the right. a[0] · b[0] belongs to k = 0: the places add up, mod d.",
            0,
        ),
        Mistake(
            is_off_by_one_place_the_other_way,
            "Your answer is one place too far to the left. a[0] · b[0] belongs to k = 0: the places add up, mod d.",
            0,
        ),
        Mistake(
            transforms_every_axis,
            "fftn and fft2 transform the batch axes, too, and mix different rows. rfft takes the last axis alone.",
            0,
        ),
        Mistake(
            takes_the_size_of_complex_numbers,
            "You take the absolute value of the complex result, which makes every entry positive. Take its real part.",
            0,
        ),
        Mistake(
            lets_the_inverse_guess_the_size,
            "irfft alone gives an even number of entries. Where d is odd one is missing: irfft(..., n=d).",
            4,
        ),
        Mistake(
            cuts_the_gradients_off,
            "The numbers are right, and no gradient gets through to a and b (detach, .data, .tolist() or numpy). "
            "Section 7 trains word vectors through this function: stay in torch, and detach nothing.",
            4,
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
    probe="ch08.bound",
)
