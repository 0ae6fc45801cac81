"""Exercise 3.1, ``ioi_pair``: two sentences that differ in who gives.

- drawn people, places and things; the first or the second person gives; calls that make no pair.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator
_PEOPLE = ("Anna", "Ben", "Clara", "David", "Emma", "Frank", "Grace", "Henry", "Iris", "Jack")
_PLACES = ("park", "store", "beach", "school", "office", "museum")
_THINGS = ("letter", "book", "ring", "map", "drink", "basket")


def _draw(rng: Rng, giver: str) -> dict[str, Any]:
    first, second, third = (str(name) for name in rng.permutation(_PEOPLE)[:3])
    chosen = {"first": first, "second": second, "twice": first, "nobody introduced": third}[giver]
    return {
        "first": first,
        "second": first if giver == "twice" else second,
        "giver": chosen,
        "place": str(rng.choice(_PLACES)),
        "thing": str(rng.choice(_THINGS)),
    }


def swaps_the_introduction_too(first, second, giver, place, thing):
    if first == second or giver not in (first, second):
        raise ValueError("no pair")
    other = second if giver == first else first
    clean = f"when {first} and {second} went to the {place} , {giver} gave a {thing} to"
    corrupt = f"when {second} and {first} went to the {place} , {other} gave a {thing} to"
    return {"clean": clean, "corrupt": corrupt, "right": other, "wrong": giver}


def answers_with_the_giver(first, second, giver, place, thing):
    if first == second or giver not in (first, second):
        raise ValueError("no pair")
    other = second if giver == first else first
    clean = f"when {first} and {second} went to the {place} , {giver} gave a {thing} to"
    corrupt = f"when {first} and {second} went to the {place} , {other} gave a {thing} to"
    return {"clean": clean, "corrupt": corrupt, "right": giver, "wrong": other}


def takes_the_second_for_the_other(first, second, giver, place, thing):
    if first == second or giver not in (first, second):
        raise ValueError("no pair")
    clean = f"when {first} and {second} went to the {place} , {giver} gave a {thing} to"
    corrupt = f"when {first} and {second} went to the {place} , {second} gave a {thing} to"
    return {"clean": clean, "corrupt": corrupt, "right": second, "wrong": giver}


def glues_the_comma_to_the_word(first, second, giver, place, thing):
    if first == second or giver not in (first, second):
        raise ValueError("no pair")
    other = second if giver == first else first
    clean = f"when {first} and {second} went to the {place}, {giver} gave a {thing} to"
    corrupt = f"when {first} and {second} went to the {place}, {other} gave a {thing} to"
    return {"clean": clean, "corrupt": corrupt, "right": other, "wrong": giver}


def writes_the_answer_into_the_prompt(first, second, giver, place, thing):
    if first == second or giver not in (first, second):
        raise ValueError("no pair")
    other = second if giver == first else first
    clean = f"when {first} and {second} went to the {place} , {giver} gave a {thing} to {other}"
    corrupt = f"when {first} and {second} went to the {place} , {other} gave a {thing} to {giver}"
    return {"clean": clean, "corrupt": corrupt, "right": other, "wrong": giver}


def takes_anybody_for_a_giver(first, second, giver, place, thing):
    other = second if giver == first else first
    clean = f"when {first} and {second} went to the {place} , {giver} gave a {thing} to"
    corrupt = f"when {first} and {second} went to the {place} , {other} gave a {thing} to"
    return {"clean": clean, "corrupt": corrupt, "right": other, "wrong": giver}


def lets_the_first_person_give(first, second, giver, place, thing):
    if first == second or giver not in (first, second):
        raise ValueError("no pair")
    clean = f"when {first} and {second} went to the {place} , {first} gave a {thing} to"
    corrupt = f"when {first} and {second} went to the {place} , {second} gave a {thing} to"
    return {"clean": clean, "corrupt": corrupt, "right": second, "wrong": first}


def leaves_the_giver_in_both(first, second, giver, place, thing):
    if first == second or giver not in (first, second):
        raise ValueError("no pair")
    other = second if giver == first else first
    prompt = f"when {first} and {second} went to the {place} , {giver} gave a {thing} to"
    return {"clean": prompt, "corrupt": prompt, "right": other, "wrong": giver}


def pair_by_joining(first, second, giver, place, thing):
    people = [first, second]
    if len(set(people)) < 2:
        raise ValueError("the same person twice")
    place_of_giver = people.index(giver)  # a ValueError by itself if the giver is neither
    wrong, right = people[place_of_giver], people[1 - place_of_giver]
    start = ["when", first, "and", second, "went", "to", "the", place, ","]
    end = ["gave", "a", thing, "to"]
    clean, corrupt = (" ".join([*start, who, *end]) for who in (wrong, right))
    return {"wrong": wrong, "right": right, "corrupt": corrupt, "clean": clean}


def pair_by_template(first, second, giver, place, thing):
    if giver == first and giver != second:
        other = second
    elif giver == second and giver != first:
        other = first
    else:
        raise ValueError("no minimal pair can be made of this")
    template = f"when {first} and {second} went to the {place} , {{}} gave a {thing} to"
    return dict(clean=template.format(giver), corrupt=template.format(other), right=other, wrong=giver)


EXERCISE = Exercise(
    name="ioi_pair",
    card=Card(
        title="Write a minimal pair of indirect objects",
        difficulty=1,
        minutes=8,
        why="Everything below compares two runs of a model. What the two prompts have in common cancels; what else "
        "differs between them, you will mistake for the task.",
        paper="The indirect-object task and its corrupted prompts, in which giver and receiver change places.",
    ),
    groups=(
        Group(
            "the first person gives",
            2,
            partial(_draw, giver="first"),
            hint="Four keys: clean, corrupt, right, wrong. Compare your two prompts with the example, space by space.",
        ),
        Group(
            "the second person gives",
            2,
            partial(_draw, giver="second"),
            hint="The other person is then the first one. The introduction keeps its order.",
        ),
        Group(
            "a giver who was not introduced",
            0.5,
            partial(_draw, giver="nobody introduced"),
            cases=1,
            hint="Raise a ValueError: nobody could be the indirect object.",
            raises="ValueError",
        ),
        Group(
            "the same person twice",
            0.5,
            partial(_draw, giver="twice"),
            cases=1,
            hint="Raise a ValueError: there is no other person.",
            raises="ValueError",
        ),
    ),
    mistakes=(
        Mistake(
            swaps_the_introduction_too,
            "Your corrupt prompt exchanges the two names in the introduction as well. Then it differs from the clean "
            "one in three words, and a head that only looks at order would seem to matter. Change the giver alone.",
            1,
        ),
        Mistake(
            answers_with_the_giver,
            "right and wrong are exchanged: who gives does not receive, so the right answer to the clean prompt is the "
            "person who does not give there.",
            1,
        ),
        Mistake(
            takes_the_second_for_the_other,
            "You take the second person for the other one, whoever gives. When the second one gives, your two prompts "
            "are the same.",
            3,
        ),
        Mistake(
            lets_the_first_person_give,
            "In your clean prompt the first person gives, whoever is the giver. The giver gives in the clean prompt, "
            "the other person in the corrupt one.",
            3,
        ),
        Mistake(
            leaves_the_giver_in_both,
            "Your two prompts are the same: in the corrupt one the other person gives.",
            1,
        ),
        Mistake(
            glues_the_comma_to_the_word,
            "The comma is a word of its own here, with a space on either side ('park , Ben'): the lab model knows no "
            "word 'park,'.",
            1,
        ),
        Mistake(
            writes_the_answer_into_the_prompt,
            "Your prompts contain their answer. They must end in 'to', so that the model has something to say.",
            1,
        ),
        Mistake(
            takes_anybody_for_a_giver,
            "The pairs are right, but a call that cannot make one goes through: raise a ValueError if the persons are "
            "the same, or if the giver is neither of them.",
            4,
        ),
    ),
    variants=(pair_by_joining, pair_by_template),
)
