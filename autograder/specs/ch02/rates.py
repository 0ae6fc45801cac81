"""Exercise 2.2, ``outcome_rates``: the three classes of answers.

- drawn logits whose argmax is each class a known number of times.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw_answers(rng: Rng, shares: tuple[float, float, float]) -> dict[str, Any]:
    """Logits whose argmax is each class with the given shares."""
    n, vocab = int(rng.integers(20, 40)), 60
    logits = rng.normal(size=(n, vocab))
    pairs = np.stack([rng.permutation(vocab)[:3] for _ in range(n)])
    counts = np.round(np.array(shares) * n).astype(int)
    kind = np.concatenate([np.full(c, i) for i, c in enumerate(counts)] + [np.full(n, int(np.argmax(shares)))])[:n]
    rng.shuffle(kind)
    logits[np.arange(n), pairs[:, 1]] += 3 * (kind == 2)  # the runner-up of another answer: the memorised one
    logits[np.arange(n), pairs[np.arange(n), kind]] = 8 + rng.random(n)
    return {
        "logits": torch.tensor(logits, dtype=torch.float32),
        "in_context": torch.tensor(pairs[:, 0]),
        "memorised": torch.tensor(pairs[:, 1]),
    }


def leaves_out_other(logits, in_context, memorised):
    answer = logits.argmax(-1)
    a = (answer == in_context).float().sum().item()
    b = (answer == memorised).float().sum().item()
    return {"in_context": a / max(a + b, 1), "memorised": b / max(a + b, 1), "other": 0.0}


def compares_the_two_logits(logits, in_context, memorised):
    first = logits.gather(1, in_context[:, None])[:, 0]
    second = logits.gather(1, memorised[:, None])[:, 0]
    share = (first > second).float().mean().item()
    return {"in_context": share, "memorised": 1 - share, "other": 0.0}


def averages_probabilities(logits, in_context, memorised):
    probability = logits.softmax(-1)
    a = probability.gather(1, in_context[:, None]).mean().item()
    b = probability.gather(1, memorised[:, None]).mean().item()
    return {"in_context": a, "memorised": b, "other": 1 - a - b}


def gives_counts(logits, in_context, memorised):
    answer = logits.argmax(-1)
    a = float((answer == in_context).sum())
    b = float((answer == memorised).sum())
    return {"in_context": a, "memorised": b, "other": len(answer) - a - b}


def rates_by_loop(logits, in_context, memorised):
    counts = {"in_context": 0, "memorised": 0, "other": 0}
    for row, context, memory in zip(logits.tolist(), in_context.tolist(), memorised.tolist(), strict=True):
        best = max(range(len(row)), key=row.__getitem__)
        counts["in_context" if best == context else "memorised" if best == memory else "other"] += 1
    return {name: count / len(logits) for name, count in counts.items()}


def rates_in_numpy(logits, in_context, memorised):
    answer = logits.double().cpu().numpy().argmax(1)
    kind = np.where(answer == in_context.numpy(), 0, np.where(answer == memorised.numpy(), 1, 2))
    return {name: np.mean(kind == i) for i, name in enumerate(("in_context", "memorised", "other"))}


EXERCISE = Exercise(
    name="outcome_rates",
    card=Card(
        title="Count who wins, in three classes",
        difficulty=1,
        minutes=8,
        why="A two-way comparison always has a winner, even when the model says something else altogether. The third "
        "class is what tells a persuaded model from a broken one.",
        paper="Section 3: in-context, memorised and other answers (26%, 43% and the rest in Pythia-1.4B).",
    ),
    groups=(
        Group(
            "only the two answers occur",
            3,
            partial(_draw_answers, shares=(0.4, 0.6, 0.0)),
            hint="The answer of the model is the most likely token; count how often it equals each tensor.",
        ),
        Group(
            "other answers occur too",
            3,
            partial(_draw_answers, shares=(0.3, 0.3, 0.4)),
            hint="Divide by the number of prompts, and let 'other' be everything else.",
        ),
    ),
    mistakes=(
        Mistake(
            leaves_out_other,
            "Your rates are shares of the prompts answered with one of the two capitals. Divide by all prompts and "
            "report the others as a class of their own: 26% and 43% would have become 38% and 62%.",
            3,
        ),
        Mistake(
            compares_the_two_logits,
            "You compare the two candidates' logits with each other. The model answers with the most likely token of "
            "the whole vocabulary, which may be neither of them.",
            3,
        ),
        Mistake(
            averages_probabilities,
            "You average probabilities. A rate counts answers: how often is this token the argmax?",
            0,
        ),
        Mistake(gives_counts, "These are counts. Divide by the number of prompts to get shares of 1.", 0),
    ),
    variants=(rates_by_loop, rates_in_numpy),
)
