"""Exercise 5.8, ``transitions``: when each seed made it, and how many never did.

- drawn training curves: some cross and stay, some cross and fall back, some never cross.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator
# Exact in single precision too, so that a curve can be at the level.
_LEVEL = 0.984375


def _curve(rng: Rng, length: int, kind: str) -> np.ndarray:
    low = 0.90 + 0.05 * rng.random(length)
    high = 0.992 + 0.007 * rng.random(length)
    start = int(rng.integers(length // 2, length - 4))
    curve = np.where(np.arange(length) >= start, high, low)
    curve[start] = _LEVEL  # at the level counts
    if kind == "never":
        return low
    if kind == "falls back":
        early = int(rng.integers(2, start - 2))
        curve[early] = 0.993
    if kind == "falls at the end":
        curve[-1] = 0.95
    return curve


def _draw(rng: Rng, kinds: tuple[str, ...]) -> dict[str, Any]:
    length = int(rng.integers(14, 20))
    every = int(rng.choice([25, 50, 100, 200]))
    order = rng.permutation(len(kinds))
    return {
        "steps": [every * (i + 1) for i in range(length)],
        "accuracy": torch.tensor(np.stack([_curve(rng, length, kinds[i]) for i in order]), dtype=torch.float32),
        "level": _LEVEL,
    }


def takes_the_first_crossing(steps, accuracy, level):
    found = []
    for curve in accuracy.tolist():
        above = [step for step, value in zip(steps, curve, strict=True) if value >= level]
        found.append(above[0] if above else None)
    return {"steps": found, "never": found.count(None)}


def asks_for_more_than_the_level(steps, accuracy, level):
    found = []
    for curve in accuracy.tolist():
        below = [i for i, value in enumerate(curve) if value <= level]
        first = below[-1] + 1 if below else 0
        found.append(steps[first] if first < len(steps) else None)
    return {"steps": found, "never": found.count(None)}


def leaves_out_the_failures(steps, accuracy, level):
    found = []
    for curve in accuracy.tolist():
        below = [i for i, value in enumerate(curve) if value < level]
        first = below[-1] + 1 if below else 0
        if first < len(steps):
            found.append(steps[first])
    return {"steps": found, "never": 0}


def gives_the_place_in_the_list(steps, accuracy, level):
    found = []
    for curve in accuracy.tolist():
        below = [i for i, value in enumerate(curve) if value < level]
        first = below[-1] + 1 if below else 0
        found.append(first if first < len(steps) else None)
    return {"steps": found, "never": found.count(None)}


def gives_failures_the_last_step(steps, accuracy, level):
    found = []
    for curve in accuracy.tolist():
        below = [i for i, value in enumerate(curve) if value < level]
        first = below[-1] + 1 if below else 0
        found.append(steps[min(first, len(steps) - 1)])
    return {"steps": found, "never": 0}


def transitions_from_the_end(steps, accuracy, level):
    found = []
    for curve in accuracy:
        step = None
        for t in range(len(steps) - 1, -1, -1):
            if curve[t] < level:
                break
            step = steps[t]
        found.append(step)
    return {"steps": found, "never": sum(step is None for step in found)}


def transitions_by_cumulative_minimum(steps, accuracy, level):
    stays = accuracy.flip(1).cummin(1).values.flip(1) >= level
    first = stays.float().argmax(1).tolist()
    found = [steps[i] if row.any() else None for i, row in zip(first, stays, strict=True)]
    return {"never": len(found) - int(stays.any(1).sum()), "steps": found}


EXERCISE = Exercise(
    name="transitions",
    card=Card(
        title="Count the seeds that made it, and those that did not",
        difficulty=2,
        minutes=10,
        why="A mean over 'the runs that worked' is the commonest way to make training look better than it is. The runs "
        "that never got there are part of the result.",
        paper="Abrupt, phase-transition-like gains in accuracy during training.",
    ),
    groups=(
        Group(
            "curves that cross and stay",
            2,
            partial(_draw, kinds=("stays", "stays", "stays")),
            hint="The first measured step from which every later measurement is at the level or above.",
        ),
        Group(
            "curves that cross and fall back",
            3,
            partial(_draw, kinds=("stays", "falls back", "falls back")),
            hint="A single high measurement is luck: accuracy must stay up to the end.",
        ),
        Group(
            "curves that never get there",
            3,
            partial(_draw, kinds=("stays", "never", "never", "falls at the end")),
            hint="Such a seed gets None in the list, and counts in 'never'.",
        ),
    ),
    mistakes=(
        Mistake(
            takes_the_first_crossing,
            "You take the first measurement above the level. A curve may touch it once and fall back: from your step "
            "on, every measurement must be at the level or above.",
            2,
        ),
        Mistake(
            asks_for_more_than_the_level,
            "You ask for more than the level. A measurement that is exactly at the level counts: use >=.",
            0,
        ),
        Mistake(
            leaves_out_the_failures,
            "Seeds that never got there have vanished from your list. Give them None, and count them in 'never'.",
            5,
        ),
        Mistake(
            gives_the_place_in_the_list,
            "You return the place in the list and not the step: steps[i].",
            0,
        ),
        Mistake(
            gives_failures_the_last_step,
            "Seeds that never got there have the last step in your list, as if they had made it at the very end. Give "
            "them None.",
            5,
        ),
    ),
    variants=(transitions_from_the_end, transitions_by_cumulative_minimum),
)
