"""Exercise 1.7, ``build_twins``: two prompts about one fact that differ in whether the answer can be copied.

- drawn facts as words; some of the facts at hand would give the answer away, others only look like it;
- the facts after the call are looked at too.
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


def leaves_out_only_the_argument_anywhere(facts, asked, shots):
    fair = [fact for fact in facts if asked[1] not in fact][:shots]
    question = asked[:3]
    plain = [word for fact in fair for word in fact]
    stated = [word for fact in [*fair[:-1], asked] for word in fact]
    return {"abstractive": plain + question, "extractive": stated + question, "answer": asked[3]}


def leaves_out_only_the_same_answer(facts, asked, shots):
    fair = [fact for fact in facts if asked[3] not in fact][:shots]
    question = asked[:3]
    plain = [word for fact in fair for word in fact]
    stated = [word for fact in [*fair[:-1], asked] for word in fact]
    return {"abstractive": plain + question, "extractive": stated + question, "answer": asked[3]}


def looks_in_the_same_place_only(facts, asked, shots):
    fair = [fact for fact in facts if fact[1] != asked[1] and fact[3] != asked[3]][:shots]
    question = asked[:3]
    plain = [word for fact in fair for word in fact]
    stated = [word for fact in [*fair[:-1], asked] for word in fact]
    return {"abstractive": plain + question, "extractive": stated + question, "answer": asked[3]}


def cuts_before_it_filters(facts, asked, shots):
    fair = [fact for fact in facts[:shots] if asked[1] not in fact and asked[3] not in fact]
    question = asked[:3]
    plain = [word for fact in fair for word in fact]
    stated = [word for fact in [*fair[:-1], asked] for word in fact]
    return {"abstractive": plain + question, "extractive": stated + question, "answer": asked[3]}


def compares_parts_of_words(facts, asked, shots):
    fair = [fact for fact in facts if asked[1] not in " ".join(fact) and asked[3] not in " ".join(fact)][:shots]
    question = asked[:3]
    plain = [word for fact in fair for word in fact]
    stated = [word for fact in [*fair[:-1], asked] for word in fact]
    return {"abstractive": plain + question, "extractive": stated + question, "answer": asked[3]}


def ignores_capitals(facts, asked, shots):
    fair = [fact for fact in facts if not {asked[1], asked[3]} & {word.lower() for word in fact}][:shots]
    question = asked[:3]
    plain = [word for fact in fair for word in fact]
    stated = [word for fact in [*fair[:-1], asked] for word in fact]
    return {"abstractive": plain + question, "extractive": stated + question, "answer": asked[3]}


def leaves_out_facts_with_the_same_cue(facts, asked, shots):
    fair = [fact for fact in facts if not set(asked) & set(fact)][:shots]
    question = asked[:3]
    plain = [word for fact in fair for word in fact]
    stated = [word for fact in [*fair[:-1], asked] for word in fact]
    return {"abstractive": plain + question, "extractive": stated + question, "answer": asked[3]}


def removes_facts_from_the_list_itself(facts, asked, shots):
    for fact in list(facts):
        if asked[1] in fact or asked[3] in fact:
            facts.remove(fact)
    fair = facts[:shots]
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
    leaves_out_only_the_argument_anywhere,
    leaves_out_only_the_same_answer,
    looks_in_the_same_place_only,
    cuts_before_it_filters,
    compares_parts_of_words,
    ignores_capitals,
    leaves_out_facts_with_the_same_cue,
)


def _fact(rng: Rng, word: str, answer: str) -> list[str]:
    return [str(rng.choice(FIRST)), word, str(rng.choice(SECOND)), answer]


def _leaks(rng: Rng, asked: list[str], other: str) -> list[list[str]]:
    """Facts that must be left out, each for a reason of its own, and two that only look like it, in any order."""
    argument, answer = asked[1], asked[3]
    facts = [
        _fact(rng, argument, answer),  # the fact itself
        _fact(rng, argument, argument.upper()),  # the same argument in another relation
        _fact(rng, other, answer),
        _fact(rng, other, argument),
        _fact(rng, answer, f"{answer}s"),
        _fact(rng, f"out{argument}", f"out{answer}"),  # other words, of which the asked ones are a part
        _fact(rng, argument.upper(), f"{argument.upper()}S"),
    ]
    return [facts[i] for i in rng.permutation(len(facts))]


def _draw(rng: Rng, shots: int, leaks: bool, slips: tuple[Any, ...], and_after: bool = False) -> dict[str, Any]:
    def draw(rng: Rng) -> dict[str, Any]:
        stems = [str(stem) for stem in rng.choice(STEMS, 8, replace=False)]
        asked = _fact(rng, stems[0], stems[0] + "ed")
        facts = [_fact(rng, stem, str(rng.choice([stem.upper(), stem + "s"]))) for stem in stems[1:]]
        if leaks:
            facts = _leaks(rng, asked, stems[1]) + facts[1:]
        return {"facts": facts, "asked": asked, "shots": shots}

    def wanted(case: dict[str, Any]) -> bool:
        right = twins_by_a_loop(**case)
        return all((mistake(**case) != right) == (mistake in slips) for mistake in _MISTAKES)

    return {**until(rng, draw, wanted), "and_after": and_after}


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
            2,
            partial(
                _draw,
                shots=2,
                leaks=False,
                slips=(
                    appends_the_fact_to_the_shots,
                    states_the_fact_first,
                    ends_with_the_answer,
                    leaves_out_facts_with_the_same_cue,
                ),
            ),
            hint="abstractive: the shots, then the first three words of asked. extractive: the same with the last shot "
            "replaced by all four words of asked. Both are flat lists of equal length.",
        ),
        Group(
            "facts that would give the answer away",
            3,
            partial(_draw, shots=2, leaks=True, slips=_MISTAKES),
            hint="Leave out every fact in which the asked argument or the asked answer occurs, in any of its four "
            "places, as a whole word. Then take the first `shots`.",
        ),
        Group(
            "three shots",
            2,
            partial(_draw, shots=3, leaks=True, slips=_MISTAKES),
            hint="Nothing may depend on two shots.",
        ),
        Group(
            "the facts afterwards",
            1,
            partial(_draw, shots=2, leaks=True, slips=_MISTAKES, and_after=True),
            hint="If result['twins'] is wrong, see above. If facts_afterwards or asked_afterwards is: build new lists, "
            "and leave those that were handed in as they are.",
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
            2,
        ),
        Mistake(
            leaves_out_only_the_same_argument,
            "You leave out facts with the same argument, but another fact may have the same answer, and then the "
            "abstractive prompt gives it away. Leave both out.",
            2,
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
        Mistake(
            leaves_out_only_the_argument_anywhere,
            "You leave out facts that contain the asked argument, but not those that contain the asked answer, and "
            "they give it away. Leave both out.",
            2,
        ),
        Mistake(
            leaves_out_only_the_same_answer,
            "You leave out facts with the same answer. A fact about the same argument, in another relation, is left "
            "out too.",
            2,
        ),
        Mistake(
            looks_in_the_same_place_only,
            "You compare argument with argument and answer with answer. The two words of `asked` may stand in any "
            "place of a fact, and then it is left out as well.",
            2,
        ),
        Mistake(
            cuts_before_it_filters,
            "You take the first `shots` facts and then leave some out, so that too few remain. Leave out first, then "
            "cut.",
            2,
        ),
        Mistake(
            compares_parts_of_words,
            "You look for parts of words: a longer word that contains the asked one is another word. Compare whole "
            "words: asked[1] in fact.",
            2,
        ),
        Mistake(
            ignores_capitals,
            "You compare words without regard to capitals. Upper case makes another word here.",
            2,
        ),
        Mistake(
            leaves_out_facts_with_the_same_cue,
            "You leave out facts that share a cue with `asked`, too. Only its argument and its answer count.",
            0,
        ),
        Mistake(
            removes_facts_from_the_list_itself,
            "The twins are right, but you removed facts from the list that was handed in, and the next twins lack "
            "them. Build a new list.",
            7,
        ),
    ),
    variants=(twins_by_a_loop, twins_by_sums),
    probe="ch01.build_twins",
)
