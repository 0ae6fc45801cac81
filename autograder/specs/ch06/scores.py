"""Exercises 6.4 and 6.5, ``hard_accuracy`` and ``two_alternative``: two ways of counting an answer right.

- drawn logits in which rows are right, wrong in one place only, or right among two and wrong among all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator
VOCABULARY = 14


def _answers(rng: Rng, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The two tokens of each context (noun's slot, adjective's slot) and the three answers."""
    pair = np.stack([rng.permutation(VOCABULARY - 2)[:2] for _ in range(n)])
    asks_adjective = rng.random(n) < 0.5
    query = np.where(asks_adjective, pair[:, 1], pair[:, 0])
    return pair, np.stack([pair[:, 1], query, query], 1)


def _draw(rng: Rng, kinds: str) -> dict[str, Any]:
    """One to four rows a letter: r(ight everywhere), o(ne place wrong), d(ouble: two places wrong), w(rong), t(ied),
    l(oses to a third token)."""
    rows = [kind for kind in kinds for _ in range(int(rng.integers(1, 5)))]
    rows = [rows[i] for i in rng.permutation(len(rows))]
    n = len(rows)
    pair, answers = _answers(rng, n)
    logits = rng.normal(size=(n, 7, VOCABULARY)) * 0.3
    for row, kind in enumerate(rows):
        others = [token for token in range(VOCABULARY) if token not in pair[row]]
        logits[row, 3, rng.choice(others)] += 9.0  # the query's own place says nothing
        if row:
            logits[row, range(3), answers[row]] += 9.0  # nor do those of the context, which only look right
        one_wrong, one_right = int(rng.choice([0, 2])), int(rng.integers(3))
        for slot in range(3):
            right = answers[row, slot]
            wrong = pair[row, 0] if right == pair[row, 1] else pair[row, 1]
            logits[row, 4 + slot, right] += 3.0
            if kind == "w" or (kind == "o" and slot == one_wrong) or (kind == "d" and slot != one_right):
                logits[row, 4 + slot, wrong] += 6.0
            if kind == "t" and slot == 1:
                logits[row, 4 + slot, wrong] = logits[row, 4 + slot, right]
            if kind == "l":
                logits[row, 4 + slot, rng.choice(others)] += 9.0
    return {"logits": torch.tensor(logits, dtype=torch.float32), "answers": torch.tensor(answers), "pair": pair}


def _hard(rng: Rng, kinds: str) -> dict[str, Any]:
    drawn = _draw(rng, kinds)
    return {"logits": drawn["logits"], "answers": drawn["answers"]}


def _two(rng: Rng, kinds: str, apart: Callable[[], tuple[Callable[..., float], ...]]) -> dict[str, Any]:
    """Rows on which the ways of counting in ``apart()`` all give another share, so that a wrong one can be named."""
    while True:
        drawn = _draw(rng, kinds)
        case = {"logits": drawn["logits"], "answers": drawn["answers"], "candidates": torch.tensor(drawn["pair"])}
        if len({round(count(**case), 5) for count in apart()}) == len(apart()):
            return case


def averages_over_places(logits, answers):
    return (logits[:, -3:].argmax(-1) == answers).float().mean().item()


def counts_any_place(logits, answers):
    return (logits[:, -3:].argmax(-1) == answers).any(1).float().mean().item()


def reads_the_first_places(logits, answers):
    return (logits[:, :3].argmax(-1) == answers).all(1).float().mean().item()


def is_off_by_one_place(logits, answers):
    return (logits[:, 3:6].argmax(-1) == answers).all(1).float().mean().item()


def counts_instead_of_sharing(logits, answers):
    return float((logits[:, -3:].argmax(-1) == answers).all(1).sum())


def hard_by_a_loop(logits, answers):
    right = 0
    for row, wanted in zip(logits, answers.tolist(), strict=True):
        right += [int(row[place].argmax()) for place in (4, 5, 6)] == wanted
    return right / len(logits)


def hard_by_the_largest_logit(logits, answers):
    ours = logits[:, 4:].gather(2, answers[:, :, None]).squeeze(2)
    return (ours >= logits[:, 4:].max(-1).values).all(1).double().mean().item()


