"""Exercise 9.3, ``largest_micro_batch``: doubling until memory is full.

- a fake memory with a budget; sizes that fit, that do not, none that fits, a limit, and a bug.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, largest: tuple[int, ...], limit: int, tell: str = "", broken: bool = False) -> dict[str, Any]:
    """A memory in which ``largest`` sequences fit (as a power of two), and a little more than that."""
    fixed, each = float(rng.uniform(5, 30)), float(rng.uniform(0.5, 3))
    size = int(rng.choice(largest))
    budget = fixed + each * size * (1 + 0.9 * rng.random()) if size else fixed + 0.5 * each
    memory = {"budget": budget, "fixed": fixed, "each": each}
    if broken:
        memory["broken"] = int(2 ** rng.integers(0, 3))
    return {"memory": memory, "limit": limit, "tell": tell}


def returns_the_size_that_failed(try_step, limit):
    micro = 1
    while micro <= limit:
        try:
            try_step(micro)
        except torch.OutOfMemoryError:
            return micro
        micro *= 2
    return micro // 2


def tries_beyond_the_limit(try_step, limit):
    best, micro = 0, 1
    while True:
        try:
            try_step(micro)
        except torch.OutOfMemoryError:
            return best
        best = micro
        if micro >= limit:
            return best
        micro *= 2


def returns_the_limit(try_step, limit):
    best, micro = 0, 1
    while micro <= limit:
        try:
            try_step(micro)
        except torch.OutOfMemoryError:
            return best
        best, micro = micro, 2 * micro
    return limit


def gives_one_when_nothing_fits(try_step, limit):
    micro = 1
    while 2 * micro <= limit:
        try:
            try_step(2 * micro)
        except torch.OutOfMemoryError:
            break
        micro *= 2
    return micro


def tries_every_size(try_step, limit):
    best, micro = 0, 1
    while micro <= limit:
        try:
            try_step(micro)
        except torch.OutOfMemoryError:
            break
        best, micro = micro, micro + 1
    return best


def adds_one_then_rounds(try_step, limit):
    micro = 0
    while micro < limit:
        try:
            try_step(micro + 1)
        except torch.OutOfMemoryError:
            break
        micro += 1
    return 2 ** (micro.bit_length() - 1) if micro else 0


def starts_at_the_limit(try_step, limit):
    micro = 2 ** (limit.bit_length() - 1)
    while micro:
        try:
            try_step(micro)
            return micro
        except torch.OutOfMemoryError:
            micro //= 2
    return 0


def swallows_every_error(try_step, limit):
    best, micro = 0, 1
    while micro <= limit:
        try:
            try_step(micro)
        except RuntimeError:
            break
        best, micro = micro, 2 * micro
    return best


def micro_by_for(try_step, limit):
    best = 0
    for power in range(limit.bit_length()):
        try:
            try_step(2**power)
        except torch.cuda.OutOfMemoryError:
            return best
        best = 2**power
    return best


def micro_by_recursion(try_step, limit):
    def fits(size):
        try:
            try_step(size)
        except torch.OutOfMemoryError:
            return False
        return True

    def search(size):
        return search(2 * size) if size <= limit and fits(size) else size // 2

    return search(1)


LARGEST_MICRO_BATCH = Exercise(
    name="largest_micro_batch",
    card=Card(
        title="Find the largest micro batch that fits",
        difficulty=2,
        minutes=12,
        why="The micro batch decides the speed, and memory decides the micro batch. The search is a dozen lines, and "
        "each of its corner cases has cost somebody a night on a cluster.",
        paper="The search for the largest micro batch: start at 1 and double until out of memory or the GPU's share.",
    ),
    groups=(
        Group(
            "memory ends the search",
            2,
            partial(_draw, largest=(4, 8, 16, 32), limit=256),
            hint="Return the last size that fitted, not the first that failed.",
        ),
        Group(
            "the limit ends the search",
            2,
            partial(_draw, largest=(512,), limit=48),
            hint="Never try more than limit, and return a power of two: with a limit of 48 that is 32.",
        ),
        Group(
            "nothing fits",
            1,
            partial(_draw, largest=(0,), limit=64),
            hint="If a single sequence does not fit, the answer is 0.",
        ),
        Group(
            "the sizes that were tried",
            2,
            partial(_draw, largest=(8, 16, 32), limit=64, tell="tried"),
            hint="result['sizes_tried'] must be 1, 2, 4, … up to the first that fails. If result['largest'] is "
            "wrong, look at the groups above first.",
        ),
        Group(
            "an error that is no lack of memory",
            1,
            partial(_draw, largest=(512,), limit=64, broken=True),
            hint="Catch torch.OutOfMemoryError alone, so that the model's own RuntimeError comes through.",
            raises="RuntimeError",
        ),
    ),
    mistakes=(
        Mistake(
            returns_the_size_that_failed,
            "You return the size that did not fit. Keep the last one that did.",
            3,
        ),
        Mistake(
            tries_beyond_the_limit,
            "You try sizes beyond the limit. With a limit of 48, 64 must not be tried: it is more than the GPU's share "
            "of the batch.",
            6,
        ),
        Mistake(
            returns_the_limit,
            "You return the limit itself when memory never ends. It need not be a power of two, and you have not tried "
            "it: return the last size that fitted.",
            6,
        ),
        Mistake(
            gives_one_when_nothing_fits,
            "You never try 1. If a single sequence does not fit, the answer is 0, and the run must not be started.",
            5,
        ),
        Mistake(
            tries_every_size,
            "You go up in steps of one, so your answer is no power of two, and the search takes hundreds of steps in "
            "place of a few. Double.",
            2,
        ),
        Mistake(
            adds_one_then_rounds,
            "You try every size and round down at the end. The answer is right, but each try is a training step: "
            "double, and 6 tries do what takes you 40.",
            6,
        ),
        Mistake(
            starts_at_the_limit,
            "You start at the limit and halve. The answer is right, but every size that fails costs an out-of-memory "
            "error, which may leave the GPU's memory in pieces: start at 1 and double.",
            6,
        ),
        Mistake(
            swallows_every_error,
            "You catch more than a lack of memory: every exception, or every RuntimeError, which a wrong shape is too. "
            "A bug in the model then looks like full memory: catch torch.OutOfMemoryError alone.",
            7,
        ),
    ),
    variants=(micro_by_for, micro_by_recursion),
    probe="ch09.micro_batch",
)
