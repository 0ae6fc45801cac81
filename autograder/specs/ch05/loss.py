"""Exercise 5.5, ``answer_loss``: cross-entropy where the answers are, and nowhere else.

- random logits over drawn streams, and the gradient that comes back to them.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake
from mechanisms.data.reference_back import Task, sequences

Rng = np.random.Generator


def _draw(rng: Rng, batch: int, tuples: int, spread: float, gradient: bool = False) -> dict[str, Any]:
    task = Task(tuples=tuples)
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    logits = rng.normal(size=(batch, task.length, task.vocabulary)) * spread
    return {
        "logits": torch.tensor(logits, dtype=torch.float32),
        "tokens": sequences(task, batch, generator),
        "gradient": gradient,
    }


def reads_the_logits_at_the_answer(logits, tokens):
    return torch.nn.functional.cross_entropy(logits[:, 3::4].flatten(0, 1), tokens[:, 3::4].flatten())


def predicts_every_token(logits, tokens):
    return torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())


def predicts_the_symbol(logits, tokens):
    return torch.nn.functional.cross_entropy(logits[:, 1::4].flatten(0, 1), tokens[:, 2::4].flatten())


def adds_up_instead_of_averaging(logits, tokens):
    return torch.nn.functional.cross_entropy(logits[:, 2::4].flatten(0, 1), tokens[:, 3::4].flatten(), reduction="sum")


def compares_the_two_answers_only(logits, tokens):
    return torch.nn.functional.cross_entropy(logits[:, 2::4, 2:4].flatten(0, 1), tokens[:, 3::4].flatten() - 2)


def looks_at_the_last_answer(logits, tokens):
    return torch.nn.functional.cross_entropy(logits[:, -2], tokens[:, -1])


def cuts_the_gradient(logits, tokens):
    return torch.nn.functional.cross_entropy(logits.detach()[:, 2::4].flatten(0, 1), tokens[:, 3::4].flatten())


def loss_by_gathering(logits, tokens):
    log_probability = logits.log_softmax(-1)[:, 2::4]
    return -log_probability.gather(-1, tokens[:, 3::4, None]).mean()


def loss_by_transposing(logits, tokens):
    return torch.nn.functional.cross_entropy(logits[:, 2::4].transpose(1, 2), tokens[:, 3::4])


def loss_by_a_mask(logits, tokens):
    place = torch.arange(tokens.shape[1])
    mask = (place % 4 == 2).expand(tokens.shape)
    return torch.nn.functional.cross_entropy(logits[mask], tokens.roll(-1, dims=1)[mask])


EXERCISE = Exercise(
    name="answer_loss",
    card=Card(
        title="Take the loss where the answers are",
        difficulty=2,
        minutes=8,
        why="Instructions, registers and symbols are drawn at random: nothing can predict them. Train on them and most "
        "of the gradient is noise.",
        paper="Next-token prediction with the loss at answer positions.",
    ),
    groups=(
        Group(
            "one short stream",
            3,
            partial(_draw, batch=1, tuples=1, spread=1.0),
            hint="With one tuple there is one answer, at position 3; it is predicted at position 2.",
        ),
        Group(
            "a batch",
            2,
            partial(_draw, batch=5, tuples=6, spread=3.0),
            hint="All answers of all streams count the same: one mean over all of them.",
        ),
        Group(
            "the gradient at the logits",
            1,
            partial(_draw, batch=3, tuples=4, spread=1.0, gradient=True),
            hint="Training needs a tensor that gradients flow through: no .detach(), no .item(), no torch.no_grad().",
        ),
    ),
    mistakes=(
        Mistake(
            reads_the_logits_at_the_answer,
            "You are off by one: you read the logits at the answer itself, where the model has already seen it. The "
            "logits at a position predict the next token, so the answer is predicted at its symbol.",
            0,
        ),
        Mistake(
            predicts_every_token,
            "You take the loss at every position. Three tokens of four are random draws that nothing can predict: keep "
            "the answers only.",
            0,
        ),
        Mistake(
            predicts_the_symbol,
            "You take the loss at the symbol, one position too early: the tuple is instruction, register, symbol, "
            "answer, so answers stand at positions 3, 7, 11, …",
            0,
        ),
        Mistake(
            adds_up_instead_of_averaging,
            "You add the losses up. Take the mean, so that the size of the gradient does not depend on the batch.",
            3,
        ),
        Mistake(
            compares_the_two_answers_only,
            "You normalise over the two answers only. The model may say any token: the cross-entropy runs over the "
            "whole vocabulary.",
            0,
        ),
        Mistake(
            looks_at_the_last_answer,
            "You take the loss at the last answer only. Every tuple of the stream has one.",
            3,
        ),
        Mistake(
            cuts_the_gradient,
            "The number is right, but no gradient reaches the logits, so nothing could be trained with it. Leave out "
            ".detach(), .item() and torch.no_grad().",
            5,
        ),
    ),
    variants=(loss_by_gathering, loss_by_transposing, loss_by_a_mask),
    probe="ch05.answer_loss",
)
