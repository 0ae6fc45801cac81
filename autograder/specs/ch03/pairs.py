"""Minimal pairs for the exercises that take a model, as token ids, without loading any model.

- ``planted``: pairs of the planted network's two tasks;
- ``lab``: pairs of lab-lm's two tasks;
- ``random_pairs``: random tokens that differ in one place, for models that know nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch

from mechanisms import models
from mechanisms.data import circuit_tasks
from mechanisms.data.documents import Corpus
from mechanisms.models import planted as network

Rng = np.random.Generator
PLANTED, MODEL, WITH_MLPS, DEEP = "planted-circuit", "lab-lm", "random-gpt2", "random-gate"


@dataclass(frozen=True)
class Size:
    """Sizes of a random model: heads in each layer, and tokens to draw from."""

    heads: int
    words: int


SIZES = {WITH_MLPS: Size(3, 900), DEEP: Size(3, 16)}


def seeded(rng: Rng) -> torch.Generator:
    """A torch generator that continues the case's own."""
    return torch.Generator().manual_seed(int(rng.integers(2**31)))


def pick(rng: Rng, options: Any) -> Any:
    """One of the options."""
    return options[int(rng.integers(len(options)))]


def planted(rng: Rng, task: str, n: int = 8) -> network.PlantedPairs:
    """Pairs of "ioi" or "colors"."""
    draw = {"ioi": network.indirect_objects, "colors": network.colored_objects}[task]
    return draw(n, seeded(rng))


def lab(rng: Rng, task: str, n: int = 8) -> circuit_tasks.Pairs:
    """Pairs of "ioi" or "colors"."""
    draw = {"ioi": circuit_tasks.indirect_objects, "colors": circuit_tasks.colored_objects}[task]
    return draw(Corpus(int(rng.integers(2**31)), trust=0.6, zipf=1.5, conflict_zipf=0.5), n)


def given(pairs: Any) -> dict[str, torch.Tensor]:
    """What every patching exercise gets of a batch of pairs."""
    return {"clean": pairs.clean, "corrupt": pairs.corrupt, "right": pairs.right, "wrong": pairs.wrong}


def random_pairs(rng: Rng, model: str, n: int = 4, length: int = 8) -> dict[str, torch.Tensor]:
    """Random prompts that differ in one place, another one in every row but never the last, and two random answers."""
    words = SIZES[model].words
    clean = torch.tensor(rng.integers(words, size=(n, length)))
    corrupt, rows = clean.clone(), torch.arange(n)
    place = torch.tensor(rng.integers(1, length - 2, size=n))
    corrupt[rows, place] = (clean[rows, place] + 1 + torch.tensor(rng.integers(words - 1, size=n))) % words
    right = torch.tensor(rng.integers(words, size=n))
    wrong = (right + 1 + torch.tensor(rng.integers(words - 1, size=n))) % words
    return {"clean": clean, "corrupt": corrupt, "right": right, "wrong": wrong}


@cache
def live(layer: int) -> tuple[int, ...]:
    """The heads of one layer of lab-lm that write something."""
    writes = models.load(MODEL).W_O[layer].flatten(1).norm(dim=1) > 1e-6
    return tuple(writes.nonzero()[:, 0].tolist())
