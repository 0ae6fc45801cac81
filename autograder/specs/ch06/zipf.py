"""Exercise 6.1, ``zipf_ranks``: ranks by Zipf's law from uniform draws.

- drawn uniforms, away from the boundaries between two ranks, so that rounding decides nothing.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, sizes: tuple[int, ...], alphas: tuple[float, ...], low: float = 0.0) -> dict[str, Any]:
    n, alpha = int(rng.choice(sizes)), float(rng.choice(alphas))
    weights = np.arange(1, n + 1) ** -alpha
    edges = np.cumsum(weights) / weights.sum()
    uniform = low + (1 - low) * rng.random(400)
    uniform = uniform[np.abs(uniform[:, None] - edges).min(1) > 1e-5][:200]
    return {"uniform": torch.tensor(uniform), "n": n, "alpha": alpha}


def counts_ranks_from_one(uniform, n, alpha):
    weights = torch.arange(1, n + 1, dtype=torch.float64) ** -alpha
    edges = (weights / weights.sum()).cumsum(0)
    return torch.searchsorted(edges, uniform).clamp(max=n - 1) + 1


def piles_the_rest_on_the_last_rank(uniform, n, alpha):
    weights = torch.arange(1, 200_001, dtype=torch.float64) ** -alpha
    edges = (weights / weights.sum()).cumsum(0)
    return torch.searchsorted(edges, uniform).clamp(max=n - 1)


def forgets_to_normalise(uniform, n, alpha):
    weights = torch.arange(1, n + 1, dtype=torch.float64) ** -alpha
    return torch.searchsorted(weights.cumsum(0), uniform).clamp(max=n - 1)


def makes_late_ranks_frequent(uniform, n, alpha):
    weights = torch.arange(1, n + 1, dtype=torch.float64) ** alpha
    edges = (weights / weights.sum()).cumsum(0)
    return torch.searchsorted(edges, uniform).clamp(max=n - 1)


def always_uses_exponent_one(uniform, n, alpha):
    weights = 1 / torch.arange(1, n + 1, dtype=torch.float64)
    edges = (weights / weights.sum()).cumsum(0)
    return torch.searchsorted(edges, uniform).clamp(max=n - 1)


def draws_uniformly(uniform, n, alpha):
    return (uniform * n).long()


def ranks_by_counting_edges(uniform, n, alpha):
    weights = torch.arange(1, n + 1, dtype=torch.float64) ** -alpha
    edges = (weights / weights.sum()).cumsum(0)[:-1]
    return (uniform[:, None] >= edges).sum(1)


def ranks_by_a_loop(uniform, n, alpha):
    weights = [1 / rank**alpha for rank in range(1, n + 1)]
    whole = sum(weights)
    found = []
    for value in uniform.tolist():
        reached, rank = weights[0] / whole, 0
        while value > reached and rank < n - 1:
            rank += 1
            reached += weights[rank] / whole
        found.append(rank)
    return torch.tensor(found)


EXERCISE = Exercise(
    name="zipf_ranks",
    card=Card(
        title="Draw words as often as language does",
        difficulty=2,
        minutes=10,
        why="Whether a model learns a word by heart or reads its role from the context depends on how often it meets "
        "the word, and so on this skew.",
        paper="The toy setting: Zipf-distributed tokens, exponents 0 to 1.5.",
    ),
    groups=(
        Group(
            "a small class",
            2,
            partial(_draw, sizes=(5, 6, 7), alphas=(0.7, 1.2, 1.5)),
            hint="Rank r (from 1) has weight 1 / r ** alpha; divide by the sum of all n weights, add up, and look "
            "where the uniform number falls.",
        ),
        Group(
            "a large class",
            2,
            partial(_draw, sizes=(50, 200), alphas=(1.1, 1.3)),
            hint="The cumulated probabilities of all n ranks end at 1; look where each uniform number falls.",
        ),
        Group(
            "no skew",
            1,
            partial(_draw, sizes=(20, 50), alphas=(0.0,)),
            hint="With alpha = 0 all ranks are equally frequent.",
        ),
        Group(
            "the rare end",
            1,
            partial(_draw, sizes=(40, 80), alphas=(1.1, 1.2), low=0.9),
            hint="The law is cut off at n: the weights of the n ranks alone are divided by their own sum.",
        ),
    ),
    mistakes=(
        Mistake(
            counts_ranks_from_one,
            "Your ranks start at 1. They are used as token ids here: the most frequent token is 0.",
            0,
        ),
        Mistake(
            piles_the_rest_on_the_last_rank,
            "You draw from an endless Zipf law and put whatever is beyond rank n on the last one, which then "
            "becomes one of the most frequent tokens. Divide by the sum of the n weights alone.",
            0,
        ),
        Mistake(
            forgets_to_normalise,
            "Your weights do not sum to one: divide by their sum before you add them up.",
            0,
        ),
        Mistake(
            makes_late_ranks_frequent,
            "The sign of your exponent is turned round: late ranks come out as the frequent ones.",
            1,
        ),
        Mistake(
            always_uses_exponent_one,
            "You use 1 / rank and ignore alpha.",
            0,
        ),
        Mistake(
            draws_uniformly,
            "Every rank is equally likely in your draw. The uniform numbers are places on the cumulated "
            "probabilities, not on the ranks.",
            1,
        ),
    ),
    variants=(ranks_by_counting_edges, ranks_by_a_loop),
)
