"""Exercise 6.3, ``switch_set``: known tokens in each other's place.

- drawn nouns, adjectives and a table of ambiguous tokens, some of which occur in either place.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, ambiguous: int) -> dict[str, Any]:
    half, n = 24, 12
    noun, adjective = rng.integers(0, half, n), half + rng.integers(0, half, n)
    table = np.zeros(2 * half + 2, dtype=bool)
    if ambiguous:
        # the first pair is ambiguous twice; of the others some lose their noun, some their adjective
        noun[1:], adjective[1:] = noun[1:] % (half - 1), half + adjective[1:] % (half - 1)
        noun[0], adjective[0] = half - 1, 2 * half - 1
        table[[noun[0], adjective[0]]] = True
        table[rng.choice(noun[1 : n // 2], ambiguous)] = True
        table[rng.choice(adjective[n // 2 :], ambiguous)] = True
    return {
        "noun": torch.tensor(noun),
        "adjective": torch.tensor(adjective),
        "is_ambiguous": torch.tensor(table),
        "copula_first": torch.tensor(rng.random(n) < 0.5),
        "ask_noun_slot": torch.tensor(rng.random(n) < 0.5),
        "copula": 2 * half,
        "mask": 2 * half + 1,
    }


def labels_by_identity(noun, adjective, is_ambiguous, copula_first, ask_noun_slot, copula, mask):
    keep = ~(is_ambiguous[noun] | is_ambiguous[adjective])
    noun, adjective, first, asks = noun[keep], adjective[keep], copula_first[keep], ask_noun_slot[keep]
    built = build_sequences(adjective, noun, first, ~asks, copula, mask)
    query = built["tokens"][:, 3]
    return {"tokens": built["tokens"], "answers": torch.stack([adjective, query, query], 1)}


def keeps_ambiguous_tokens(noun, adjective, is_ambiguous, copula_first, ask_noun_slot, copula, mask):
    return build_sequences(adjective, noun, copula_first, ~ask_noun_slot, copula, mask)


def does_not_switch(noun, adjective, is_ambiguous, copula_first, ask_noun_slot, copula, mask):
    keep = ~(is_ambiguous[noun] | is_ambiguous[adjective])
    return build_sequences(noun[keep], adjective[keep], copula_first[keep], ~ask_noun_slot[keep], copula, mask)


def switches_one_slot_only(noun, adjective, is_ambiguous, copula_first, ask_noun_slot, copula, mask):
    keep = ~(is_ambiguous[noun] | is_ambiguous[adjective])
    return build_sequences(adjective[keep], adjective[keep], copula_first[keep], ~ask_noun_slot[keep], copula, mask)


def drops_pairs_that_are_ambiguous_twice(noun, adjective, is_ambiguous, copula_first, ask_noun_slot, copula, mask):
    keep = ~(is_ambiguous[noun] & is_ambiguous[adjective])
    return build_sequences(adjective[keep], noun[keep], copula_first[keep], ~ask_noun_slot[keep], copula, mask)


def looks_at_the_noun_only(noun, adjective, is_ambiguous, copula_first, ask_noun_slot, copula, mask):
    keep = ~is_ambiguous[noun]
    return build_sequences(adjective[keep], noun[keep], copula_first[keep], ~ask_noun_slot[keep], copula, mask)


def looks_at_the_adjective_only(noun, adjective, is_ambiguous, copula_first, ask_noun_slot, copula, mask):
    keep = ~is_ambiguous[adjective]
    return build_sequences(adjective[keep], noun[keep], copula_first[keep], ~ask_noun_slot[keep], copula, mask)


def keeps_the_ambiguous_pairs_alone(noun, adjective, is_ambiguous, copula_first, ask_noun_slot, copula, mask):
    keep = is_ambiguous[noun] | is_ambiguous[adjective]
    return build_sequences(adjective[keep], noun[keep], copula_first[keep], ~ask_noun_slot[keep], copula, mask)


def asks_for_the_other_slot(noun, adjective, is_ambiguous, copula_first, ask_noun_slot, copula, mask):
    keep = ~(is_ambiguous[noun] | is_ambiguous[adjective])
    return build_sequences(adjective[keep], noun[keep], copula_first[keep], ask_noun_slot[keep], copula, mask)


def switch_by_a_loop(noun, adjective, is_ambiguous, copula_first, ask_noun_slot, copula, mask):
    tokens, answers = [], []
    for i in range(len(noun)):
        n, a = int(noun[i]), int(adjective[i])
        if is_ambiguous[n] or is_ambiguous[a]:
            continue
        context = [copula, n, a] if copula_first[i] else [a, copula, n]  # a fills the noun's slot
        query = a if ask_noun_slot[i] else n
        tokens.append([*context, query, mask, mask, mask])
        answers.append([n, query, query])
    return {"tokens": torch.tensor(tokens), "answers": torch.tensor(answers)}


def switch_before_filtering(noun, adjective, is_ambiguous, copula_first, ask_noun_slot, copula, mask):
    built = build_sequences(adjective, noun, copula_first, ~ask_noun_slot, copula, mask)
    bad = is_ambiguous[built["tokens"][:, :3]].any(1)
    return {name: rows[~bad] for name, rows in built.items()}


EXERCISE = Exercise(
    name="switch_set",
    card=Card(
        title="Put well-known words in the wrong place",
        difficulty=3,
        minutes=12,
        why="Where context and memory agree, a right answer says nothing about which was used. In a conflict it does.",
        paper="The 'switch' evaluation set: tokens of one class in the other's slot, labels by structure.",
    ),
    groups=(
        Group(
            "no ambiguous tokens",
            4,
            partial(_draw, ambiguous=0),
            hint="The adjective stands where a noun belongs, and the other way round; the label goes by the place.",
        ),
        Group(
            "some pairs drop out",
            4,
            partial(_draw, ambiguous=2),
            hint="A pair goes if either of its tokens is ambiguous: is_ambiguous[noun] | is_ambiguous[adjective].",
        ),
    ),
    mistakes=(
        Mistake(
            labels_by_identity,
            "Your labels go by what the tokens are elsewhere. In this set the context decides: whatever stands in the "
            "adjective's place is the adjective.",
            0,
        ),
        Mistake(
            keeps_ambiguous_tokens,
            "Ambiguous tokens are still in your set. They occur in both places in training, so they are in no "
            "conflict.",
            4,
        ),
        Mistake(
            does_not_switch,
            "Your tokens stand where they always stand: this is an ordinary test set. Give the adjective the noun's "
            "place and the noun the adjective's.",
            0,
        ),
        Mistake(
            switches_one_slot_only,
            "Both places hold the same token in your sequences. Switch both: the adjective into the noun's place "
            "and the noun into the adjective's.",
            0,
        ),
        Mistake(
            drops_pairs_that_are_ambiguous_twice,
            "You drop a pair only when both tokens are ambiguous. One is enough to spoil it.",
            4,
        ),
        Mistake(
            looks_at_the_noun_only,
            "You look at the noun only. A pair also goes when its adjective is ambiguous.",
            4,
        ),
        Mistake(
            looks_at_the_adjective_only,
            "You look at the adjective only. A pair also goes when its noun is ambiguous.",
            4,
        ),
        Mistake(
            keeps_the_ambiguous_pairs_alone,
            "You keep the pairs that should go: ~ turns a table of bools round.",
            0,
        ),
        Mistake(
            asks_for_the_other_slot,
            "Your query is the other token: where ask_noun_slot is True, ask for what stands in the noun's place.",
            0,
        ),
    ),
    variants=(switch_by_a_loop, switch_before_filtering),
    probe="ch06.switch_set",
)
