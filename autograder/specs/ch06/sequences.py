"""Exercise 6.2, ``build_sequences``: seven tokens and three answers from drawn nouns and adjectives.

- drawn tokens and coins; groups by kind of query, and both together.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, query: str) -> dict[str, Any]:
    half, n = int(rng.integers(20, 40)), 8
    coins = {"adjective": np.ones(n), "noun": np.zeros(n), "both": rng.permutation([0, 1] * (n // 2))}[query]
    return {
        "noun": torch.tensor(rng.permutation(half)[:n]),
        "adjective": torch.tensor(half + rng.permutation(half)[:n]),
        "copula_first": torch.tensor(rng.permutation([False, True] * (n // 2))),
        "ask_adjective": torch.tensor(coins, dtype=torch.bool),
        "copula": 2 * half,
        "mask": 2 * half + 1,
    }


def repeats_the_query_three_times(noun, adjective, copula_first, ask_adjective, copula, mask):
    cop = torch.full_like(noun, copula)
    first, second = torch.where(copula_first, cop, noun), torch.where(copula_first, adjective, cop)
    third, query = torch.where(copula_first, noun, adjective), torch.where(ask_adjective, adjective, noun)
    masks = torch.full((len(noun), 3), mask)
    return {
        "tokens": torch.cat([torch.stack([first, second, third, query], 1), masks], 1),
        "answers": query[:, None].expand(-1, 3).clone(),
    }


def begins_the_answer_with_the_query(noun, adjective, copula_first, ask_adjective, copula, mask):
    cop = torch.full_like(noun, copula)
    first, second = torch.where(copula_first, cop, noun), torch.where(copula_first, adjective, cop)
    third, query = torch.where(copula_first, noun, adjective), torch.where(ask_adjective, adjective, noun)
    masks = torch.full((len(noun), 3), mask)
    return {
        "tokens": torch.cat([torch.stack([first, second, third, query], 1), masks], 1),
        "answers": torch.stack([query, query, adjective], 1),
    }


def answers_every_query_with_the_noun(noun, adjective, copula_first, ask_adjective, copula, mask):
    cop = torch.full_like(noun, copula)
    first, second = torch.where(copula_first, cop, noun), torch.where(copula_first, adjective, cop)
    third, query = torch.where(copula_first, noun, adjective), torch.where(ask_adjective, adjective, noun)
    masks = torch.full((len(noun), 3), mask)
    return {
        "tokens": torch.cat([torch.stack([first, second, third, query], 1), masks], 1),
        "answers": torch.stack([adjective, noun, noun], 1),
    }


def turns_copula_first_round(noun, adjective, copula_first, ask_adjective, copula, mask):
    cop = torch.full_like(noun, copula)
    first, second = torch.where(copula_first, noun, cop), torch.where(copula_first, cop, adjective)
    third, query = torch.where(copula_first, adjective, noun), torch.where(ask_adjective, adjective, noun)
    masks = torch.full((len(noun), 3), mask)
    return {
        "tokens": torch.cat([torch.stack([first, second, third, query], 1), masks], 1),
        "answers": torch.stack([adjective, query, query], 1),
    }


def turns_ask_adjective_round(noun, adjective, copula_first, ask_adjective, copula, mask):
    cop = torch.full_like(noun, copula)
    first, second = torch.where(copula_first, cop, noun), torch.where(copula_first, adjective, cop)
    third, query = torch.where(copula_first, noun, adjective), torch.where(ask_adjective, noun, adjective)
    masks = torch.full((len(noun), 3), mask)
    return {
        "tokens": torch.cat([torch.stack([first, second, third, query], 1), masks], 1),
        "answers": torch.stack([adjective, query, query], 1),
    }


def masks_the_query(noun, adjective, copula_first, ask_adjective, copula, mask):
    cop = torch.full_like(noun, copula)
    first, second = torch.where(copula_first, cop, noun), torch.where(copula_first, adjective, cop)
    third, query = torch.where(copula_first, noun, adjective), torch.where(ask_adjective, adjective, noun)
    masks = torch.full((len(noun), 4), mask)
    return {
        "tokens": torch.cat([torch.stack([first, second, third], 1), masks], 1),
        "answers": torch.stack([adjective, query, query], 1),
    }


def knows_one_context_only(noun, adjective, copula_first, ask_adjective, copula, mask):
    cop = torch.full_like(noun, copula)
    query = torch.where(ask_adjective, adjective, noun)
    masks = torch.full((len(noun), 3), mask)
    return {
        "tokens": torch.cat([torch.stack([cop, adjective, noun, query], 1), masks], 1),
        "answers": torch.stack([adjective, query, query], 1),
    }


def puts_the_copula_in_the_middle(noun, adjective, copula_first, ask_adjective, copula, mask):
    cop = torch.full_like(noun, copula)
    first, third = torch.where(copula_first, adjective, noun), torch.where(copula_first, noun, adjective)
    query = torch.where(ask_adjective, adjective, noun)
    masks = torch.full((len(noun), 3), mask)
    return {
        "tokens": torch.cat([torch.stack([first, cop, third, query], 1), masks], 1),
        "answers": torch.stack([adjective, query, query], 1),
    }


def exchanges_noun_and_adjective(noun, adjective, copula_first, ask_adjective, copula, mask):
    cop = torch.full_like(noun, copula)
    first, second = torch.where(copula_first, cop, adjective), torch.where(copula_first, noun, cop)
    third, query = torch.where(copula_first, adjective, noun), torch.where(ask_adjective, adjective, noun)
    masks = torch.full((len(noun), 3), mask)
    return {
        "tokens": torch.cat([torch.stack([first, second, third, query], 1), masks], 1),
        "answers": torch.stack([adjective, query, query], 1),
    }


def sequences_by_a_loop(noun, adjective, copula_first, ask_adjective, copula, mask):
    tokens, answers = [], []
    for n, a, first, asks in zip(
        noun.tolist(), adjective.tolist(), copula_first.tolist(), ask_adjective.tolist(), strict=True
    ):
        context = [copula, a, n] if first else [n, copula, a]
        tokens.append([*context, a if asks else n, mask, mask, mask])
        answers.append([a, a, a] if asks else [a, n, n])
    return {"tokens": torch.tensor(tokens), "answers": torch.tensor(answers)}


def sequences_by_filling(noun, adjective, copula_first, ask_adjective, copula, mask):
    tokens = torch.full((len(noun), 7), mask)
    one, two = copula_first, ~copula_first
    tokens[one, 0], tokens[one, 1], tokens[one, 2] = copula, adjective[one], noun[one]
    tokens[two, 0], tokens[two, 1], tokens[two, 2] = noun[two], copula, adjective[two]
    tokens[:, 3] = torch.where(ask_adjective, adjective, noun)
    answers = tokens[:, 3:4].repeat(1, 3)
    answers[:, 0] = adjective
    return {"answers": answers, "tokens": tokens}


EXERCISE = Exercise(
    name="build_sequences",
    card=Card(
        title="Build a language in which structure is enough",
        difficulty=2,
        minutes=15,
        why="The place of the copula tells which token is the noun. Whoever reads it can answer for words never seen; "
        "whoever knows the words by heart need not read it.",
        paper="The toy task: contexts 'cop adj noun' and 'noun cop adj', a query, three masked answers.",
    ),
    groups=(
        Group(
            "queries for the adjective",
            4,
            partial(_draw, query="adjective"),
            hint="The context is 'copula adjective noun' where copula_first is True, else 'noun copula adjective'; "
            "then the query, then three masks. An adjective as query is answered with itself three times.",
        ),
        Group(
            "queries for the noun",
            4,
            partial(_draw, query="noun"),
            hint="A noun as query is answered adjective, noun, noun.",
        ),
        Group("both mixed", 2, partial(_draw, query="both"), hint="Each row has its own order and its own query."),
    ),
    mistakes=(
        Mistake(
            repeats_the_query_three_times,
            "You answer a noun with noun, noun, noun. It is adjective, noun, noun: the first answer is the adjective "
            "whatever is asked.",
            4,
        ),
        Mistake(
            begins_the_answer_with_the_query,
            "For a noun you answer noun, noun, adjective: the order is adjective, noun, noun.",
            4,
        ),
        Mistake(
            answers_every_query_with_the_noun,
            "You always answer adjective, noun, noun. That is for a noun as query; an adjective is answered with "
            "itself three times.",
            4,
        ),
        Mistake(
            turns_copula_first_round,
            "Your two orders are exchanged: where copula_first is True it is 'copula adjective noun'.",
            0,
        ),
        Mistake(
            turns_ask_adjective_round,
            "Your queries are exchanged: where ask_adjective is True the query is the adjective.",
            0,
        ),
        Mistake(
            masks_the_query,
            "The query is masked in your sequences, so nothing tells what is asked. Three masks: the last three "
            "places.",
            0,
        ),
        Mistake(
            knows_one_context_only,
            "All your contexts are 'copula adjective noun'. Where copula_first is False it is 'noun copula adjective'.",
            0,
        ),
        Mistake(
            puts_the_copula_in_the_middle,
            "Your copula always stands in the middle. Where copula_first is True it stands in front.",
            0,
        ),
        Mistake(
            exchanges_noun_and_adjective,
            "Noun and adjective are exchanged in your contexts: 'copula adjective noun', 'noun copula adjective'.",
            0,
        ),
    ),
    variants=(sequences_by_a_loop, sequences_by_filling),
)
