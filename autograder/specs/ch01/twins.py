"""Exercise 1.7, ``build_twins``: two prompts about one fact that differ in whether the answer can be copied.

- drawn facts as words; some of the facts at hand would give the answer away.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from autograder.specs.base import Card, Exercise, Group, Mistake
from autograder.specs.ch01.prompts import until

Rng = np.random.Generator
STEMS = ("walk", "jump", "cook", "talk", "climb", "paint", "help", "visit", "rest", "wait", "open", "mix")
FIRST, SECOND = ("ra", "ri", "ro", "ru"), ("da", "di", "do", "du")


def appends_the_fact_to_the_shots(facts, asked, shots):
    fair = [fact for fact in facts if asked[1] not in fact and asked[3] not in fact][:shots]
    question = asked[:3]
    plain = [word for fact in fair for word in fact]
    return {"abstractive": plain + question, "extractive": plain + asked + question, "answer": asked[3]}


def lets_the_answer_leak(facts, asked, shots):
    shown = facts[:shots]
    question = asked[:3]
    plain = [word for fact in shown for word in fact]
    stated = [word for fact in [*shown[:-1], asked] for word in fact]
    return {"abstractive": plain + question, "extractive": stated + question, "answer": asked[3]}


def leaves_out_only_the_same_argument(facts, asked, shots):
    fair = [fact for fact in facts if fact[1] != asked[1]][:shots]
    question = asked[:3]
    plain = [word for fact in fair for word in fact]
    stated = [word for fact in [*fair[:-1], asked] for word in fact]
    return {"abstractive": plain + question, "extractive": stated + question, "answer": asked[3]}


def states_the_fact_first(facts, asked, shots):
    fair = [fact for fact in facts if asked[1] not in fact and asked[3] not in fact][:shots]
    question = asked[:3]
    plain = [word for fact in fair for word in fact]
    stated = [word for fact in [asked, *fair[1:]] for word in fact]
    return {"abstractive": plain + question, "extractive": stated + question, "answer": asked[3]}


def ends_with_the_answer(facts, asked, shots):
    fair = [fact for fact in facts if asked[1] not in fact and asked[3] not in fact][:shots]
    plain = [word for fact in fair for word in fact]
    stated = [word for fact in [*fair[:-1], asked] for word in fact]
    return {"abstractive": plain + asked, "extractive": stated + asked, "answer": asked[3]}


def twins_by_a_loop(facts, asked, shots):
    shown = []
    for fact in facts:
        leaks = asked[1] in fact or asked[3] in fact
        if not leaks and len(shown) < shots:
            shown.append(list(fact))
    found = {"answer": asked[3]}
    for name, last in (("abstractive", shown[-1]), ("extractive", asked)):
        words = []
        for fact in shown[:-1]:
            words.extend(fact)
        words.extend(last)
        found[name] = words + [asked[0], asked[1], asked[2]]
    return found


def twins_by_sums(facts, asked, shots):
    fair = [fact for fact in facts if not {asked[1], asked[3]} & set(fact)]
    abstractive = sum(fair[:shots], []) + asked[:-1]
    extractive = sum(fair[: shots - 1], []) + asked + asked[:-1]
    return {"abstractive": abstractive, "extractive": extractive, "answer": asked[-1]}


_MISTAKES = (
    appends_the_fact_to_the_shots,
    lets_the_answer_leak,
    leaves_out_only_the_same_argument,
    states_the_fact_first,
    ends_with_the_answer,
)


def _fact(rng: Rng, word: str, answer: str) -> list[str]:
    return [str(rng.choice(FIRST)), word, str(rng.choice(SECOND)), answer]


def _draw(rng: Rng, shots: int, leaks: bool, slips: tuple[Any, ...]) -> dict[str, Any]:
    def draw(rng: Rng) -> dict[str, Any]:
        stems = [str(stem) for stem in rng.choice(STEMS, 8, replace=False)]
        asked = _fact(rng, stems[0], stems[0] + "ed")
        facts = [_fact(rng, stem, str(rng.choice([stem.upper(), stem + "s"]))) for stem in stems[1:]]
        if leaks:
            facts[0] = _fact(rng, stems[0], stems[0] + "ed")  # the fact itself
            facts[1] = _fact(rng, stems[1], asked[3])  # another argument with the same answer
            order = rng.permutation(2).tolist()
            facts[:2] = [facts[i] for i in order]
        return {"facts": facts, "asked": asked, "shots": shots}

    def wanted(case: dict[str, Any]) -> bool:
        right = twins_by_a_loop(**case)
        return all((mistake(**case) != right) == (mistake in slips) for mistake in _MISTAKES)

    return until(rng, draw, wanted)


EXERCISE = Exercise(
    name="build_twins",
    card=Card(
        title="Build two prompts that differ in one respect",
        difficulty=2,
        minutes=12,
        why="One twin must work the answer out, the other may copy it. Whatever else differs between the two could "
        "explain your result in the place of that.",
        paper="Abstractive and extractive variants of a task, in the paper's experiment that removes FFNs.",
    ),
    groups=(
        Group(
            "two shots, nothing leaks",
            3,
            partial(
                _draw,
                shots=2,
                leaks=False,
                slips=(appends_the_fact_to_the_shots, states_the_fact_first, ends_with_the_answer),
            ),
            hint="abstractive: the shots, then the first three words of asked. extractive: the same with the last shot "
            "replaced by all four words of asked. Both are flat lists of equal length.",
        ),
        Group(
            "facts that would give the answer away",
            3,
            partial(_draw, shots=2, leaks=True, slips=_MISTAKES),
            hint="Leave out every fact in which the asked argument or the asked answer occurs, then take the first "
            "`shots`.",
        ),
        Group(
            "three shots",
            2,
            partial(_draw, shots=3, leaks=True, slips=_MISTAKES),
            hint="Nothing may depend on two shots.",
        ),
    ),
    mistakes=(
        Mistake(
            appends_the_fact_to_the_shots,
            "Your extractive prompt is longer than its twin: the stated fact comes on top of the shots. Let it take "
            "the "
            "place of the last shot, so that the twins differ in one respect.",
            0,
        ),
        Mistake(
            lets_the_answer_leak,
            "Your abstractive prompt contains the answer: one of the facts shown is the asked one, or has the same "
            "answer. Leave such facts out first.",
            3,
        ),
        Mistake(
            leaves_out_only_the_same_argument,
            "You leave out facts with the same argument, but another fact may have the same answer, and then the "
            "abstractive prompt gives it away. Leave both out.",
            3,
        ),
        Mistake(
            states_the_fact_first,
            "You put the stated fact in the place of the first shot. It takes the place of the last one.",
            0,
        ),
        Mistake(
            ends_with_the_answer,
            "Your prompts end with the answer itself: nothing is left to predict. Stop after the third word of asked.",
            0,
        ),
    ),
    variants=(twins_by_a_loop, twins_by_sums),
)
