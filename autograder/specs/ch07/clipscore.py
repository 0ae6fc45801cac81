"""Exercise 7.7, ``clip_scores``: how well a caption fits an image, without and with references.

- drawn embeddings of different lengths; captions that point away from their image, from all references, from both.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, parts: list[str]) -> dict[str, Any]:
    n, r, d = 6, 3, 5
    images = rng.normal(size=(n, d))
    # captions near their image, far from it, and pointing away from it
    lean = np.array([1.5, 1.0, 0.5, 0.3, -1.0, -0.6])[:, None]
    captions = lean * images + 0.5 * rng.normal(size=(n, d))
    references = 0.8 * captions[:, None] + rng.normal(size=(n, r, d))
    for row in (2, 4):  # references that say the opposite; the image of row 4 does so, too
        references[row] = -captions[row] + 0.1 * rng.normal(size=(r, d))
    for row in (0, 1):  # the first reference is neither the best nor the worst
        cosines = references[row] @ captions[row] / np.linalg.norm(references[row], axis=1)
        references[row] = references[row][np.argsort(cosines)[[1, 0, 2]]]
    scale = rng.uniform(0.3, 4, size=(n, 1))
    arrays = {"images": images * scale, "captions": captions / scale, "references": references * 2}
    return {name: torch.tensor(value, dtype=torch.float32) for name, value in arrays.items()} | {"parts": parts}


def does_not_clamp(images, captions, references):
    image, caption = (torch.nn.functional.normalize(x, dim=-1) for x in (images, captions))
    reference = torch.nn.functional.normalize(references, dim=-1)
    clip = 2.5 * (image * caption).sum(-1)
    best = (reference * caption[:, None]).sum(-1).max(-1).values
    total = clip + best
    return {"clip": clip, "ref": 2 * clip * best / torch.where(total == 0, 1.0, total)}


def forgets_the_factor(images, captions, references):
    image, caption = (torch.nn.functional.normalize(x, dim=-1) for x in (images, captions))
    reference = torch.nn.functional.normalize(references, dim=-1)
    clip = (image * caption).sum(-1).clamp(min=0)
    best = (reference * caption[:, None]).sum(-1).max(-1).values.clamp(min=0)
    total = clip + best
    return {"clip": clip, "ref": 2 * clip * best / torch.where(total == 0, 1.0, total)}


def does_not_normalise(images, captions, references):
    clip = 2.5 * (images * captions).sum(-1).clamp(min=0)
    best = (references * captions[:, None]).sum(-1).max(-1).values.clamp(min=0)
    total = clip + best
    return {"clip": clip, "ref": 2 * clip * best / torch.where(total == 0, 1.0, total)}


def averages_over_references(images, captions, references):
    image, caption = (torch.nn.functional.normalize(x, dim=-1) for x in (images, captions))
    reference = torch.nn.functional.normalize(references, dim=-1)
    clip = 2.5 * (image * caption).sum(-1).clamp(min=0)
    best = (reference * caption[:, None]).sum(-1).mean(-1).clamp(min=0)
    total = clip + best
    return {"clip": clip, "ref": 2 * clip * best / torch.where(total == 0, 1.0, total)}


def takes_the_arithmetic_mean(images, captions, references):
    image, caption = (torch.nn.functional.normalize(x, dim=-1) for x in (images, captions))
    reference = torch.nn.functional.normalize(references, dim=-1)
    clip = 2.5 * (image * caption).sum(-1).clamp(min=0)
    best = (reference * caption[:, None]).sum(-1).max(-1).values.clamp(min=0)
    return {"clip": clip, "ref": (clip + best) / 2}


def compares_references_with_the_image(images, captions, references):
    image, caption = (torch.nn.functional.normalize(x, dim=-1) for x in (images, captions))
    reference = torch.nn.functional.normalize(references, dim=-1)
    clip = 2.5 * (image * caption).sum(-1).clamp(min=0)
    best = (reference * image[:, None]).sum(-1).max(-1).values.clamp(min=0)
    total = clip + best
    return {"clip": clip, "ref": 2 * clip * best / torch.where(total == 0, 1.0, total)}


def divides_zero_by_zero(images, captions, references):
    image, caption = (torch.nn.functional.normalize(x, dim=-1) for x in (images, captions))
    reference = torch.nn.functional.normalize(references, dim=-1)
    clip = 2.5 * (image * caption).sum(-1).clamp(min=0)
    best = (reference * caption[:, None]).sum(-1).max(-1).values.clamp(min=0)
    return {"clip": clip, "ref": 2 * clip * best / (clip + best)}


def puts_the_factor_on_references_too(images, captions, references):
    image, caption = (torch.nn.functional.normalize(x, dim=-1) for x in (images, captions))
    reference = torch.nn.functional.normalize(references, dim=-1)
    clip = 2.5 * (image * caption).sum(-1).clamp(min=0)
    best = 2.5 * (reference * caption[:, None]).sum(-1).max(-1).values.clamp(min=0)
    total = clip + best
    return {"clip": clip, "ref": 2 * clip * best / torch.where(total == 0, 1.0, total)}


def takes_the_mean_without_the_factor(images, captions, references):
    image, caption = (torch.nn.functional.normalize(x, dim=-1) for x in (images, captions))
    reference = torch.nn.functional.normalize(references, dim=-1)
    cosine = (image * caption).sum(-1).clamp(min=0)
    best = (reference * caption[:, None]).sum(-1).max(-1).values.clamp(min=0)
    total = cosine + best
    return {"clip": 2.5 * cosine, "ref": 2 * cosine * best / torch.where(total == 0, 1.0, total)}


def does_not_clamp_the_clipscore(images, captions, references):
    image, caption = (torch.nn.functional.normalize(x, dim=-1) for x in (images, captions))
    reference = torch.nn.functional.normalize(references, dim=-1)
    clip = 2.5 * (image * caption).sum(-1).clamp(min=0)
    best = (reference * caption[:, None]).sum(-1).max(-1).values.clamp(min=0)
    total = clip + best
    harmonic = 2 * clip * best / torch.where(total == 0, 1.0, total)
    return {"clip": 2.5 * (image * caption).sum(-1), "ref": harmonic}


def does_not_clamp_the_references(images, captions, references):
    image, caption = (torch.nn.functional.normalize(x, dim=-1) for x in (images, captions))
    reference = torch.nn.functional.normalize(references, dim=-1)
    clip = 2.5 * (image * caption).sum(-1).clamp(min=0)
    best = (reference * caption[:, None]).sum(-1).max(-1).values
    total = clip + best
    return {"clip": clip, "ref": 2 * clip * best / torch.where(total == 0, 1.0, total)}


def multiplies_images_and_captions_as_they_are(images, captions, references):
    caption, reference = (torch.nn.functional.normalize(x, dim=-1) for x in (captions, references))
    clip = 2.5 * (images * captions).sum(-1).clamp(min=0)
    best = (reference * caption[:, None]).sum(-1).max(-1).values.clamp(min=0)
    total = clip + best
    return {"clip": clip, "ref": 2 * clip * best / torch.where(total == 0, 1.0, total)}


def multiplies_references_as_they_are(images, captions, references):
    image, caption = (torch.nn.functional.normalize(x, dim=-1) for x in (images, captions))
    clip = 2.5 * (image * caption).sum(-1).clamp(min=0)
    best = (references * captions[:, None]).sum(-1).max(-1).values.clamp(min=0)
    total = clip + best
    return {"clip": clip, "ref": 2 * clip * best / torch.where(total == 0, 1.0, total)}


def takes_half_the_harmonic_mean(images, captions, references):
    image, caption = (torch.nn.functional.normalize(x, dim=-1) for x in (images, captions))
    reference = torch.nn.functional.normalize(references, dim=-1)
    clip = 2.5 * (image * caption).sum(-1).clamp(min=0)
    best = (reference * caption[:, None]).sum(-1).max(-1).values.clamp(min=0)
    total = clip + best
    return {"clip": clip, "ref": clip * best / torch.where(total == 0, 1.0, total)}


def takes_the_first_reference(images, captions, references):
    image, caption = (torch.nn.functional.normalize(x, dim=-1) for x in (images, captions))
    reference = torch.nn.functional.normalize(references, dim=-1)
    clip = 2.5 * (image * caption).sum(-1).clamp(min=0)
    best = (reference[:, 0] * caption).sum(-1).clamp(min=0)
    total = clip + best
    return {"clip": clip, "ref": 2 * clip * best / torch.where(total == 0, 1.0, total)}


def takes_the_worst_reference(images, captions, references):
    image, caption = (torch.nn.functional.normalize(x, dim=-1) for x in (images, captions))
    reference = torch.nn.functional.normalize(references, dim=-1)
    clip = 2.5 * (image * caption).sum(-1).clamp(min=0)
    best = (reference * caption[:, None]).sum(-1).min(-1).values.clamp(min=0)
    total = clip + best
    return {"clip": clip, "ref": 2 * clip * best / torch.where(total == 0, 1.0, total)}


def takes_the_geometric_mean(images, captions, references):
    image, caption = (torch.nn.functional.normalize(x, dim=-1) for x in (images, captions))
    reference = torch.nn.functional.normalize(references, dim=-1)
    clip = 2.5 * (image * caption).sum(-1).clamp(min=0)
    best = (reference * caption[:, None]).sum(-1).max(-1).values.clamp(min=0)
    return {"clip": clip, "ref": (clip * best).sqrt()}


def takes_the_size_of_the_cosine(images, captions, references):
    image, caption = (torch.nn.functional.normalize(x, dim=-1) for x in (images, captions))
    reference = torch.nn.functional.normalize(references, dim=-1)
    clip = 2.5 * (image * caption).sum(-1).abs()
    best = (reference * caption[:, None]).sum(-1).max(-1).values.clamp(min=0)
    total = clip + best
    return {"clip": clip, "ref": 2 * clip * best / torch.where(total == 0, 1.0, total)}


def scores_by_cosine_similarity(images, captions, references):
    clip = 2.5 * torch.cosine_similarity(images, captions, dim=-1).relu()
    best = torch.cosine_similarity(references, captions[:, None], dim=-1).amax(-1).relu()
    harmonic = torch.zeros_like(clip)
    both = (clip > 0) & (best > 0)
    harmonic[both] = 2 / (1 / clip[both] + 1 / best[both])
    return {"clip": clip, "ref": harmonic}


def scores_by_loop(images, captions, references):
    clips, refs = [], []
    for image, caption, several in zip(images.double(), captions.double(), references.double(), strict=True):
        clip = max(0.0, float(image @ caption / (image.norm() * caption.norm()))) * 2.5
        best = max(0.0, *[float(one @ caption / (one.norm() * caption.norm())) for one in several])
        clips.append(clip)
        refs.append(2 * clip * best / (clip + best) if clip + best > 0 else 0.0)
    return {"clip": torch.tensor(clips), "ref": torch.tensor(refs)}


EXERCISE = Exercise(
    name="clip_scores",
    card=Card(
        title="Score a caption without and with references",
        difficulty=2,
        minutes=10,
        why="The paper's captions are scored by another model's eyes. What such a score rewards, and what it cannot "
        "see, is worth knowing before one believes it.",
        paper="The metrics of the captioning tables: CLIPScore and RefCLIPScore.",
    ),
    groups=(
        Group(
            "CLIPScore",
            4,
            partial(_draw, parts=["clip"]),
            hint="2.5 times the cosine of image and caption, and never below 0.",
        ),
        Group(
            "RefCLIPScore",
            4,
            partial(_draw, parts=["ref"]),
            hint="Harmonic mean 2ab / (a + b) of the CLIPScore and the best cosine of the caption with a reference, "
            "which is never below 0 either; 0 where both are 0.",
        ),
    ),
    mistakes=(
        Mistake(does_not_clamp, "A caption that points away from its image scores 0, not less: clamp.", 0),
        Mistake(forgets_the_factor, "The factor 2.5 is missing: the CLIPScore is 2.5 · max(cos, 0).", 0),
        Mistake(
            does_not_normalise,
            "You take dot products of vectors as they are. The cosine wants both of them at length 1.",
            0,
        ),
        Mistake(
            averages_over_references,
            "You average over the references. One good match is enough: take the largest cosine.",
            4,
        ),
        Mistake(
            takes_the_arithmetic_mean,
            "You take the arithmetic mean. The harmonic one, 2ab / (a + b), is small as soon as one of the two is.",
            4,
        ),
        Mistake(
            compares_references_with_the_image,
            "You compare the references with the image. RefCLIPScore compares them with the caption.",
            4,
        ),
        Mistake(
            divides_zero_by_zero,
            "You divide 0 by 0 where neither image nor references fit, and get NaN. The score is 0 there.",
            4,
        ),
        Mistake(
            puts_the_factor_on_references_too,
            "You multiply the best reference by 2.5, too. The factor belongs to the CLIPScore alone.",
            4,
        ),
        Mistake(
            takes_the_mean_without_the_factor,
            "Your RefCLIPScore takes the bare cosine of image and caption. It is the mean with the CLIPScore, factor "
            "2.5 included.",
            4,
        ),
        Mistake(
            does_not_clamp_the_clipscore,
            "Your RefCLIPScore is right, the CLIPScore goes below 0. A caption that points away from its image scores "
            "0: .clamp(min=0).",
            4,
        ),
        Mistake(
            does_not_clamp_the_references,
            "Your CLIPScore is right. The best cosine with a reference is not clamped: where all references say the "
            "opposite it counts as 0, not less.",
            4,
        ),
        Mistake(
            multiplies_images_and_captions_as_they_are,
            "You take the dot product of image and caption as they are. The cosine wants both of them at length 1.",
            0,
        ),
        Mistake(
            multiplies_references_as_they_are,
            "You take dot products of captions and references as they are. The cosine wants both at length 1.",
            4,
        ),
        Mistake(takes_half_the_harmonic_mean, "The 2 is missing: the harmonic mean is 2ab / (a + b).", 4),
        Mistake(
            takes_the_first_reference,
            "You look at the first reference alone. Take the largest cosine of all of them.",
            4,
        ),
        Mistake(
            takes_the_worst_reference,
            "You take the smallest cosine with a reference. One good match is enough: take the largest.",
            4,
        ),
        Mistake(
            takes_the_geometric_mean,
            "You take the geometric mean, the root of ab. The harmonic one is 2ab / (a + b).",
            4,
        ),
        Mistake(
            takes_the_size_of_the_cosine,
            "You drop the sign of the cosine. A caption that points away from its image scores 0: .clamp(min=0), not "
            ".abs().",
            0,
        ),
    ),
    variants=(scores_by_cosine_similarity, scores_by_loop),
    probe="ch07.part",
)
