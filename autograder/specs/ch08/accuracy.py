"""Exercise 8.1, ``choice_accuracy``: right answers among candidates, where equal scores share the point.

- drawn scores without ties; with exact ties; with ties that are blurred by rounding.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, ties: str) -> dict[str, Any]:
    n, k = 40, 5
    scores = rng.normal(size=(n, k))
    labels = rng.integers(0, k, size=n)
    if ties != "none":
        # The true candidate shares the first place with one to three others, but in some rows it does not win at all.
        for row in range(n):
            others = rng.permutation([c for c in range(k) if c != labels[row]])
            scores[row] = rng.uniform(-1, 0, size=k)
            scores[row, others[: rng.integers(0, 4)]] = 0.5
            scores[row, labels[row]] = 0.5 if rng.random() < 0.75 else -2.0
    if ties == "rounding":
        scores = scores + rng.uniform(-4e-6, 4e-6, size=(n, k))
    return {
        "scores": torch.tensor(scores, dtype=torch.float32),
        "labels": torch.tensor(labels),
        "tolerance": 1e-4 if ties == "rounding" else 1e-6,
    }


def gives_ties_to_the_first(scores, labels, tolerance):
    return (scores.argmax(1) == labels).float().mean().item()


def gives_ties_to_the_true_one(scores, labels, tolerance):
    true = scores.gather(1, labels[:, None])
    return (true >= scores.max(1, keepdim=True).values - tolerance).float().mean().item()


def counts_ties_as_wrong(scores, labels, tolerance):
    best = scores >= scores.max(1, keepdim=True).values - tolerance
    alone = best.sum(1) == 1
    return (best.gather(1, labels[:, None])[:, 0] & alone).float().mean().item()


def takes_the_first_column_for_the_true_one(scores, labels, tolerance):
    best = (scores >= scores.max(1, keepdim=True).values - tolerance).float()
    return (best[:, 0] / best.sum(1)).mean().item()


def forgets_the_tolerance(scores, labels, tolerance):
    best = (scores == scores.max(1, keepdim=True).values).float()
    return (best.gather(1, labels[:, None])[:, 0] / best.sum(1)).mean().item()


def scored_by_loop(scores, labels, tolerance):
    total = 0.0
    for row, label in zip(scores.tolist(), labels.tolist(), strict=True):
        best = [i for i, score in enumerate(row) if score >= max(row) - tolerance]
        total += (label in best) / len(best)
    return total / len(scores)


def scored_by_counting_rivals(scores, labels, tolerance):
    true = scores[torch.arange(len(scores)), labels][:, None]
    beaten = (scores.max(1).values - true[:, 0]) > tolerance
    rivals = ((scores.max(1, keepdim=True).values - scores) <= tolerance).sum(1)
    return torch.where(beaten, 0.0, 1 / rivals.double()).mean().item()


EXERCISE = Exercise(
    name="choice_accuracy",
    card=Card(
        title="Count right answers fairly",
        difficulty=2,
        minutes=10,
        why="In the authors' data files the true caption always comes first, and argmax gives a tie to the first. "
        "Together they turn a model that cannot tell two captions apart into one that is always right.",
        paper="The accuracy of all tables (five candidates).",
    ),
    groups=(
        Group(
            "no ties", 2, partial(_draw, ties="none"), hint="labels[i] is the column of the true candidate of row i."
        ),
        Group(
            "ties",
            3,
            partial(_draw, ties="exact"),
            hint="A row whose true candidate is one of m that are best counts 1/m, and 0 if it is not among them.",
        ),
        Group(
            "ties blurred by rounding",
            3,
            partial(_draw, ties="rounding"),
            hint="Candidates within the tolerance of the best score count as best, too.",
        ),
    ),
    mistakes=(
        Mistake(
            gives_ties_to_the_first,
            "argmax gives a tie to the first of those that are equal. Where the true caption comes first, a model that "
            "knows nothing would be right always: share the point.",
            2,
        ),
        Mistake(
            gives_ties_to_the_true_one,
            "You count a tie as right. A model that gives all captions one score would be right always: a tie of m "
            "candidates is worth 1/m.",
            2,
        ),
        Mistake(
            counts_ties_as_wrong,
            "You count a tie as wrong. Drawing lots among m equal candidates is right 1/m of the time.",
            2,
        ),
        Mistake(
            takes_the_first_column_for_the_true_one,
            "You take column 0 for the true candidate. Here candidates are shuffled: it is in column labels[i].",
            0,
        ),
        Mistake(
            forgets_the_tolerance,
            "You ask for exactly equal scores. Rounding makes ties look like decisions: use the tolerance.",
            5,
        ),
    ),
    variants=(scored_by_loop, scored_by_counting_rivals),
)
