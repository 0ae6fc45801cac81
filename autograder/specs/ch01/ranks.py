"""Exercise 1.2, ``reciprocal_ranks``: how high one token stands among all, as 1 / (rank + 1).

- drawn logits of both signs, with and without ties; ranks are small for some items and large for others.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, stages: int, ties: bool = False) -> dict[str, Any]:
    batch, vocabulary = int(rng.integers(4, 7)), int(rng.integers(9, 15))
    logits = np.stack([rng.permutation(vocabulary) for _ in range(stages * batch)]).astype(float)
    if ties:
        logits = np.floor(logits / 3)  # three tokens share every value
    tokens = rng.permutation(vocabulary)[:batch]
    shaped = torch.tensor(logits.reshape(stages, batch, vocabulary), dtype=torch.float32)
    return {"logits": (shaped - shaped.mean().round()) / 4, "tokens": torch.tensor(tokens)}


def starts_counting_at_two(logits, tokens):
    index = tokens.expand(len(logits), -1)[..., None]
    rank = (logits > logits.gather(-1, index)).sum(-1)
    return 1 / (rank + 2.0)


def ranks_from_the_bottom(logits, tokens):
    index = tokens.expand(len(logits), -1)[..., None]
    rank = (logits < logits.gather(-1, index)).sum(-1)
    return 1 / (rank + 1.0)


def reads_an_argsort_as_ranks(logits, tokens):
    order = logits.argsort(-1, descending=True)
    index = tokens.expand(len(logits), -1)[..., None]
    return 1 / (order.gather(-1, index)[..., 0] + 1.0)


def counts_ties_as_better(logits, tokens):
    index = tokens.expand(len(logits), -1)[..., None]
    rank = (logits >= logits.gather(-1, index)).sum(-1) - 1
    return 1 / (rank + 1.0)


def counts_the_token_itself(logits, tokens):
    index = tokens.expand(len(logits), -1)[..., None]
    rank = (logits >= logits.gather(-1, index)).sum(-1)
    return 1 / (rank + 1.0)


def divides_by_the_rank_from_zero(logits, tokens):
    index = tokens.expand(len(logits), -1)[..., None]
    return 1 / (logits > logits.gather(-1, index)).sum(-1).float()


def returns_the_rank_from_zero(logits, tokens):
    index = tokens.expand(len(logits), -1)[..., None]
    return (logits > logits.gather(-1, index)).sum(-1).float()


def compares_sizes_without_signs(logits, tokens):
    index = tokens.expand(len(logits), -1)[..., None]
    rank = (logits.abs() > logits.abs().gather(-1, index)).sum(-1)
    return 1 / (rank + 1.0)


def follows_one_token_only(logits, tokens):
    rank = (logits > logits[..., tokens[0]][..., None]).sum(-1)
    return 1 / (rank + 1.0)


def returns_the_rank_itself(logits, tokens):
    index = tokens.expand(len(logits), -1)[..., None]
    return (logits > logits.gather(-1, index)).sum(-1) + 1.0


def ranks_by_loops(logits, tokens):
    found = torch.zeros(logits.shape[:2])
    for stage in range(logits.shape[0]):
        for item, token in enumerate(tokens.tolist()):
            row = logits[stage, item].tolist()
            found[stage, item] = 1 / (1 + sum(value > row[token] for value in row))
    return found


def ranks_by_sorting(logits, tokens):
    own = logits[:, torch.arange(len(tokens)), tokens]
    ascending = logits.sort(-1).values
    above = logits.shape[-1] - torch.searchsorted(ascending, own[..., None].contiguous(), right=True)[..., 0]
    return (above.double() + 1).reciprocal()


EXERCISE = Exercise(
    name="reciprocal_ranks",
    card=Card(
        title="Say how high a token stands",
        difficulty=2,
        minutes=10,
        why="'In third place' says more than a logit of 7.1. The reciprocal of the rank is 1 at the top and falls "
        "quickly, so that curves show who leads.",
        paper="The reciprocal rank of argument and answer after every layer, the y axis of the paper's X-shaped plots.",
    ),
    groups=(
        Group(
            "one stage",
            2,
            partial(_draw, stages=1),
            hint="rank: how many tokens have a larger logit. Result: 1 / (rank + 1), so 1 for the top token.",
        ),
        Group(
            "several stages",
            3,
            partial(_draw, stages=4),
            cases=3,
            hint="The result is [stage, batch]; item i is about tokens[i] in every stage.",
        ),
        Group(
            "ties",
            2,
            partial(_draw, stages=2, ties=True),
            hint="Only strictly larger logits count: tokens that tie share the better rank.",
        ),
    ),
    mistakes=(
        Mistake(
            starts_counting_at_two,
            "You give 1 / (rank + 2): the top token must get 1. Your rank starts at 1 already.",
            0,
        ),
        Mistake(
            counts_the_token_itself,
            "You count with >=, so the token counts itself, and every tie as well: the top token must get 1. Only "
            "strictly larger logits count: >.",
            0,
        ),
        Mistake(
            divides_by_the_rank_from_zero,
            "You give 1 / rank. Ranks count from 0, so the top token is divided by zero and the next one gets 1: it is "
            "1 / (rank + 1).",
            0,
        ),
        Mistake(
            returns_the_rank_from_zero,
            "You return the rank (0, 1, 2 …) itself. Asked is 1 / (rank + 1).",
            0,
        ),
        Mistake(
            compares_sizes_without_signs,
            "You compare logits without their signs. A logit of -3 is smaller than one of 1: leave abs out.",
            0,
        ),
        Mistake(
            ranks_from_the_bottom,
            "You rank from the bottom: count the tokens with a larger logit, not those with a smaller one.",
            0,
        ),
        Mistake(
            reads_an_argsort_as_ranks,
            "You read argsort as if it gave ranks. logits.argsort(descending=True)[5] is the token in place 5, not the "
            "place of token 5. Count the larger logits instead.",
            0,
        ),
        Mistake(
            counts_ties_as_better,
            "Tokens that tie with yours count as better in your ranks. Only strictly larger logits do: >, not >=.",
            5,
        ),
        Mistake(
            follows_one_token_only,
            "You follow the first token in every item. Item i has its own token, tokens[i].",
            0,
        ),
        Mistake(
            returns_the_rank_itself,
            "You return the place (1, 2, 3 …) and not its reciprocal.",
            0,
        ),
    ),
    variants=(ranks_by_loops, ranks_by_sorting),
)
