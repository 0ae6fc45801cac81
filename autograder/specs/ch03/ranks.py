"""Exercise 3.9, ``rank_agreement``: Spearman's correlation.

- values without ties, with ties, with one that outweighs all others, and a constant.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, ties: bool = False, constant: str = "") -> dict[str, Any]:
    n = int(rng.integers(8, 13))
    x = np.cumsum(rng.uniform(0.1, 1.0, n))
    noise = rng.permutation(n)
    y = x + rng.uniform(0.5, 1.5) * noise / n * x.max()
    x = np.exp(x / 2)  # far from linear: ranks do not care
    if ties:
        x, y = np.floor(np.log(x) * 1.5), np.floor(y * 1.5)
        x[:3], y[-3:] = x[0], y[-1]
    order = rng.permutation(n)
    x, y = x[order], float(rng.choice([-1.0, 1.0])) * y[order]
    made = {"x": x, "y": y}
    if constant:
        made[constant] = np.full(n, float(rng.integers(1, 9)))
    return {name: torch.tensor(values, dtype=torch.float32) for name, values in made.items()}


def correlates_the_values(x, y):
    a, b = x.double() - x.double().mean(), y.double() - y.double().mean()
    size = (a.square().sum() * b.square().sum()).sqrt().item()
    return (a * b).sum().item() / size if size > 0 else math.nan


def sorts_only_once(x, y):
    if len(set(x.tolist())) < 2 or len(set(y.tolist())) < 2:
        return math.nan
    a, b = (values.argsort(stable=True).double() - (len(values) - 1) / 2 for values in (x, y))
    return ((a * b).sum() / (a.square().sum() * b.square().sum()).sqrt()).item()


def gives_ties_different_ranks(x, y):
    if len(set(x.tolist())) < 2 or len(set(y.tolist())) < 2:
        return math.nan
    a, b = (values.argsort(stable=True).argsort(stable=True).double() - (len(values) - 1) / 2 for values in (x, y))
    return ((a * b).sum() / (a.square().sum() * b.square().sum()).sqrt()).item()


def gives_ties_the_lowest_rank(x, y):
    a, b = ((values[None, :] < values[:, None]).double().sum(1) for values in (x, y))
    a, b = a - a.mean(), b - b.mean()
    size = (a.square().sum() * b.square().sum()).sqrt().item()
    return (a * b).sum().item() / size if size > 0 else math.nan


def uses_the_shortcut_in_spite_of_ties(x, y):
    if len(set(x.tolist())) < 2 or len(set(y.tolist())) < 2:
        return math.nan
    ranks = [
        (v[None, :] < v[:, None]).double().sum(1) + ((v[None, :] == v[:, None]).double().sum(1) + 1) / 2 for v in (x, y)
    ]
    n = len(x)
    return 1 - 6 * (ranks[0] - ranks[1]).square().sum().item() / (n * (n * n - 1))


def gives_zero_for_a_constant(x, y):
    ranks = [
        (v[None, :] < v[:, None]).double().sum(1) + ((v[None, :] == v[:, None]).double().sum(1) + 1) / 2 for v in (x, y)
    ]
    a, b = (r - r.mean() for r in ranks)
    size = (a.square().sum() * b.square().sum()).sqrt().item()
    return (a * b).sum().item() / size if size > 0 else 0.0


def gives_ties_the_highest_rank(x, y):
    a, b = ((values[None, :] <= values[:, None]).double().sum(1) for values in (x, y))
    a, b = a - a.mean(), b - b.mean()
    size = (a.square().sum() * b.square().sum()).sqrt().item()
    return (a * b).sum().item() / size if size > 0 else math.nan


def counts_equal_values_once(x, y):
    a, b = (values.unique(return_inverse=True)[1].double() for values in (x, y))
    a, b = a - a.mean(), b - b.mean()
    size = (a.square().sum() * b.square().sum()).sqrt().item()
    return (a * b).sum().item() / size if size > 0 else math.nan


def leaves_the_mean_rank_in(x, y):
    if len(set(x.tolist())) < 2 or len(set(y.tolist())) < 2:
        return math.nan
    a, b = (
        (v[None, :] < v[:, None]).double().sum(1) + ((v[None, :] == v[:, None]).double().sum(1) + 1) / 2 for v in (x, y)
    )
    return (a * b).sum().item() / (a.square().sum() * b.square().sum()).sqrt().item()


def looks_at_x_alone_for_a_constant(x, y):
    a, b = (
        (v[None, :] < v[:, None]).double().sum(1) + ((v[None, :] == v[:, None]).double().sum(1) + 1) / 2 for v in (x, y)
    )
    a, b = a - a.mean(), b - b.mean()
    if not a.any():
        return math.nan
    size = (a.square().sum() * b.square().sum()).sqrt().item()
    return (a * b).sum().item() / size if size > 0 else 0.0


def agreement_by_loop(x, y):
    def ranks(values):
        values = values.tolist()
        ordered = sorted(values)
        return [ordered.index(v) + (ordered.count(v) + 1) / 2 for v in values]

    a, b = ranks(x), ranks(y)
    mean = (len(a) + 1) / 2
    top = sum((p - mean) * (q - mean) for p, q in zip(a, b, strict=True))
    sizes = [sum((p - mean) ** 2 for p in ranked) for ranked in (a, b)]
    return top / math.sqrt(sizes[0] * sizes[1]) if min(sizes) > 0 else float("nan")


def agreement_in_numpy(x, y):
    import numpy

    ranks = []
    for values in (x, y):
        unique, inverse, counts = numpy.unique(values.numpy(), return_inverse=True, return_counts=True)
        if len(unique) == 1:
            return float("nan")
        last = counts.cumsum()
        ranks.append((last - (counts - 1) / 2)[inverse])
    return float(numpy.corrcoef(*ranks)[0, 1])


EXERCISE = Exercise(
    name="rank_agreement",
    card=Card(
        title="Compare two rankings, ties included",
        difficulty=2,
        minutes=10,
        why="Effects of heads differ by orders of magnitude, so that one head would decide Pearson's correlation. "
        "Ranks ask only whether the order agrees.",
        paper="Section 5: a Spearman correlation of 0.69 between the intervention's effect and the path-patching "
        "effect.",
    ),
    groups=(
        Group(
            "no ties",
            2,
            _draw,
            hint="Ranks are 1, 2, 3 … from the smallest value; then Pearson's correlation of the ranks.",
        ),
        Group(
            "ties",
            2,
            partial(_draw, ties=True),
            cases=3,
            hint="Equal values share the average of their ranks: 5, 7, 7 get 1, 2.5, 2.5.",
        ),
        Group(
            "x is constant",
            0.5,
            partial(_draw, constant="x"),
            cases=1,
            hint="A constant has no order: return float('nan').",
        ),
        Group(
            "y is constant",
            0.5,
            partial(_draw, constant="y"),
            cases=1,
            hint="Either list may be constant: return float('nan') then.",
        ),
    ),
    mistakes=(
        Mistake(
            correlates_the_values,
            "This is Pearson's correlation of the values. Replace both lists by their ranks first.",
            1,
        ),
        Mistake(
            sorts_only_once,
            "argsort tells which value comes at each rank, not which rank each value has. Sort its result once more, "
            "or count how many values are smaller.",
            1,
        ),
        Mistake(
            gives_ties_different_ranks,
            "Equal values get different ranks, by their place in the list. They share the average of their ranks.",
            3,
        ),
        Mistake(
            gives_ties_the_lowest_rank,
            "Equal values all get the lowest of their ranks. They share the average: add half of (how many are equal, "
            "plus one).",
            3,
        ),
        Mistake(
            uses_the_shortcut_in_spite_of_ties,
            "1 - 6 Σd² / (n(n² - 1)) holds only without ties. Correlate the ranks.",
            3,
        ),
        Mistake(
            gives_zero_for_a_constant,
            "You return 0 for a constant. 0 says that two orders have nothing to do with each other; a constant has no "
            "order at all: return float('nan').",
            4,
        ),
        Mistake(
            gives_ties_the_highest_rank,
            "Equal values all get the highest of their ranks. They share the average: 5, 7, 7 get 1, 2.5, 2.5.",
            3,
        ),
        Mistake(
            counts_equal_values_once,
            "Equal values take one rank together, so that the next value comes too low. Each takes a place of its own, "
            "and they share the average: 5, 5, 7 get 1.5, 1.5, 3.",
            3,
        ),
        Mistake(
            leaves_the_mean_rank_in,
            "You correlate ranks without subtracting their mean, and as all ranks are positive they seem to agree.",
            1,
        ),
        Mistake(
            looks_at_x_alone_for_a_constant,
            "Only a constant x gives NaN in yours. A constant y has no order either: return float('nan').",
            4.5,
        ),
    ),
    variants=(agreement_by_loop, agreement_in_numpy),
    forbidden={
        "scipy.stats.spearmanr": "it is the whole exercise.",
        "scipy.stats.rankdata": "ranks with ties are half of the exercise.",
        ".rank": "a data frame's ranks are half of the exercise.",
    },
)
