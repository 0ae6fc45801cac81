"""Exercise 8.1, ``choice_accuracy``: right answers among candidates, where equal scores share the point.

- drawn scores without ties, some of them close and the tolerance 0; with exact ties; with ties that are blurred by
  rounding, and with rivals that are within the tolerance of the true candidate, but not of the best.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, ties: str) -> dict[str, Any]:
    n, k = int(rng.integers(30, 50)), int(rng.integers(3, 7))
    scores = rng.normal(size=(n, k))
    labels = rng.integers(0, k, size=n)
    if ties == "none":
        # In half of the rows a rival is so close that a relative tolerance takes it for equal. The true one is ahead of
        # it in two of three such rows: in half of them, shared points would add up to the right ones.
        for row in range(0, n, 2):
            first, second = rng.permutation(k)[:2]
            scores[row] = rng.uniform(-1, 0, size=k)
            scores[row, first], scores[row, second] = 1.0, 1.0 - 5e-6
            labels[row] = first if row % 3 else second
    else:
        # The true candidate shares the first place with one to three others, but in some rows it does not win at all.
        for row in range(n):
            others = rng.permutation([c for c in range(k) if c != labels[row]])
            scores[row] = rng.uniform(-1, 0, size=k)
            top = rng.uniform(0.2, 1)
            scores[row, others[: rng.integers(0, min(4, k))]] = top
            scores[row, labels[row]] = top if rng.random() < 0.75 else -2.0
    if ties == "rounding":
        scores = scores + rng.uniform(-4e-6, 4e-6, size=(n, k))
        for row in range(0, n, 4):
            others = rng.permutation([c for c in range(k) if c != labels[row]])
            scores[row] = rng.uniform(-1, 0, size=k)
            scores[row, [others[0], labels[row], others[1]]] = 0.5, 0.5 - 7e-5, 0.5 - 14e-5
    return {
        "scores": torch.tensor(scores, dtype=torch.float32),
        "labels": torch.tensor(labels),
        "tolerance": 1e-4 if ties == "rounding" else 0.0,
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


def asks_for_more_than_the_bound(scores, labels, tolerance):
    best = (scores > scores.max(1, keepdim=True).values - tolerance).float()
    return (best.gather(1, labels[:, None])[:, 0] / best.sum(1)).mean().item()


def adds_a_relative_tolerance(scores, labels, tolerance):
    best = torch.isclose(scores, scores.max(1, keepdim=True).values, atol=tolerance).float()
    return (best.gather(1, labels[:, None])[:, 0] / best.sum(1)).mean().item()


def counts_the_neighbours_of_the_true_one(scores, labels, tolerance):
    true = scores.gather(1, labels[:, None])
    hit = true[:, 0] >= scores.max(1).values - tolerance
    return (hit / ((scores - true).abs() <= tolerance).sum(1)).mean().item()


def takes_the_highest_of_all_rows(scores, labels, tolerance):
    best = (scores >= scores.max() - tolerance).float()
    return (best.gather(1, labels[:, None])[:, 0] / best.sum(1).clamp(min=1)).mean().item()


def gives_the_number_of_right_answers(scores, labels, tolerance):
    best = (scores >= scores.max(1, keepdim=True).values - tolerance).float()
    return (best.gather(1, labels[:, None])[:, 0] / best.sum(1)).sum().item()


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
            hint="Candidates within the given tolerance of the row's best score count as best, and no others do.",
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
        Mistake(
            asks_for_more_than_the_bound,
            "You ask for more than the highest score less the tolerance. With a tolerance of 0 nothing is that good, "
            "not even the best, and you divide by 0: at least (>=) is meant.",
            3,
        ),
        Mistake(
            adds_a_relative_tolerance,
            "torch.isclose brings a relative tolerance of its own, rtol=1e-5, which makes ties of close decisions: "
            "give it rtol=0, or compare with >=.",
            6,
        ),
        Mistake(
            counts_the_neighbours_of_the_true_one,
            "You count the candidates within the tolerance of the *true* one. Best are those within the tolerance of "
            "the row's highest score; one that is a little lower than the true one need not be among them.",
            5,
        ),
        Mistake(
            takes_the_highest_of_all_rows,
            "You compare with the highest score of the whole table. Each row is a question of its own: "
            "max(dim=1, keepdim=True).",
            0,
        ),
        Mistake(
            gives_the_number_of_right_answers,
            "You add the points up and do not divide by the number of rows. Asked for is the share, between 0 and 1.",
            0,
        ),
    ),
    variants=(scored_by_loop, scored_by_counting_rivals),
)
