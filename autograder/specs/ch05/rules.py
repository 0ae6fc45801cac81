"""Exercise 5.4, ``follow_rule``: what short rules without a gate answer.

- streams on which the three rules, the truth and the usual slips all differ.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from autograder.specs.base import Card, Exercise, Group, Mistake
from autograder.specs.ch05.oracle import oracle_by_looking_back as _answers
from autograder.specs.ch05.streams import draw_stream, until

Rng = np.random.Generator
RULES = ("last mention", "ever mentioned", "ever stored")


def counts_the_tuple_itself(tuples, rule):
    answers = []
    for t, (_, register, symbol) in enumerate(tuples):
        before = [(i, s) for i, r, s in tuples[: t + 1] if r == register]
        if rule == "last mention":
            says = before[-1][1] == symbol
        elif rule == "ever mentioned":
            says = any(s == symbol for _, s in before)
        else:
            says = any(s == symbol and i == "store" for i, s in before)
        answers.append("same" if says else "different")
    return answers


def forgets_the_register(tuples, rule):
    answers = []
    for t, (_, _, symbol) in enumerate(tuples):
        before = [(i, s) for i, _, s in tuples[:t]]
        if rule == "last mention":
            says = bool(before) and before[-1][1] == symbol
        elif rule == "ever mentioned":
            says = any(s == symbol for _, s in before)
        else:
            says = any(s == symbol and i == "store" for i, s in before)
        answers.append("same" if says else "different")
    return answers


def obeys_the_gate(tuples, rule):
    held, mentioned, answers = {}, set(), []
    for instruction, register, symbol in tuples:
        says = (register, symbol) in mentioned if rule == "ever mentioned" else held.get(register) == symbol
        answers.append("same" if says else "different")
        mentioned.add((register, symbol))
        if instruction == "store":
            held[register] = symbol
    return answers


def stored_means_mentioned(tuples, rule):
    answers = []
    for t, (_, register, symbol) in enumerate(tuples):
        before = [s for _, r, s in tuples[:t] if r == register]
        says = before[-1:] == [symbol] if rule == "last mention" else symbol in before
        answers.append("same" if says else "different")
    return answers


def asks_for_the_last_stored(tuples, rule):
    answers = []
    for t, (_, register, symbol) in enumerate(tuples):
        before = [(i, s) for i, r, s in tuples[:t] if r == register]
        if rule == "last mention":
            says = [s for _, s in before[-1:]] == [symbol]
        elif rule == "ever mentioned":
            says = symbol in [s for _, s in before]
        else:
            says = [s for i, s in before if i == "store"][-1:] == [symbol]
        answers.append("same" if says else "different")
    return answers


def cuts_before_it_filters(tuples, rule):
    answers = []
    for t, (_, register, symbol) in enumerate(tuples):
        before = [(i, s) for i, r, s in tuples[:t] if r == register]
        if rule == "last mention":
            says = [s for _, r, s in tuples[:t][-1:] if r == register] == [symbol]
        elif rule == "ever mentioned":
            says = symbol in [s for _, s in before]
        else:
            says = ("store", symbol) in before
        answers.append("same" if says else "different")
    return answers


def rules_by_looking_back(tuples, rule):
    answers = []
    for t, (_, register, symbol) in enumerate(tuples):
        before = [(i, s) for i, r, s in tuples[:t] if r == register]
        says = {
            "last mention": bool(before) and before[-1][1] == symbol,
            "ever mentioned": symbol in [s for _, s in before],
            "ever stored": ("store", symbol) in before,
        }[rule]
        answers.append("same" if says else "different")
    return answers


def rules_with_sets(tuples, rule):
    last, mentioned, stored, answers = {}, set(), set(), []
    for instruction, register, symbol in tuples:
        if rule == "last mention":
            says = last.get(register) == symbol
        else:
            says = (register, symbol) in (mentioned if rule == "ever mentioned" else stored)
        answers.append("same" if says else "different")
        last[register] = symbol
        mentioned.add((register, symbol))
        if instruction == "store":
            stored.add((register, symbol))
    return answers


_WRONG = (
    counts_the_tuple_itself,
    forgets_the_register,
    obeys_the_gate,
    stored_means_mentioned,
    asks_for_the_last_stored,
    cuts_before_it_filters,
)


def _draw(rng: Rng, rule: str) -> dict[str, Any]:
    def wanted(tuples: list[list[str]]) -> bool:
        all_three = [rules_by_looking_back(tuples, name) for name in RULES]
        told_apart = len({tuple(answers) for answers in [*all_three, _answers(tuples)]}) == 4
        right = rules_by_looking_back(tuples, rule)
        slips = [wrong for wrong in _WRONG if _slips(wrong, rule)]
        return told_apart and all(wrong(tuples, rule) != right for wrong in slips)

    return {"tuples": until(rng, partial(draw_stream, length=14, registers=2, symbols=4), wanted), "rule": rule}


def _slips(wrong: Any, rule: str) -> bool:
    """Whether a wrong version differs from the right one under this rule at all."""
    if wrong is obeys_the_gate:
        return rule != "ever mentioned"
    if wrong in (stored_means_mentioned, asks_for_the_last_stored):
        return rule == "ever stored"
    if wrong is cuts_before_it_filters:
        return rule == "last mention"
    return True


EXERCISE = Exercise(
    name="follow_rule",
    card=Card(
        title="Write the short rules that almost work",
        difficulty=2,
        minutes=10,
        why="Before you say that a network gates, you must know how far one gets without a gate. The answer is "
        "uncomfortable: very far.",
        paper="Nothing of this kind is quoted from the paper; the rules are the lab's yardstick for its accuracies.",
    ),
    groups=(
        Group(
            "last mention",
            3,
            partial(_draw, rule="last mention"),
            hint="'same' if the previous tuple with this register, stored or ignored, showed this symbol.",
        ),
        Group(
            "ever mentioned",
            2,
            partial(_draw, rule="ever mentioned"),
            hint="'same' if some earlier tuple with this register showed this symbol, stored or ignored.",
        ),
        Group(
            "ever stored",
            3,
            partial(_draw, rule="ever stored"),
            hint="'same' if an earlier tuple with this register stored this symbol, even if it was overwritten since.",
        ),
    ),
    mistakes=(
        Mistake(
            counts_the_tuple_itself,
            "Your rules count the current tuple among the earlier ones, so its own symbol answers the question. Look "
            "first, remember afterwards.",
            0,
        ),
        Mistake(
            forgets_the_register,
            "Your rules look at all registers. Only earlier tuples with the same register count.",
            0,
        ),
        Mistake(
            obeys_the_gate,
            "Your 'last mention' or 'ever stored' is the true answer: it skips ignored tuples, or forgets what was "
            "overwritten. These rules are meant to be simpler than the truth: a mention is any tuple, and what was "
            "ever stored counts for ever.",
            2,
        ),
        Mistake(
            stored_means_mentioned,
            "Your 'ever stored' counts ignored tuples too. It asks for earlier tuples whose instruction is 'store'.",
            5,
        ),
        Mistake(
            asks_for_the_last_stored,
            "Your 'ever stored' looks at the last stored symbol only, and that is the true answer. What was stored "
            "once counts for ever in this rule, even after it was overwritten.",
            5,
        ),
        Mistake(
            cuts_before_it_filters,
            "Your 'last mention' takes the last tuple of all and then asks for its register. Filter first: the last "
            "one among the earlier tuples with this register.",
            5,
        ),
    ),
    variants=(rules_by_looking_back, rules_with_sets),
)
