"""Exercise 8.3, ``attribute_level``: how far one gets by knowing the words that apply, and not what belongs together.

- drawn scenes of one object, of two objects, and with relations, with their candidate captions.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake
from mechanisms.data.binding import questions, text
from mechanisms.data.scenes import objects

Rng = np.random.Generator


def _draw(rng: Rng, setting: str) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    n = 12
    count = 1 if setting == "single" else 2
    colours, shapes = objects.draw_attributes(n, count, generator)
    scenes = objects.ObjectScenes(torch.zeros(n, 3, 1, 1), colours, shapes)
    words = []
    for c, s in zip(colours.tolist(), shapes.tolist(), strict=True):
        found = [objects.COLOURS[i] for i in c] + [objects.SHAPES[i] for i in s]
        words.append(sorted(found + (["left", "right"] if setting == "relation" else [])))
    return {"present": words, "candidates": text(questions(scenes, setting, generator))}


def _draw_uneven(rng: Rng) -> dict[str, Any]:
    """Questions with two to six candidates of one to four words each, the true one not always the best.

    Some words are part of another one ("ring" of "string"), and captions of one question differ in length.
    """
    vocabulary = ["red", "infrared", "blue", "square", "ring", "string", "cross", "left", "right", "upright"]
    present, candidates = [], []
    for _ in range(20):
        present.append(sorted(rng.choice(vocabulary, size=4, replace=False).tolist()))
        # No word twice in a caption: whether it would count twice is not what is asked here.
        candidates.append(
            [
                " ".join(rng.choice(vocabulary, size=int(rng.integers(1, 5)), replace=False).tolist())
                for _ in range(int(rng.integers(2, 7)))
            ]
        )
    return {"present": present, "candidates": candidates}


def gives_chance(present, candidates):
    return sum(1 / len(captions) for captions in candidates) / len(candidates)


def gives_ties_to_the_first_caption(present, candidates):
    right = 0
    for words, captions in zip(present, candidates, strict=True):
        counts = [sum(word in words for word in caption.split()) for caption in captions]
        right += counts.index(max(counts)) == 0
    return right / len(candidates)


def asks_for_every_word(present, candidates):
    total = 0.0
    for words, captions in zip(present, candidates, strict=True):
        fits = [all(word in words for word in caption.split()) for caption in captions]
        total += fits[0] / sum(fits) if any(fits) else 0.0
    return total / len(candidates)


def asks_for_any_word(present, candidates):
    total = 0.0
    for words, captions in zip(present, candidates, strict=True):
        fits = [any(word in words for word in caption.split()) for caption in captions]
        total += fits[0] / sum(fits) if any(fits) else 0.0
    return total / len(candidates)


def counts_letters_instead_of_words(present, candidates):
    total = 0.0
    for words, captions in zip(present, candidates, strict=True):
        counts = [sum(letter in "".join(words) for letter in caption) for caption in captions]
        best = [count == max(counts) for count in counts]
        total += best[0] / sum(best)
    return total / len(candidates)


def takes_the_share_of_words(present, candidates):
    total = 0.0
    for words, captions in zip(present, candidates, strict=True):
        shares = [sum(w in words for w in caption.split()) / len(caption.split()) for caption in captions]
        total += (shares[0] == max(shares)) / shares.count(max(shares))
    return total / len(candidates)


def looks_for_words_inside_the_caption(present, candidates):
    total = 0.0
    for words, captions in zip(present, candidates, strict=True):
        counts = [sum(word in caption for word in words) for caption in captions]
        total += (counts[0] == max(counts)) / counts.count(max(counts))
    return total / len(candidates)


def looks_for_words_inside_words(present, candidates):
    total = 0.0
    for words, captions in zip(present, candidates, strict=True):
        counts = [sum(word in " ".join(words) for word in caption.split()) for caption in captions]
        total += (counts[0] == max(counts)) / counts.count(max(counts))
    return total / len(candidates)


def shares_the_point_whoever_is_best(present, candidates):
    total = 0.0
    for words, captions in zip(present, candidates, strict=True):
        counts = [sum(word in words for word in caption.split()) for caption in captions]
        total += 1 / counts.count(max(counts))
    return total / len(candidates)


def knows_the_words_of_all_scenes(present, candidates):
    known = {word for words in present for word in words}
    total = 0.0
    for captions in candidates:
        counts = [sum(word in known for word in caption.split()) for caption in captions]
        total += (counts[0] == max(counts)) / counts.count(max(counts))
    return total / len(candidates)


def gives_the_number_of_points(present, candidates):
    total = 0.0
    for words, captions in zip(present, candidates, strict=True):
        counts = [sum(word in words for word in caption.split()) for caption in captions]
        total += (counts[0] == max(counts)) / counts.count(max(counts))
    return total


def level_by_the_notebooks_accuracy(present, candidates):
    values = []
    for words, captions in zip(present, candidates, strict=True):
        counts = torch.tensor([[float(sum(w in words for w in c.split())) for c in captions]])
        values.append(choice_accuracy(counts, torch.zeros(1, dtype=torch.long), 0.5))
    return sum(values) / len(values)


def level_with_fractions(present, candidates):
    from fractions import Fraction

    total = Fraction(0)
    for words, captions in zip(present, candidates, strict=True):
        have = set(words)
        counts = [len([word for word in caption.split() if word in have]) for caption in captions]
        if counts[0] == max(counts):
            total += Fraction(1, counts.count(max(counts)))
    return float(total / len(candidates))


EXERCISE = Exercise(
    name="attribute_level",
    card=Card(
        title="Find the level of an answer without binding",
        difficulty=2,
        minutes=10,
        why="Five candidates make chance 1/5. But whoever sees that there is red, blue, a square and a ring, and has "
        "no idea which is which, does better than that. Only above *this* level is there any binding to explain.",
        paper="The reading of the two-object results; the level is this course's addition.",
    ),
    groups=(
        *(
            Group(
                name,
                2,
                partial(_draw, setting=setting),
                hint="A caption's score is the number of its words that are present; the best ones share the point.",
            )
            for name, setting in (("one object", "single"), ("two objects", "two"), ("relations", "relation"))
        ),
        Group(
            "other questions",
            2,
            _draw_uneven,
            hint="Numbers of candidates and of words vary; a caption's score is the number (not the share) of its "
            "words that are present, word by word.",
        ),
    ),
    mistakes=(
        Mistake(
            gives_chance,
            "You give chance, one in the number of candidates. This detector sees the scene, and throws out whatever "
            "has a word that is not there. (If you did compare words: a caption has to be split into them first.)",
            0,
        ),
        Mistake(
            gives_ties_to_the_first_caption,
            "A tie goes to the first caption, which is the true one: you get 1 where nothing was told apart. Share the "
            "point.",
            2,
        ),
        Mistake(
            asks_for_every_word,
            "A caption counts for nothing unless all of its words are there. It should score their number, so that "
            "something is best in every question.",
            6,
        ),
        Mistake(
            asks_for_any_word,
            "One right word is enough for you. Then red square and red ring are equal even for a scene without a ring: "
            "count the words.",
            0,
        ),
        Mistake(
            counts_letters_instead_of_words,
            "You compare letters: take caption.split() before you count.",
            0,
        ),
        Mistake(
            takes_the_share_of_words,
            "You score a caption by the *share* of its words that are there. Asked for is their number.",
            6,
        ),
        Mistake(
            looks_for_words_inside_the_caption,
            "`word in caption` looks for letters in a string, and finds ring in string. Compare with caption.split().",
            6,
        ),
        Mistake(
            looks_for_words_inside_words,
            "You join the words of the scene to one string and look for letters in it: ring is found in string. "
            "Compare with the list of words.",
            6,
        ),
        Mistake(
            shares_the_point_whoever_is_best,
            "You give one over the number of best captions even where the true one is not among them: then the "
            "question counts 0.",
            6,
        ),
        Mistake(
            knows_the_words_of_all_scenes,
            "You compare with the words of all scenes together. Caption by caption, only present[i] counts.",
            0,
        ),
        Mistake(
            gives_the_number_of_points,
            "You add the points up and do not divide by the number of questions.",
            0,
        ),
    ),
    variants=(level_by_the_notebooks_accuracy, level_with_fractions),
)