HARD = Exercise(
    name="hard_accuracy",
    card=Card(
        title="Score whole answers over the whole vocabulary",
        difficulty=1,
        minutes=6,
        why="The obvious metric: all three places right, against every token there is. Keep it; you are about to "
        "see it mislead.",
        paper="The toy setting's metric: all three masked positions must be right.",
    ),
    groups=(
        Group(
            "right and wrong rows", 3, partial(_hard, kinds="rrwl"), hint="The three answers stand at places 4, 5, 6."
        ),
        Group(
            "rows with one wrong place",
            3,
            partial(_hard, kinds="roow"),
            hint="A row counts only if all three places are right.",
        ),
    ),
    mistakes=(
        Mistake(
            averages_over_places,
            "You average over places. A row with two right places is a wrong answer here: all three, then the mean "
            "over rows.",
            3,
        ),
        Mistake(counts_any_place, "One right place is enough in your score. All three must be right.", 3),
        Mistake(
            reads_the_first_places,
            "You read the logits of the context. The answers are predicted at the masks, the last three places.",
            0,
        ),
        Mistake(
            is_off_by_one_place,
            "You are off by one: a masked model predicts a token at its own place, not at the one before it.",
            0,
        ),
        Mistake(counts_instead_of_sharing, "You count right rows. Return their share, between 0 and 1.", 0),
    ),
    variants=(hard_by_a_loop, hard_by_the_largest_logit),
)


def _wrong_tokens() -> tuple[Callable[..., float], ...]:
    return two_by_a_loop, exchanges_the_candidates, reads_one_place_too_early, scores_the_noun


def _wrong_counts() -> tuple[Callable[..., float], ...]:
    return (
        *_wrong_tokens(),
        averages_over_three_places,
        one_place_is_enough,
        looks_at_the_first_place_only,
        looks_at_the_second_place_only,
        looks_at_the_last_place_only,
        gives_ties_away,
        adds_the_places_up,
    )


def compares_with_all_tokens(logits, answers, candidates):
    return (logits[:, -3:].argmax(-1) == answers).all(1).float().mean().item()


def averages_over_three_places(logits, answers, candidates):
    pair = logits[:, -3:].gather(2, candidates[:, None].expand(-1, 3, -1))
    wants_noun = answers == candidates[:, :1]
    right = torch.where(wants_noun, pair[..., 0] > pair[..., 1], pair[..., 1] > pair[..., 0])
    return right.float().mean().item()


def one_place_is_enough(logits, answers, candidates):
    pair = logits[:, -3:].gather(2, candidates[:, None].expand(-1, 3, -1))
    wants_noun = answers == candidates[:, :1]
    right = torch.where(wants_noun, pair[..., 0] > pair[..., 1], pair[..., 1] > pair[..., 0])
    return right.any(1).float().mean().item()


def looks_at_the_first_place_only(logits, answers, candidates):
    pair = logits[:, -3:].gather(2, candidates[:, None].expand(-1, 3, -1))
    wants_noun = answers == candidates[:, :1]
    right = torch.where(wants_noun, pair[..., 0] > pair[..., 1], pair[..., 1] > pair[..., 0])
    return right[:, 0].float().mean().item()


def looks_at_the_last_place_only(logits, answers, candidates):
    pair = logits[:, -3:].gather(2, candidates[:, None].expand(-1, 3, -1))
    wants_noun = answers == candidates[:, :1]
    right = torch.where(wants_noun, pair[..., 0] > pair[..., 1], pair[..., 1] > pair[..., 0])
    return right[:, 2].float().mean().item()


def reads_one_place_too_early(logits, answers, candidates):
    pair = logits[:, 3:6].gather(2, candidates[:, None].expand(-1, 3, -1))
    wants_noun = answers == candidates[:, :1]
    right = torch.where(wants_noun, pair[..., 0] > pair[..., 1], pair[..., 1] > pair[..., 0])
    return right.all(1).float().mean().item()


def exchanges_the_candidates(logits, answers, candidates):
    pair = logits[:, -3:].gather(2, candidates[:, None].expand(-1, 3, -1))
    wants_adjective = answers == candidates[:, :1]
    right = torch.where(wants_adjective, pair[..., 1] > pair[..., 0], pair[..., 0] > pair[..., 1])
    return right.all(1).float().mean().item()


def looks_at_the_second_place_only(logits, answers, candidates):
    pair = logits[:, -3:].gather(2, candidates[:, None].expand(-1, 3, -1))
    wants_noun = answers == candidates[:, :1]
    right = torch.where(wants_noun, pair[..., 0] > pair[..., 1], pair[..., 1] > pair[..., 0])
    return right[:, 1].float().mean().item()


