"""Exercise 7.8, ``vqa_accuracy``: an answer against ten people's answers.

- drawn answers with nobody, one, two, three and more people agreeing; and with capitals, spaces and full stops;
- some answers contain one another, or differ by a point or a space ("red" and "dark red", "3.5" and "35").
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator
PLAIN = ("wug", "fep", "brown", "two")
LOOK_ALIKE = {"red": "dark red", "3.5": "35", "35": "3.5", "dark red": "darkred", ".5": "5"}
WORDS = (*LOOK_ALIKE, *PLAIN)
PEOPLE = 10
AGREE = (0, 1, 2, 1, 2, 3, 6, 10)  # the first five are asked for words that have a double


def _draw(rng: Rng, untidy: bool) -> dict[str, Any]:
    answers, people = [], []
    asked = [*rng.permutation(list(LOOK_ALIKE)).tolist(), *rng.permutation(PLAIN)[:3].tolist()]
    for question in rng.permutation(len(AGREE)).tolist():
        agree, right = AGREE[question], asked[question]
        others = [word for word in WORDS if word != right]
        said = [right] * agree + [others[int(i)] for i in rng.integers(0, len(others), size=PEOPLE - agree)]
        if right in LOOK_ALIKE:
            said[-1] = LOOK_ALIKE[right]
        said = [said[i] for i in rng.permutation(PEOPLE)]
        if untidy:
            said = [_untidy(rng, word) for word in said]
            # Each kind of untidiness occurs in an answer that people gave, whatever the seed.
            right = {3: f" {right}. ", 6: right.upper(), 10: f"{right}."}.get(agree) or _untidy(rng, right)
        answers.append(right)
        people.append(said)
    return {"answers": answers, "people": people}


def _untidy(rng: Rng, word: str) -> str:
    return [word, word.upper(), f"{word}.", f" {word}", f"{word.capitalize()} ", f" {word}. "][int(rng.integers(6))]


def divides_by_the_number_of_people(answers, people):
    def tidy(text):
        return text.strip().lower().removesuffix(".").strip()

    return [
        sum(tidy(one) == tidy(answer) for one in said) / len(said) for answer, said in zip(answers, people, strict=True)
    ]


def has_no_cap(answers, people):
    def tidy(text):
        return text.strip().lower().removesuffix(".").strip()

    return [sum(tidy(one) == tidy(answer) for one in said) / 3 for answer, said in zip(answers, people, strict=True)]


def compares_as_written(answers, people):
    return [min(said.count(answer) / 3, 1.0) for answer, said in zip(answers, people, strict=True)]


def asks_for_one_match(answers, people):
    def tidy(text):
        return text.strip().lower().removesuffix(".").strip()

    return [float(any(tidy(one) == tidy(answer) for one in said)) for answer, said in zip(answers, people, strict=True)]


def asks_for_three_matches(answers, people):
    def tidy(text):
        return text.strip().lower().removesuffix(".").strip()

    return [
        float(sum(tidy(one) == tidy(answer) for one in said) >= 3) for answer, said in zip(answers, people, strict=True)
    ]


def looks_for_the_answer_inside_others(answers, people):
    def tidy(text):
        return text.strip().lower().removesuffix(".").strip()

    return [
        min(sum(tidy(answer) in tidy(one) for one in said) / 3, 1.0)
        for answer, said in zip(answers, people, strict=True)
    ]


def drops_every_point(answers, people):
    def tidy(text):
        return text.lower().replace(".", "").strip()

    return [
        min(sum(tidy(one) == tidy(answer) for one in said) / 3, 1.0)
        for answer, said in zip(answers, people, strict=True)
    ]


def tidies_the_answer_alone(answers, people):
    def tidy(text):
        return text.strip().lower().removesuffix(".").strip()

    return [min(said.count(tidy(answer)) / 3, 1.0) for answer, said in zip(answers, people, strict=True)]


def keeps_capitals(answers, people):
    def tidy(text):
        return text.strip().removesuffix(".").strip()

    return [
        min(sum(tidy(one) == tidy(answer) for one in said) / 3, 1.0)
        for answer, said in zip(answers, people, strict=True)
    ]


def keeps_spaces(answers, people):
    def tidy(text):
        return text.lower().removesuffix(".")

    return [
        min(sum(tidy(one) == tidy(answer) for one in said) / 3, 1.0)
        for answer, said in zip(answers, people, strict=True)
    ]


def keeps_full_stops(answers, people):
    def tidy(text):
        return text.strip().lower()

    return [
        min(sum(tidy(one) == tidy(answer) for one in said) / 3, 1.0)
        for answer, said in zip(answers, people, strict=True)
    ]


def looks_for_the_full_stop_before_the_spaces(answers, people):
    def tidy(text):
        return text.lower().removesuffix(".").strip()

    return [
        min(sum(tidy(one) == tidy(answer) for one in said) / 3, 1.0)
        for answer, said in zip(answers, people, strict=True)
    ]


def drops_every_space(answers, people):
    def tidy(text):
        return text.lower().replace(" ", "").removesuffix(".")

    return [
        min(sum(tidy(one) == tidy(answer) for one in said) / 3, 1.0)
        for answer, said in zip(answers, people, strict=True)
    ]


def drops_points_in_front_too(answers, people):
    def tidy(text):
        return text.lower().strip(". ")

    return [
        min(sum(tidy(one) == tidy(answer) for one in said) / 3, 1.0)
        for answer, said in zip(answers, people, strict=True)
    ]


def tidies_people_alone(answers, people):
    def tidy(text):
        return text.strip().lower().removesuffix(".").strip()

    return [
        min(sum(tidy(one) == answer for one in said) / 3, 1.0) for answer, said in zip(answers, people, strict=True)
    ]


def takes_the_larger(answers, people):
    def tidy(text):
        return text.strip().lower().removesuffix(".").strip()

    return [
        max(sum(tidy(one) == tidy(answer) for one in said) / 3, 1.0)
        for answer, said in zip(answers, people, strict=True)
    ]


def leaves_one_person_out_at_a_time(answers, people):
    def tidy(text):
        return text.strip().lower().removesuffix(".").strip()

    scores = []
    for answer, said in zip(answers, people, strict=True):
        same = [tidy(one) == tidy(answer) for one in said]
        scores.append(sum(min((sum(same) - one) / 3, 1.0) for one in same) / len(same))
    return scores


def accuracy_by_counter(answers, people):
    from collections import Counter

    scores = []
    for answer, said in zip(answers, people, strict=True):
        counts = Counter(text.strip().lower().rstrip(".").strip() for text in said)
        scores.append(min(counts[answer.strip().lower().rstrip(".").strip()], 3) / 3)
    return scores


def accuracy_by_loop(answers, people):
    scores = []
    for i in range(len(answers)):
        want = answers[i].lower().strip().rstrip(".")
        found = 0
        for one in people[i]:
            if one.lower().strip().rstrip(".") == want:
                found += 1
        scores.append(1.0 if found >= 3 else found / 3)
    return scores


EXERCISE = Exercise(
    name="vqa_accuracy",
    card=Card(
        title="Grade an answer against ten people",
        difficulty=1,
        minutes=8,
        why="People disagree about images. An answer that three of ten gave is taken for right, one that fewer gave "
        "for partly right.",
        paper="Visual question answering (VQAv2), the accuracy min(matches / 3, 1).",
    ),
    groups=(
        Group(
            "tidy answers",
            3,
            partial(_draw, untidy=False),
            hint="min(matches / 3, 1), where matches counts the people who gave this answer.",
        ),
        Group(
            "capitals, spaces, full stops",
            3,
            partial(_draw, untidy=True),
            hint="Tidy both sides before comparing: lower case, no spaces around, no full stop at the end.",
        ),
    ),
    mistakes=(
        Mistake(
            divides_by_the_number_of_people,
            "You give the share of people who agree. Three people are enough for full credit: divide by 3 and cap at "
            "1.",
            0,
        ),
        Mistake(has_no_cap, "You have no cap: an answer that six people gave scores 2. Take min(..., 1).", 0),
        Mistake(
            compares_as_written,
            "You compare answers as they are written. 'Red.' and 'red' are one answer: tidy both sides first.",
            3,
        ),
        Mistake(
            looks_for_the_answer_inside_others,
            "You count an answer that stands inside another ('red' in 'dark red'). Both have to be equal when tidied.",
            0,
        ),
        Mistake(
            drops_every_point,
            "You drop every point, so that 3.5 becomes 35. Only a full stop at the end goes: removesuffix.",
            0,
        ),
        Mistake(
            tidies_the_answer_alone,
            "You tidy the answer and not what people said. Both sides need it.",
            3,
        ),
        Mistake(
            tidies_people_alone,
            "You tidy what people said and not the answer. Both sides need it.",
            3,
        ),
        Mistake(keeps_capitals, "You keep capitals: 'Red' and 'red' are one answer. Use .lower().", 3),
        Mistake(keeps_spaces, "You keep spaces around an answer: ' red' and 'red' are one answer. Use .strip().", 3),
        Mistake(keeps_full_stops, "You keep the full stop at the end: 'red.' and 'red' are one answer.", 3),
        Mistake(
            looks_for_the_full_stop_before_the_spaces,
            "You look for the full stop before you take spaces away, so 'red. ' keeps it: it does not end in one. "
            "Spaces first.",
            3,
        ),
        Mistake(
            drops_every_space,
            "You drop every space, so that 'dark red' becomes 'darkred'. Only the spaces around go: strip.",
            0,
        ),
        Mistake(
            drops_points_in_front_too,
            "You drop points in front as well, so that '.5' becomes '5'. Only a full stop at the end goes: "
            "removesuffix.",
            0,
        ),
        Mistake(takes_the_larger, "You take the larger of the two, so nobody scores below 1. Cap with min.", 0),
        Mistake(
            leaves_one_person_out_at_a_time,
            "You leave out one person at a time and average, as the official script does. Here it is simply min of a "
            "third of the matches and 1.",
            0,
        ),
        Mistake(asks_for_one_match, "You give full credit for a single match. One of ten people is worth 1/3.", 0),
        Mistake(asks_for_three_matches, "You give nothing for one or two matches. They are worth 1/3 and 2/3.", 0),
    ),
    variants=(accuracy_by_counter, accuracy_by_loop),
)
