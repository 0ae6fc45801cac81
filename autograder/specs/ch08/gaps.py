"""Exercise 8.7, ``order_gaps``: what a composition makes of "a left b" and "b left a", both of one image.

- drawn vectors; each kind has its own group, since for each the answer has its own pattern.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, kinds: tuple[str, ...]) -> dict[str, Any]:
    n, d = 5, 6
    images = rng.normal(size=(n, d))
    arrays = {
        "images": images / np.linalg.norm(images, axis=1, keepdims=True),
        "a": rng.normal(size=(n, d)),
        "b": rng.normal(size=(n, d)),
        "relations": rng.normal(size=(2, d)),
        "roles": rng.normal(size=(3, d)),
        "matrices": rng.normal(size=(2, d, d)),
    }
    return {"kind": str(rng.choice(kinds))} | {k: torch.tensor(v, dtype=torch.float64) for k, v in arrays.items()}


def compares_converses(kind, images, a, b, relations, roles, matrices):
    gaps = []
    for i in range(2):
        forward = torch.stack([a, relations[i].expand_as(a), b])
        backward = torch.stack([b, relations[1 - i].expand_as(a), a])
        one = compose_phrases(kind, forward, roles, matrices[i].expand(len(a), -1, -1))
        other = compose_phrases(kind, backward, roles, matrices[1 - i].expand(len(a), -1, -1))
        gaps.append(((one - other) * images).sum(-1))
    return torch.stack(gaps, 1)


def uses_another_image(kind, images, a, b, relations, roles, matrices):
    gaps = []
    for i in range(2):
        matrix = matrices[i].expand(len(a), -1, -1)
        one = compose_phrases(kind, torch.stack([a, relations[i].expand_as(a), b]), roles, matrix)
        other = compose_phrases(kind, torch.stack([b, relations[i].expand_as(a), a]), roles, matrix)
        gaps.append((one * images).sum(-1) - (other * images.roll(1, 0)).sum(-1))
    return torch.stack(gaps, 1)


def takes_sizes(kind, images, a, b, relations, roles, matrices):
    gaps = []
    for i in range(2):
        matrix = matrices[i].expand(len(a), -1, -1)
        one = compose_phrases(kind, torch.stack([a, relations[i].expand_as(a), b]), roles, matrix)
        other = compose_phrases(kind, torch.stack([b, relations[i].expand_as(a), a]), roles, matrix)
        gaps.append(((one - other) * images).sum(-1).abs())
    return torch.stack(gaps, 1)


def uses_one_relation_twice(kind, images, a, b, relations, roles, matrices):
    matrix = matrices[0].expand(len(a), -1, -1)
    one = compose_phrases(kind, torch.stack([a, relations[0].expand_as(a), b]), roles, matrix)
    other = compose_phrases(kind, torch.stack([b, relations[0].expand_as(a), a]), roles, matrix)
    gap = ((one - other) * images).sum(-1)
    return torch.stack([gap, gap], 1)


def turns_the_second_gap(kind, images, a, b, relations, roles, matrices):
    gaps = []
    for i, sign in ((0, 1), (1, -1)):
        matrix = matrices[i].expand(len(a), -1, -1)
        one = compose_phrases(kind, torch.stack([a, relations[i].expand_as(a), b]), roles, matrix)
        other = compose_phrases(kind, torch.stack([b, relations[i].expand_as(a), a]), roles, matrix)
        gaps.append(sign * ((one - other) * images).sum(-1))
    return torch.stack(gaps, 1)


def takes_the_other_relation(kind, images, a, b, relations, roles, matrices):
    scores = []
    for i in range(2):
        phrase = torch.stack([a, relations[i].expand_as(a), b])
        scores.append((compose_phrases(kind, phrase, roles, matrices[i].expand(len(a), -1, -1)) * images).sum(-1))
    return torch.stack([scores[0] - scores[1], scores[1] - scores[0]], 1)


def puts_the_relation_last(kind, images, a, b, relations, roles, matrices):
    gaps = []
    for i in range(2):
        matrix = matrices[i].expand(len(a), -1, -1)
        one = compose_phrases(kind, torch.stack([a, b, relations[i].expand_as(a)]), roles, matrix)
        other = compose_phrases(kind, torch.stack([b, a, relations[i].expand_as(a)]), roles, matrix)
        gaps.append(((one - other) * images).sum(-1))
    return torch.stack(gaps, 1)


def takes_cosines(kind, images, a, b, relations, roles, matrices):
    gaps = []
    for i in range(2):
        matrix = matrices[i].expand(len(a), -1, -1)
        one = compose_phrases(kind, torch.stack([a, relations[i].expand_as(a), b]), roles, matrix)
        other = compose_phrases(kind, torch.stack([b, relations[i].expand_as(a), a]), roles, matrix)
        gaps.append(torch.cosine_similarity(one, images) - torch.cosine_similarity(other, images))
    return torch.stack(gaps, 1)


def adds_up_over_images(kind, images, a, b, relations, roles, matrices):
    gaps = []
    for i in range(2):
        matrix = matrices[i].expand(len(a), -1, -1)
        one = compose_phrases(kind, torch.stack([a, relations[i].expand_as(a), b]), roles, matrix)
        other = compose_phrases(kind, torch.stack([b, relations[i].expand_as(a), a]), roles, matrix)
        gaps.append(((one - other) @ images.T).sum(-1))
    return torch.stack(gaps, 1)


def exchanges_the_columns(kind, images, a, b, relations, roles, matrices):
    gaps = []
    for i in (1, 0):
        matrix = matrices[i].expand(len(a), -1, -1)
        one = compose_phrases(kind, torch.stack([a, relations[i].expand_as(a), b]), roles, matrix)
        other = compose_phrases(kind, torch.stack([b, relations[i].expand_as(a), a]), roles, matrix)
        gaps.append(((one - other) * images).sum(-1))
    return torch.stack(gaps, 1)


def gaps_from_four_scores(kind, images, a, b, relations, roles, matrices):
    def score(first, which, second):
        words = torch.stack([first, relations[which].repeat(len(first), 1), second])
        phrase = compose_phrases(kind, words, roles, matrices[which].repeat(len(first), 1, 1))
        return torch.einsum("nd,nd->n", phrase, images)

    return torch.stack([score(a, i, b) - score(b, i, a) for i in (0, 1)], dim=-1)


def gaps_image_by_image(kind, images, a, b, relations, roles, matrices):
    rows = []
    for image, one, other in zip(images, a, b, strict=True):
        row = []
        for relation, matrix in zip(relations, matrices, strict=True):
            both = [
                compose_phrases(kind, torch.stack([x, relation, y])[:, None], roles, matrix[None])[0]
                for x, y in ((one, other), (other, one))
            ]
            row.append(image @ both[0] - image @ both[1])
        rows.append(torch.stack(row))
    return torch.stack(rows)


EXERCISE = Exercise(
    name="order_gaps",
    card=Card(
        title="Prove by test who can tell the order",
        difficulty=3,
        minutes=15,
        why="No training can give a model what its algebra rules out. A test on random vectors shows it in a "
        "millisecond, where a table of accuracies would leave doubt.",
        paper="The relational setting; the pattern of the role-filler model is this course's own observation.",
    ),
    groups=(
        Group(
            "Add, Mult and Conv",
            2,
            partial(_draw, kinds=("Add", "Mult", "Conv")),
            cases=3,
            hint="Both scores belong to one image, and only a and b change places: for these the gap is 0.",
        ),
        Group(
            "RF",
            3,
            partial(_draw, kinds=("RF",)),
            hint="score(a R b) − score(b R a) on the same image, column 0 for relations[0], column 1 for relations[1].",
        ),
        Group(
            "TL",
            3,
            partial(_draw, kinds=("TL",)),
            hint="TL uses the matrix of its relation in both of the captions: matrices[0] in column 0.",
        ),
    ),
    mistakes=(
        Mistake(
            compares_converses,
            "You compare a R b with b R' a, the converse with the opposite relation. Both are true of the scene, so "
            "that their gap says nothing: keep the relation, exchange the nouns.",
            0,
        ),
        Mistake(
            uses_another_image,
            "The two captions are scored on different images. Then even Add seems to tell them apart, and it is the "
            "images that differ.",
            0,
        ),
        Mistake(
            takes_sizes,
            "You take absolute values. The sign is what matters: it says which of the two captions wins.",
            2,
        ),
        Mistake(
            uses_one_relation_twice,
            "Both columns use the first relation. In RF the two look alike anyhow; in TL each relation has its matrix.",
            5,
        ),
        Mistake(
            turns_the_second_gap,
            "Your second column has the wrong sign. Both columns are a R b minus b R a, whatever is true of the scene.",
            2,
        ),
        Mistake(
            takes_the_other_relation,
            "You compare a R b with a R' b: the nouns stay and the relation turns. Then even Add seems to tell them "
            "apart, since the words differ. Keep the relation, exchange the nouns.",
            0,
        ),
        Mistake(
            puts_the_relation_last,
            "The relation stands last in your phrases. compose_phrases wants subject, relation, object.",
            2,
        ),
        Mistake(
            takes_cosines,
            "You divide by the norms of the phrases. A score is the dot product with the phrase as it is.",
            2,
        ),
        Mistake(
            adds_up_over_images,
            "You score every phrase on all images and add up. Phrase i belongs to image i alone.",
            2,
        ),
        Mistake(
            exchanges_the_columns,
            "Your columns are exchanged: left is column 0, right is column 1.",
            5,
        ),
    ),
    variants=(gaps_from_four_scores, gaps_image_by_image),
    atol=1e-7,
)