def gives_ties_away(logits, answers, candidates):
    pair = logits[:, -3:].gather(2, candidates[:, None].expand(-1, 3, -1))
    wants_noun = answers == candidates[:, :1]
    right = torch.where(wants_noun, pair[..., 0] >= pair[..., 1], pair[..., 1] >= pair[..., 0])
    return right.all(1).float().mean().item()


def adds_the_places_up(logits, answers, candidates):
    pair = logits[:, -3:].gather(2, candidates[:, None].expand(-1, 3, -1))
    wants_noun = answers == candidates[:, :1]
    margin = torch.where(wants_noun, pair[..., 0] - pair[..., 1], pair[..., 1] - pair[..., 0])
    return (margin.sum(1) > 0).float().mean().item()


def scores_the_noun(logits, answers, candidates):
    pair = logits[:, -3:].gather(2, candidates[:, None].expand(-1, 3, -1))
    return (pair[..., 0] > pair[..., 1]).all(1).float().mean().item()


def two_by_a_loop(logits, answers, candidates):
    right = 0
    for row, wanted, (noun, adjective) in zip(logits, answers.tolist(), candidates.tolist(), strict=True):
        said = []
        for place in (4, 5, 6):
            gap = float(row[place, noun] - row[place, adjective])
            said.append(noun if gap > 0 else adjective if gap < 0 else None)
        right += said == wanted
    return right / len(logits)


def two_by_masking_the_rest(logits, answers, candidates):
    keep = torch.full_like(logits[:, 4:], float("-inf"))
    index = candidates[:, None].expand(-1, 3, -1)
    pair = logits[:, 4:].gather(2, index)
    keep.scatter_(2, index, pair)
    tied = pair[..., 0] == pair[..., 1]
    return ((keep.argmax(-1) == answers) & ~tied).all(1).float().mean().item()


TWO = Exercise(
    name="two_alternative",
    card=Card(
        title="Ask a fair question of words without a past",
        difficulty=3,
        minutes=12,
        why="A token that was never trained cannot win against a vocabulary of trained ones, however well the model "
        "reads the context. Ask what you want to know: which of the two?",
        paper="Ours: the fair version of the structural test with never-trained tokens (the 'holdout' set).",
    ),
    groups=(
        Group(
            "right and wrong rows",
            3,
            partial(_two, kinds="rrww", apart=_wrong_tokens),
            hint="Gather the logits of the two candidates at the last three places, and compare them.",
        ),
        Group(
            "rows that lose to a third token",
            3,
            partial(_two, kinds="rllw", apart=_wrong_tokens),
            hint="What other tokens get does not matter: only the two candidates are compared.",
        ),
        Group(
            "one wrong place, and ties",
            2,
            partial(_two, kinds="rootwld", apart=_wrong_counts),
            hint="All three places must be right, and a tie is wrong: > and not >=.",
        ),
    ),
    mistakes=(
        Mistake(
            compares_with_all_tokens,
            "Your answer must beat the whole vocabulary. Compare the two candidates with each other and with "
            "nothing else.",
            3,
        ),
        Mistake(
            averages_over_three_places,
            "You average over places. A row counts only if all three are right.",
            6,
        ),
        Mistake(
            one_place_is_enough,
            "One right place is enough in your score (.any). All three must be right (.all).",
            6,
        ),
        Mistake(
            looks_at_the_first_place_only,
            "You look at the first of the three places only. All of them must be right.",
            6,
        ),
        Mistake(
            looks_at_the_second_place_only,
            "You look at the second of the three places only. All of them must be right.",
            6,
        ),
        Mistake(
            looks_at_the_last_place_only,
            "You look at the last of the three places only. All of them must be right.",
            6,
        ),
        Mistake(
            reads_one_place_too_early,
            "You are off by one: a masked model predicts a token at its own place, so the answers stand at places 4, 5 "
            "and 6, counted from 0.",
            0,
        ),
        Mistake(
            exchanges_the_candidates,
            "You take the two candidates for each other: the one in the noun's place is the first, candidates[:, 0].",
            0,
        ),
        Mistake(
            gives_ties_away,
            "A tie counts as right in your score: a model that gives both tokens the same logit would get "
            "everything right.",
            6,
        ),
        Mistake(
            adds_the_places_up,
            "You add up the margins of the three places, so a large one covers for a wrong one. Each place must be "
            "right by itself.",
            6,
        ),
        Mistake(
            scores_the_noun,
            "You always ask whether the noun's token wins. Which of the two is right differs from place to place: "
            "look at answers.",
            0,
        ),
    ),
    variants=(two_by_a_loop, two_by_masking_the_rest),
)
