"""Exercise 3.2, ``colored_pair``: two questions about one list.

- three objects; colours that begin with a vowel; lists of two, four and five; calls that make no pair.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator
_OBJECTS = ("pen", "cup", "key", "ball", "book", "hat", "lamp", "box", "coin", "ring")
_PLAIN = ("red", "yellow", "green", "blue", "purple", "brown", "black", "white")
_VOWELS = ("orange", "indigo", "amber", "emerald", "umber")
_WITH_A_VOWEL = ("umbrella", "apple", "envelope")
_SURFACES = ("desk", "floor", "shelf")  # not the example's table


def _draw(rng: Rng, sizes: tuple[int, ...], vowels: int = 0, same: bool = False) -> dict[str, Any]:
    n = int(rng.choice(sizes))
    colors = [*rng.permutation(_VOWELS)[:vowels], *rng.permutation(_PLAIN)[: n - vowels]]
    colors = [str(name) for name in rng.permutation(colors)]
    objects = [str(name) for name in rng.permutation(_OBJECTS)[:n]]
    if vowels:  # an object with a vowel beside a colour without one, so that it shows which of them has the article
        plain = next(place for place, color in enumerate(colors) if color not in _VOWELS)
        objects[plain] = str(rng.choice(_WITH_A_VOWEL))
    asked, other = (int(i) for i in rng.permutation(n)[:2])
    return {
        "objects": objects,
        "colors": colors,
        "asked": asked,
        "other": asked if same else other,
        "surface": str(rng.choice(_SURFACES)),
    }


def answers_in_lower_case(objects, colors, asked, other, surface):
    if asked == other:
        raise ValueError("the same object")
    items = [f"{'an' if c[0] in 'aeiou' else 'a'} {c} {o}" for c, o in zip(colors, objects, strict=True)]
    start = f"Q: On the {surface}, I see {', '.join(items[:-1])}, and {items[-1]}. What color is the "
    clean, corrupt = (f"{start}{objects[place]}?\nA:" for place in (asked, other))
    return {"clean": clean, "corrupt": corrupt, "right": f" {colors[asked]}", "wrong": f" {colors[other]}"}


def answers_without_the_space(objects, colors, asked, other, surface):
    if asked == other:
        raise ValueError("the same object")
    items = [f"{'an' if c[0] in 'aeiou' else 'a'} {c} {o}" for c, o in zip(colors, objects, strict=True)]
    start = f"Q: On the {surface}, I see {', '.join(items[:-1])}, and {items[-1]}. What color is the "
    clean, corrupt = (f"{start}{objects[place]}?\nA:" for place in (asked, other))
    right, wrong = colors[asked].capitalize(), colors[other].capitalize()
    return {"clean": clean, "corrupt": corrupt, "right": right, "wrong": wrong}


def leaves_a_space_at_the_end(objects, colors, asked, other, surface):
    if asked == other:
        raise ValueError("the same object")
    items = [f"{'an' if c[0] in 'aeiou' else 'a'} {c} {o}" for c, o in zip(colors, objects, strict=True)]
    start = f"Q: On the {surface}, I see {', '.join(items[:-1])}, and {items[-1]}. What color is the "
    clean, corrupt = (f"{start}{objects[place]}?\nA: " for place in (asked, other))
    right, wrong = f" {colors[asked].capitalize()}", f" {colors[other].capitalize()}"
    return {"clean": clean, "corrupt": corrupt, "right": right, "wrong": wrong}


def always_writes_a(objects, colors, asked, other, surface):
    if asked == other:
        raise ValueError("the same object")
    items = [f"a {c} {o}" for c, o in zip(colors, objects, strict=True)]
    start = f"Q: On the {surface}, I see {', '.join(items[:-1])}, and {items[-1]}. What color is the "
    clean, corrupt = (f"{start}{objects[place]}?\nA:" for place in (asked, other))
    right, wrong = f" {colors[asked].capitalize()}", f" {colors[other].capitalize()}"
    return {"clean": clean, "corrupt": corrupt, "right": right, "wrong": wrong}


def goes_by_the_object(objects, colors, asked, other, surface):
    if asked == other:
        raise ValueError("the same object")
    items = [f"{'an' if o[0] in 'aeiou' else 'a'} {c} {o}" for c, o in zip(colors, objects, strict=True)]
    start = f"Q: On the {surface}, I see {', '.join(items[:-1])}, and {items[-1]}. What color is the "
    clean, corrupt = (f"{start}{objects[place]}?\nA:" for place in (asked, other))
    right, wrong = f" {colors[asked].capitalize()}", f" {colors[other].capitalize()}"
    return {"clean": clean, "corrupt": corrupt, "right": right, "wrong": wrong}


def exchanges_the_questions(objects, colors, asked, other, surface):
    if asked == other:
        raise ValueError("the same object")
    items = [f"{'an' if c[0] in 'aeiou' else 'a'} {c} {o}" for c, o in zip(colors, objects, strict=True)]
    start = f"Q: On the {surface}, I see {', '.join(items[:-1])}, and {items[-1]}. What color is the "
    clean, corrupt = (f"{start}{objects[place]}?\nA:" for place in (other, asked))
    right, wrong = f" {colors[asked].capitalize()}", f" {colors[other].capitalize()}"
    return {"clean": clean, "corrupt": corrupt, "right": right, "wrong": wrong}


def exchanges_the_answers(objects, colors, asked, other, surface):
    if asked == other:
        raise ValueError("the same object")
    items = [f"{'an' if c[0] in 'aeiou' else 'a'} {c} {o}" for c, o in zip(colors, objects, strict=True)]
    start = f"Q: On the {surface}, I see {', '.join(items[:-1])}, and {items[-1]}. What color is the "
    clean, corrupt = (f"{start}{objects[place]}?\nA:" for place in (asked, other))
    right, wrong = f" {colors[other].capitalize()}", f" {colors[asked].capitalize()}"
    return {"clean": clean, "corrupt": corrupt, "right": right, "wrong": wrong}


def counts_from_one(objects, colors, asked, other, surface):
    if asked == other:
        raise ValueError("the same object")
    items = [f"{'an' if c[0] in 'aeiou' else 'a'} {c} {o}" for c, o in zip(colors, objects, strict=True)]
    start = f"Q: On the {surface}, I see {', '.join(items[:-1])}, and {items[-1]}. What color is the "
    clean, corrupt = (f"{start}{objects[place - 1]}?\nA:" for place in (asked, other))
    right, wrong = f" {colors[asked - 1].capitalize()}", f" {colors[other - 1].capitalize()}"
    return {"clean": clean, "corrupt": corrupt, "right": right, "wrong": wrong}


def always_on_the_table(objects, colors, asked, other, surface):
    if asked == other:
        raise ValueError("the same object")
    items = [f"{'an' if c[0] in 'aeiou' else 'a'} {c} {o}" for c, o in zip(colors, objects, strict=True)]
    start = f"Q: On the table, I see {', '.join(items[:-1])}, and {items[-1]}. What color is the "
    clean, corrupt = (f"{start}{objects[place]}?\nA:" for place in (asked, other))
    right, wrong = f" {colors[asked].capitalize()}", f" {colors[other].capitalize()}"
    return {"clean": clean, "corrupt": corrupt, "right": right, "wrong": wrong}


def exchanges_the_colors(objects, colors, asked, other, surface):
    if asked == other:
        raise ValueError("the same object")

    def prompt(shades):
        items = [f"{'an' if c[0] in 'aeiou' else 'a'} {c} {o}" for c, o in zip(shades, objects, strict=True)]
        listed = f"{', '.join(items[:-1])}, and {items[-1]}"
        return f"Q: On the {surface}, I see {listed}. What color is the {objects[asked]}?\nA:"

    exchanged = list(colors)
    exchanged[asked], exchanged[other] = colors[other], colors[asked]
    right, wrong = f" {colors[asked].capitalize()}", f" {colors[other].capitalize()}"
    return {"clean": prompt(colors), "corrupt": prompt(exchanged), "right": right, "wrong": wrong}


def puts_no_comma_before_and(objects, colors, asked, other, surface):
    if asked == other:
        raise ValueError("the same object")
    items = [f"{'an' if c[0] in 'aeiou' else 'a'} {c} {o}" for c, o in zip(colors, objects, strict=True)]
    start = f"Q: On the {surface}, I see {', '.join(items[:-1])} and {items[-1]}. What color is the "
    clean, corrupt = (f"{start}{objects[place]}?\nA:" for place in (asked, other))
    right, wrong = f" {colors[asked].capitalize()}", f" {colors[other].capitalize()}"
    return {"clean": clean, "corrupt": corrupt, "right": right, "wrong": wrong}


def makes_a_pair_of_one_question(objects, colors, asked, other, surface):
    items = [f"{'an' if c[0] in 'aeiou' else 'a'} {c} {o}" for c, o in zip(colors, objects, strict=True)]
    start = f"Q: On the {surface}, I see {', '.join(items[:-1])}, and {items[-1]}. What color is the "
    clean, corrupt = (f"{start}{objects[place]}?\nA:" for place in (asked, other))
    right, wrong = f" {colors[asked].capitalize()}", f" {colors[other].capitalize()}"
    return {"clean": clean, "corrupt": corrupt, "right": right, "wrong": wrong}


def pair_by_loop(objects, colors, asked, other, surface):
    if objects[asked] == objects[other]:
        raise ValueError("one question only")
    text = f"Q: On the {surface}, I see"
    for place, (thing, color) in enumerate(zip(objects, colors, strict=True)):
        if place:
            text += ", and" if place == len(objects) - 1 else ","
        text += (" an " if color.startswith(tuple("aeiou")) else " a ") + color + " " + thing
    made = {}
    for prompt, answer, place in (("clean", "right", asked), ("corrupt", "wrong", other)):
        made[prompt] = text + f". What color is the {objects[place]}?\nA:"
        made[answer] = " " + colors[place].title()
    return made


def pair_by_replacing(objects, colors, asked, other, surface):
    if asked == other:
        raise ValueError("one question only")
    articles = ["an" if color[0] in "aeiou" else "a" for color in colors]
    items = [" ".join(words) for words in zip(articles, colors, objects, strict=True)]
    items[-1] = "and " + items[-1]
    clean = "Q: On the {}, I see {}. What color is the {}?\nA:".format(surface, ", ".join(items), objects[asked])
    corrupt = clean.replace(f"the {objects[asked]}?", f"the {objects[other]}?")
    right, wrong = (" " + colors[i][0].upper() + colors[i][1:] for i in (asked, other))
    return {"clean": clean, "corrupt": corrupt, "right": right, "wrong": wrong}


EXERCISE = Exercise(
    name="colored_pair",
    card=Card(
        title="Write a minimal pair of coloured objects",
        difficulty=2,
        minutes=12,
        why="A prompt's spelling is part of the experiment: without its leading space ' Blue' is another token, and "
        "the model that knows the answer looks as if it did not.",
        paper="The coloured-objects task: the minimally different prompt changes the queried object and nothing else.",
    ),
    groups=(
        Group(
            "three objects",
            2,
            partial(_draw, sizes=(3,)),
            hint="Compare with the example character by character: 'Q: ', the commas, 'and', '?', the line break.",
        ),
        Group(
            "colours that begin with a vowel",
            2,
            partial(_draw, sizes=(3,), vowels=2),
            hint="'an orange cup', but 'a blue key': look at the first letter of the colour.",
        ),
        Group(
            "lists of other lengths",
            2,
            partial(_draw, sizes=(2, 4, 5)),
            cases=3,
            hint="Nothing may depend on there being three objects. Two are listed as 'a red pen, and a blue cup'.",
        ),
        Group(
            "one question only",
            1,
            partial(_draw, sizes=(3,), same=True),
            cases=1,
            hint="If asked and other are the same place, raise a ValueError: the prompts would not differ.",
            raises="ValueError",
        ),
    ),
    mistakes=(
        Mistake(
            answers_in_lower_case,
            "Your answers are in lower case. In the prompt colours are written small, in the answer with a capital: "
            "' Blue' and ' blue' are different tokens.",
            1,
        ),
        Mistake(
            answers_without_the_space,
            "Your answers lack the leading space. After 'A:' the model says ' Blue', one token with the space in it.",
            1,
        ),
        Mistake(
            leaves_a_space_at_the_end,
            "Your prompts end in a space. The space belongs to the answer; at the end of a prompt it is a token of its "
            "own, after which ' Blue' would make two spaces.",
            1,
        ),
        Mistake(
            always_writes_a,
            "You write 'a orange': before a, e, i, o and u the article is 'an'.",
            5,
        ),
        Mistake(
            goes_by_the_object,
            "You choose a or an by the object. The colour follows the article: 'an orange cup', 'a red umbrella'.",
            5,
        ),
        Mistake(
            exchanges_the_questions,
            "Your prompts are exchanged: the clean one asks for objects[asked], the corrupt one for objects[other].",
            1,
        ),
        Mistake(
            exchanges_the_answers,
            "right and wrong are exchanged: right is the colour of the object that the clean prompt asks for.",
            1,
        ),
        Mistake(
            counts_from_one,
            "You count places from 1. asked and other count from 0, as Python does: objects[asked].",
            1,
        ),
        Mistake(
            always_on_the_table,
            "You write 'On the table' whatever the surface: put the argument surface there.",
            1,
        ),
        Mistake(
            exchanges_the_colors,
            "Your corrupt prompt exchanges two colours and asks about the same object. That makes a pair too, but "
            "another one: here the list stays and the question changes.",
            1,
        ),
        Mistake(
            puts_no_comma_before_and,
            "There is a comma before 'and', in a list of two as well: 'a red pen, and a blue cup'.",
            1,
        ),
        Mistake(
            makes_a_pair_of_one_question,
            "The pairs are right, but when asked equals other your two prompts are the same: raise a ValueError.",
            6,
        ),
    ),
    variants=(pair_by_loop, pair_by_replacing),
)
