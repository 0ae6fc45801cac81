"""Exercise 8.2, ``zero_shot_scores``: the cosine of each image with each of its own candidate captions.

- drawn vectors of any norm, and candidates as rows of a table of captions.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, square: bool) -> dict[str, Any]:
    n, m, d, k = (5, 5, 5, 5) if square else (6, 9, 4, 3)
    norms = rng.uniform(0.2, 5, size=(m, 1))
    return {
        "images": torch.tensor(rng.normal(size=(n, d)) * rng.uniform(0.2, 5, size=(n, 1)), dtype=torch.float32),
        "captions": torch.tensor(rng.normal(size=(m, d)) * norms, dtype=torch.float32),
        "candidates": torch.tensor(np.stack([rng.permutation(m)[:k] for _ in range(n)])),
    }


def leaves_norms_in(images, captions, candidates):
    return torch.einsum("nd,nkd->nk", images, captions[candidates])


def normalises_captions_alone(images, captions, candidates):
    texts = captions / captions.norm(dim=-1, keepdim=True)
    return torch.einsum("nd,nkd->nk", images, texts[candidates])


def normalises_images_alone(images, captions, candidates):
    image = images / images.norm(dim=-1, keepdim=True)
    return torch.einsum("nd,nkd->nk", image, captions[candidates])


def divides_along_axis_1(images, captions, candidates):
    image = torch.nn.functional.normalize(images)
    return (image[:, None] * torch.nn.functional.normalize(captions[candidates])).sum(-1)


def scores_every_caption(images, captions, candidates):
    image = images / images.norm(dim=-1, keepdim=True)
    return image @ (captions / captions.norm(dim=-1, keepdim=True)).T


def gives_probabilities(images, captions, candidates):
    image = images / images.norm(dim=-1, keepdim=True)
    texts = captions / captions.norm(dim=-1, keepdim=True)
    return torch.einsum("nd,nkd->nk", image, texts[candidates]).softmax(-1)


def gives_all_images_the_first_candidates(images, captions, candidates):
    image = images / images.norm(dim=-1, keepdim=True)
    texts = captions / captions.norm(dim=-1, keepdim=True)
    return image @ texts[candidates[0]].T


def ignores_the_candidates(images, captions, candidates):
    image = images / images.norm(dim=-1, keepdim=True)
    texts = captions / captions.norm(dim=-1, keepdim=True)
    return (image @ texts.T)[:, : candidates.shape[1]]


def normalises_the_wrong_axis(images, captions, candidates):
    image = images / images.norm(dim=0, keepdim=True)
    texts = captions / captions.norm(dim=0, keepdim=True)
    return torch.einsum("nd,nkd->nk", image, texts[candidates])


def picked_from_the_full_table(images, captions, candidates):
    image = torch.nn.functional.normalize(images, dim=-1)
    texts = torch.nn.functional.normalize(captions, dim=-1)
    return (image @ texts.T).gather(1, candidates)


def cosines_by_loop(images, captions, candidates):
    rows = []
    for image, chosen in zip(images.double(), candidates.tolist(), strict=True):
        texts = [captions[c].double() for c in chosen]
        rows.append([float(image @ t / (image.norm() * t.norm())) for t in texts])
    return torch.tensor(rows)


EXERCISE = Exercise(
    name="zero_shot_scores",
    card=Card(
        title="Let CLIP choose among captions",
        difficulty=1,
        minutes=7,
        why="This is all that CLIP does: two vectors and an angle. Whether a caption fits is a single number, and the "
        "question is what that number can know.",
        paper="Zero-shot evaluation of CLIP, all three settings.",
    ),
    groups=(
        Group(
            "a table of captions",
            3,
            partial(_draw, square=False),
            hint="Both sides at norm 1; row i of the answer has the candidates of image i, in their order.",
        ),
        Group(
            "as many images as captions",
            2,
            partial(_draw, square=True),
            hint="When all sizes are equal a wrong axis raises no error. Which axis is which?",
        ),
    ),
    mistakes=(
        Mistake(leaves_norms_in, "You take dot products as they are: bring both sides to norm 1 first.", 0),
        Mistake(normalises_captions_alone, "The captions have norm 1 and the images do not.", 0),
        Mistake(normalises_images_alone, "The images have norm 1 and the captions do not.", 0),
        Mistake(
            divides_along_axis_1,
            "captions[candidates] has three axes, and functional.normalize divides along axis 1 unless it is told "
            "otherwise: dim=-1.",
            0,
        ),
        Mistake(
            scores_every_caption,
            "You score every caption of the table. Each image is asked about its own candidates alone, in their order.",
            0,
        ),
        Mistake(
            gives_probabilities,
            "You take a softmax over the candidates. Asked for are the cosines themselves.",
            0,
        ),
        Mistake(
            gives_all_images_the_first_candidates,
            "All images are asked about the candidates of the first image. Each row has candidates of its own.",
            0,
        ),
        Mistake(
            ignores_the_candidates,
            "You give the first captions of the table, whatever the candidates say: candidates[i] are rows of it.",
            0,
        ),
        Mistake(
            normalises_the_wrong_axis,
            "You divide by norms along axis 0, across images. The norm of a vector is taken over its d numbers, the "
            "last axis.",
            0,
        ),
    ),
    variants=(picked_from_the_full_table, cosines_by_loop),
)
