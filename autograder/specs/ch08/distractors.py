"""Exercise 8.4, ``relation_distractors``: false captions that are as close to the truth as can be.

- drawn triples with relations that have an opposite; in one group a relation is also part of a noun ("on", "cone").
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator
_LAB = ["square", "ring", "cross"]
_PAPER = ["cube", "sphere", "cylinder"]


def _draw_cone(rng: Rng) -> dict[str, Any]:
    other, third = (str(x) for x in rng.permutation(["cube", "sphere"]))
    subject, thing = (str(x) for x in rng.permutation(["cone", other]))
    return {"subject": subject, "relation": "on", "object": thing, "opposite": "under", "third": third}


def _draw(rng: Rng, nouns: list[str], relation: str, opposite: str) -> dict[str, Any]:
    subject, thing, third = (str(x) for x in rng.permutation(nouns))
    return {"subject": subject, "relation": relation, "object": thing, "opposite": opposite, "third": third}


def takes_the_converse_for_false(subject, relation, object, opposite, third):
    return [
        f"{object} {opposite} {subject}",
        f"{subject} {opposite} {object}",
        f"{third} {relation} {object}",
        f"{subject} {relation} {third}",
    ]


def exchanges_and_turns(subject, relation, object, opposite, third):
    return [
        f"{object} {relation} {subject}",
        f"{object} {opposite} {subject}",
        f"{third} {relation} {object}",
        f"{subject} {relation} {third}",
    ]


def puts_the_third_on_one_side_only(subject, relation, object, opposite, third):
    return [
        f"{object} {relation} {subject}",
        f"{subject} {opposite} {object}",
        f"{third} {relation} {object}",
        f"{third} {opposite} {object}",
    ]


def lets_a_thing_relate_to_itself(subject, relation, object, opposite, third):
    return [
        f"{object} {relation} {subject}",
        f"{subject} {opposite} {object}",
        f"{object} {relation} {object}",
        f"{subject} {relation} {subject}",
    ]


def lists_the_true_caption_too(subject, relation, object, opposite, third):
    return [
        f"{subject} {relation} {object}",
        f"{object} {relation} {subject}",
        f"{subject} {opposite} {object}",
        f"{third} {relation} {object}",
    ]


def writes_left_and_right(subject, relation, object, opposite, third):
    return [
        f"{object} left {subject}",
        f"{subject} right {object}",
        f"{third} left {object}",
        f"{subject} left {third}",
    ]


def turns_the_relation_of_the_absent(subject, relation, object, opposite, third):
    return [
        f"{object} {relation} {subject}",
        f"{subject} {opposite} {object}",
        f"{third} {opposite} {object}",
        f"{subject} {opposite} {third}",
    ]


def replaces_letters(subject, relation, object, opposite, third):
    true = f"{subject} {relation} {object}"
    return [
        f"{object} {relation} {subject}",
        true.replace(relation, opposite),
        true.replace(subject, third),
        true.replace(object, third),
    ]


def joined_from_tuples(subject, relation, object, opposite, third):
    triples = [
        (object, relation, subject),
        (subject, opposite, object),
        (third, relation, object),
        (subject, relation, third),
    ]
    return [" ".join(triple) for triple in triples]


def replaced_word_by_word(subject, relation, object, opposite, third):
    words = [subject, relation, object]
    found = [" ".join(reversed(words))]
    for place, word in ((1, opposite), (0, third), (2, third)):
        changed = list(words)
        changed[place] = word
        found.append(" ".join(changed))
    return found


EXERCISE = Exercise(
    name="relation_distractors",
    card=Card(
        title="Write captions that are false, and only just",
        difficulty=2,
        minutes=7,
        why="A distractor that happens to be true punishes the model that understands the scene. With relations this "
        "happens easily: every scene is described by two true captions.",
        paper="The relational setting: two true captions a scene, four distractors each.",
    ),
    groups=(
        *(
            Group(
                f"{relation} of",
                2,
                partial(_draw, nouns=_LAB, relation=relation, opposite=opposite),
                hint="Four captions, each false of a scene with a R b and nothing else: b R a, a R' b, c R b, a R c.",
            )
            for relation, opposite in (("left", "right"), ("right", "left"))
        ),
        Group(
            "behind",
            1,
            partial(_draw, nouns=_PAPER, relation="behind", opposite="front"),
            hint="The same four, in the same order, for any nouns and relations.",
        ),
        Group(
            "on a cone",
            1,
            _draw_cone,
            hint="The same four, in the same order, made of whole words.",
        ),
    ),
    mistakes=(
        Mistake(
            takes_the_converse_for_false,
            "Your first distractor is true! If a is left of b, then b is right of a: exchange the nouns *or* turn the "
            "relation, not both.",
            0,
        ),
        Mistake(
            exchanges_and_turns,
            "Your second distractor is true! Exchanging the nouns and turning the relation describes the same scene "
            "again: keep the nouns where they are.",
            0,
        ),
        Mistake(
            puts_the_third_on_one_side_only,
            "The absent thing always stands first. Then nobody needs to look at the last word: it has to replace the "
            "object in the last distractor.",
            0,
        ),
        Mistake(
            lets_a_thing_relate_to_itself,
            "A thing is related to itself in two of your captions. They are false by grammar, whatever the scene: use "
            "the third noun.",
            0,
        ),
        Mistake(
            writes_left_and_right,
            "You write left and right yourself. Use relation and opposite: the true caption may say right, or behind.",
            2,
        ),
        Mistake(
            turns_the_relation_of_the_absent,
            "In the last two you turn the relation as well. Change one thing at a time: c R b, and a R c.",
            0,
        ),
        Mistake(
            replaces_letters,
            "caption.replace changes letters inside other words, too: the on of cone. Build captions from their words.",
            5,
        ),
        Mistake(lists_the_true_caption_too, "Your list begins with the true caption: only false ones are asked.", 0),
    ),
    variants=(joined_from_tuples, replaced_word_by_word),
)
