"""Exercise 5.3, ``minimal_pairs``: streams that differ in one instruction and in nothing but the last answer.

- streams with edits that matter, edits that do not, and edits that matter too early.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from autograder.specs.base import Card, Exercise, Group, Mistake
from autograder.specs.ch05.oracle import oracle_by_looking_back as _answers
from autograder.specs.ch05.streams import draw_stream, until

Rng = np.random.Generator


def _edits(tuples: list[list[str]]) -> list[tuple[bool, bool]]:
    """For each earlier tuple: whether flipping it changes the last answer, and whether it changes another."""
    right, found = _answers(tuples), []
    for t in range(len(tuples) - 1):
        other = [list(row) for row in tuples]
        other[t][0] = "ignore" if tuples[t][0] == "store" else "store"
        new = _answers(other)
        found.append((new[-1] != right[-1], new[:-1] != right[:-1]))
    return found


def _draw(rng: Rng, early: bool, earlier_mention: bool) -> dict[str, Any]:
    def wanted(tuples: list[list[str]]) -> bool:
        edits = _edits(tuples)
        minimal = [t for t, (last, others) in enumerate(edits) if last and not others]
        both = any(last and others for last, others in edits)
        asked = tuples[-1][1]
        mentions = [t for t, row in enumerate(tuples[:-1]) if row[1] == asked]
        idle = any(not last for t, (last, _) in enumerate(edits) if t in mentions)
        more = any(t != mentions[-1] for t in minimal) if mentions else False
        into_stores = any(tuples[t][0] == "ignore" for t in minimal)  # turning stores into ignores misses these
        several = len(minimal) > 1 or not earlier_mention  # one pair has no order
        return bool(minimal) and idle and both == early and more == earlier_mention and into_stores and several

    return {"tuples": until(rng, partial(draw_stream, length=8, registers=2, symbols=3), wanted)}


def keeps_edits_that_change_nothing(tuples):
    found = []
    for t in range(len(tuples) - 1):
        if tuples[t][1] == tuples[-1][1]:
            corrupt = [list(row) for row in tuples]
            corrupt[t][0] = "ignore" if tuples[t][0] == "store" else "store"
            found.append(corrupt)
    return found


def looks_at_the_last_answer_only(tuples):
    found, right = [], gate_oracle(tuples)
    for t in range(len(tuples) - 1):
        corrupt = [list(row) for row in tuples]
        corrupt[t][0] = "ignore" if tuples[t][0] == "store" else "store"
        if gate_oracle(corrupt)[-1] != right[-1]:
            found.append(corrupt)
    return found


def wants_any_answer_to_change(tuples):
    found, right = [], gate_oracle(tuples)
    for t in range(len(tuples) - 1):
        corrupt = [list(row) for row in tuples]
        corrupt[t][0] = "ignore" if tuples[t][0] == "store" else "store"
        if gate_oracle(corrupt) != right:
            found.append(corrupt)
    return found


def edits_the_last_mention_only(tuples):
    right = gate_oracle(tuples)
    mentions = [t for t in range(len(tuples) - 1) if tuples[t][1] == tuples[-1][1]]
    for t in mentions[-1:]:
        corrupt = [list(row) for row in tuples]
        corrupt[t][0] = "ignore" if tuples[t][0] == "store" else "store"
        if gate_oracle(corrupt)[-1] != right[-1]:
            return [corrupt]
    return []


def piles_edits_up(tuples):
    found, right, corrupt = [], gate_oracle(tuples), [list(row) for row in tuples]
    for t in range(len(tuples) - 1):
        corrupt[t][0] = "ignore" if tuples[t][0] == "store" else "store"
        new = gate_oracle(corrupt)
        if new[-1] != right[-1] and new[:-1] == right[:-1]:
            found.append([list(row) for row in corrupt])
    return found


def turns_stores_into_ignores_only(tuples):
    found, right = [], gate_oracle(tuples)
    for t in range(len(tuples) - 1):
        corrupt = [list(row) for row in tuples]
        corrupt[t][0] = "ignore"
        new = gate_oracle(corrupt)
        if new[-1] != right[-1] and new[:-1] == right[:-1]:
            found.append(corrupt)
    return found


def gives_the_latest_edit_first(tuples):
    found, right = [], gate_oracle(tuples)
    for t in reversed(range(len(tuples) - 1)):
        corrupt = [list(row) for row in tuples]
        corrupt[t][0] = "ignore" if tuples[t][0] == "store" else "store"
        new = gate_oracle(corrupt)
        if new[-1] != right[-1] and new[:-1] == right[:-1]:
            found.append(corrupt)
    return found


def pairs_by_comprehension(tuples):
    import copy

    def flipped(t):
        other = copy.deepcopy(tuples)
        other[t][0] = {"store": "ignore", "ignore": "store"}[other[t][0]]
        return other

    right = gate_oracle(tuples)
    wanted = right[:-1] + ["same" if right[-1] == "different" else "different"]
    return [other for other in map(flipped, range(len(tuples) - 1)) if gate_oracle(other) == wanted]


def pairs_by_counting_changes(tuples):
    found = []
    before = gate_oracle(tuples)
    for t, (instruction, register, symbol) in enumerate(tuples[:-1]):
        new = "store" if instruction == "ignore" else "ignore"
        stream = [*tuples[:t], [new, register, symbol], *tuples[t + 1 :]]
        changed = [i for i, (a, b) in enumerate(zip(before, gate_oracle(stream), strict=True)) if a != b]
        if changed == [len(tuples) - 1]:
            found.append(stream)
    return found


EXERCISE = Exercise(
    name="minimal_pairs",
    card=Card(
        title="Find the one-word edits that matter",
        difficulty=2,
        minutes=12,
        why="A patching experiment is as good as its pairs. If the edit does not change the right answer, there is "
        "no effect to trace; if it changes earlier answers too, you trace several things at once.",
        paper="The clean and corrupted runs of the path-patching experiments.",
    ),
    groups=(
        Group(
            "the last mention is the one that matters",
            3,
            partial(_draw, early=False, earlier_mention=False),
            hint="For each earlier tuple: copy the stream, flip its instruction, compare the answers of gate_oracle.",
        ),
        Group(
            "edits that change earlier answers as well",
            3,
            partial(_draw, early=True, earlier_mention=False),
            hint="All answers but the last must stay as they were: answers stand in the stream, and a pair may differ "
            "in one word only.",
        ),
        Group(
            "earlier mentions that matter",
            2,
            partial(_draw, early=False, earlier_mention=True),
            hint="Flipping an instruction may matter long after: try every tuple before the last.",
        ),
    ),
    mistakes=(
        Mistake(
            keeps_edits_that_change_nothing,
            "Some of your pairs have the same right answer on both sides: such a pair has no effect to measure. "
            "Compute the answer of the edited stream and keep the edit only if the last one changed.",
            0,
        ),
        Mistake(
            looks_at_the_last_answer_only,
            "Some of your edits change an answer before the last one as well. That answer stands in the stream as a "
            "word, so the two streams would differ in two words: keep an edit only if all earlier answers stay.",
            5,
        ),
        Mistake(
            wants_any_answer_to_change,
            "You keep an edit when any answer changes. It is the last answer that must change, and no other.",
            0,
        ),
        Mistake(
            edits_the_last_mention_only,
            "You try the last mention of the register only. An earlier one matters too where everything after it was "
            "ignored.",
            6,
        ),
        Mistake(
            turns_stores_into_ignores_only,
            "You turn 'store' into 'ignore' and never the other way round. An ignored tuple that had been stored "
            "changes answers as well: flip whatever stands there.",
            0,
        ),
        Mistake(
            gives_the_latest_edit_first,
            "Your pairs are right, but in the wrong order: the earliest edit comes first.",
            6,
        ),
        Mistake(
            piles_edits_up,
            "Your edits pile up: each stream still has the flips of the one before. Start each time from a fresh copy "
            "([list(row) for row in tuples]). If you do, look at gate_oracle first: a wrong one can look like this.",
            0,
        ),
    ),
    variants=(pairs_by_comprehension, pairs_by_counting_changes),
)
