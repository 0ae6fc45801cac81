"""Exercise 3.3, ``logit_difference``: right minus wrong at the last position.

- drawn logits of several batches, lengths and vocabularies, and a batch of one.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, batch: int = 0) -> dict[str, Any]:
    batch = batch or int(rng.integers(4, 8))
    words = int(rng.integers(20, 40))
    logits = 3 * torch.tensor(rng.standard_normal((batch, int(rng.integers(3, 7)), words)), dtype=torch.float32)
    right = torch.tensor(rng.integers(words, size=batch))
    wrong = (right + 1 + torch.tensor(rng.integers(words - 1, size=batch))) % words
    return {"logits": logits, "right": right, "wrong": wrong}


def takes_every_row_against_every_token(logits, right, wrong):
    return logits[:, -1, right] - logits[:, -1, wrong]


def takes_probabilities(logits, right, wrong):
    last = logits[:, -1].softmax(-1)
    rows = torch.arange(len(right))
    return last[rows, right] - last[rows, wrong]


def looks_at_the_first_position(logits, right, wrong):
    rows = torch.arange(len(right))
    return logits[rows, 0, right] - logits[rows, 0, wrong]


def turns_the_sign(logits, right, wrong):
    rows = torch.arange(len(right))
    return logits[rows, -1, wrong] - logits[rows, -1, right]


def gives_one_mean(logits, right, wrong):
    rows = torch.arange(len(right))
    return (logits[rows, -1, right] - logits[rows, -1, wrong]).mean()


def reads_the_first_row_for_all(logits, right, wrong):
    return logits[0, -1, right] - logits[0, -1, wrong]


def averages_over_positions(logits, right, wrong):
    rows = torch.arange(len(right))
    average = logits.mean(1)
    return average[rows, right] - average[rows, wrong]


def compares_with_the_best_of_the_others(logits, right, wrong):
    rows = torch.arange(len(right))
    others = logits[:, -1].clone()
    others[rows, right] = -torch.inf
    return logits[rows, -1, right] - others.max(-1).values


def gives_the_right_logit_alone(logits, right, wrong):
    return logits[torch.arange(len(right)), -1, right]


def difference_by_gather(logits, right, wrong):
    last = logits[:, -1]
    both = last.gather(1, torch.stack([right, wrong], 1))
    return both[:, 0] - both[:, 1]


def difference_of_log_probabilities(logits, right, wrong):
    logs = logits[:, -1, :].double().log_softmax(-1)  # the normaliser is the same for both and cancels
    return torch.stack([row[r] - row[w] for row, r, w in zip(logs, right, wrong, strict=True)]).float()


EXERCISE = Exercise(
    name="logit_difference",
    card=Card(
        title="Say how much the model prefers the right answer",
        difficulty=1,
        minutes=5,
        why="Accuracy jumps from 0 to 1 and hides everything in between. The logit difference moves with every head "
        "that writes towards either answer.",
        paper="The metric of all its patching experiments: the logit difference of the two answers.",
    ),
    groups=(
        Group(
            "a batch of prompts",
            3,
            _draw,
            cases=3,
            hint="One number for each prompt, shape [batch]: row 0 with right[0] and wrong[0], row 1 with right[1] …",
        ),
        Group(
            "a batch of one",
            1,
            partial(_draw, batch=1),
            cases=1,
            hint="Shape [1], not a number without dimensions.",
        ),
    ),
    mistakes=(
        Mistake(
            takes_every_row_against_every_token,
            "Your answer is a square: every prompt against every answer. Each row needs its own pair of tokens: index "
            "with torch.arange(len(right)) as well.",
            0,
        ),
        Mistake(
            takes_probabilities,
            "You subtract probabilities. They saturate at 1 and shrink with every other word that becomes likely: use "
            "the logits as they are.",
            0,
        ),
        Mistake(
            looks_at_the_first_position,
            "You read the first position. The answer is predicted at the last one, index -1.",
            0,
        ),
        Mistake(
            turns_the_sign,
            "The sign is turned: right minus wrong, so that a larger number is a better answer.",
            0,
        ),
        Mistake(
            gives_one_mean,
            "You return one mean. One number for each prompt is asked for; the mean comes later, in patch_score.",
            0,
        ),
        Mistake(
            reads_the_first_row_for_all,
            "You read every pair of answers off the first prompt's logits. Row 1 of the answers belongs to row 1 of "
            "the logits: index the batch with torch.arange(len(right)).",
            1,
        ),
        Mistake(
            averages_over_positions,
            "You average over the positions. Only the last one predicts the answer: index -1.",
            0,
        ),
        Mistake(
            compares_with_the_best_of_the_others,
            "You subtract the largest of all other logits. The second answer is given: subtract the logit of wrong.",
            0,
        ),
        Mistake(
            gives_the_right_logit_alone,
            "You return the logit of right alone. A constant added to all logits changes nothing for the model and "
            "everything for yours: subtract the logit of wrong.",
            0,
        ),
    ),
    variants=(difference_by_gather, difference_of_log_probabilities),
)
