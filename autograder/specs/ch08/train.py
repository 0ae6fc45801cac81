"""Exercise 8.9, ``train_composition``: trained word vectors come back and answer questions about scenes never seen.

- image vectors of lab-clip from the shipped file; scenes and questions are drawn anew for each case;
- the verdict is which kinds of distractors are told apart often enough; levels lie far below what sixty steps of the
  reference reach.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake
from mechanisms.data.binding import questions
from mechanisms.data.scenes import objects

Rng = np.random.Generator
AT_LEAST = {"shape": 0.75, "colour": 0.75}
LOSS_AT_MOST = 0.5  # the reference comes to 0.18 to 0.25
STEPS = 80


def _draw(rng: Rng) -> dict[str, Any]:
    from mechanisms.models.scene_clip import load_features

    tables = load_features()
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))

    def part(name: str, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        table = tables[name]
        rows = torch.randperm(len(table.vectors), generator=generator)[:n]
        nothing = torch.zeros(n, 3, 1, 1)
        scenes = objects.ObjectScenes(nothing, table.colours[rows], table.shapes[rows])
        return table.vectors[rows], questions(scenes, "single", generator)

    images, captions = part("single train", 800)
    new_images, new_captions = part("single new", 300)
    return {
        "images": images,
        "captions": captions,
        "steps": STEPS,
        "held_out": {
            "images": new_images,
            "captions": new_captions,
            "at_least": AT_LEAST,
            "loss_at_most": LOSS_AT_MOST,
        },
    }


def pairs_images_with_other_captions(images, captions, steps):
    words = torch.randn(14, images.shape[1], requires_grad=True)
    optimizer = torch.optim.Adam([words], lr=0.05)
    for _ in range(steps):
        rows, others = torch.randint(len(images), (128,)), torch.randint(len(images), (128,))
        scores = (words[captions[others]].sum(2) * images[rows, None]).sum(-1)
        loss = torch.nn.functional.cross_entropy(scores, torch.zeros(128, dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return words.detach()


def takes_the_last_candidate_for_true(images, captions, steps):
    words = torch.randn(14, images.shape[1], requires_grad=True)
    optimizer = torch.optim.Adam([words], lr=0.05)
    for _ in range(steps):
        rows = torch.randint(len(images), (128,))
        scores = (words[captions[rows]].sum(2) * images[rows, None]).sum(-1)
        loss = torch.nn.functional.cross_entropy(scores, torch.full((128,), 4))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return words.detach()


def climbs_the_loss(images, captions, steps):
    words = torch.randn(14, images.shape[1], requires_grad=True)
    optimizer = torch.optim.Adam([words], lr=0.05)
    for _ in range(steps):
        rows = torch.randint(len(images), (128,))
        scores = (words[captions[rows]].sum(2) * images[rows, None]).sum(-1)
        loss = -torch.nn.functional.cross_entropy(scores, torch.zeros(128, dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return words.detach()


def normalises_the_phrases(images, captions, steps):
    words = torch.randn(14, images.shape[1], requires_grad=True)
    optimizer = torch.optim.Adam([words], lr=0.05)
    for _ in range(steps):
        rows = torch.randint(len(images), (128,))
        phrases = torch.nn.functional.normalize(words[captions[rows]].sum(2), dim=-1)
        scores = (phrases * images[rows, None]).sum(-1)
        loss = torch.nn.functional.cross_entropy(scores, torch.zeros(128, dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return words.detach()


def trains_the_adjective_alone(images, captions, steps):
    words = torch.randn(14, images.shape[1], requires_grad=True)
    optimizer = torch.optim.Adam([words], lr=0.05)
    for _ in range(steps):
        rows = torch.randint(len(images), (128,))
        scores = (words[captions[rows, :, 0]] * images[rows, None]).sum(-1)
        loss = torch.nn.functional.cross_entropy(scores, torch.zeros(128, dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return words.detach()


def trains_the_noun_alone(images, captions, steps):
    words = torch.randn(14, images.shape[1], requires_grad=True)
    optimizer = torch.optim.Adam([words], lr=0.05)
    for _ in range(steps):
        rows = torch.randint(len(images), (128,))
        scores = (words[captions[rows, :, 1]] * images[rows, None]).sum(-1)
        loss = torch.nn.functional.cross_entropy(scores, torch.zeros(128, dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return words.detach()


def returns_vectors_of_phrases(images, captions, steps):
    words = torch.randn(14, images.shape[1])
    return words[captions[0]].sum(1)


def trained_with_weight_decay_and_smaller_batches(images, captions, steps):
    words = torch.nn.Embedding(14, images.shape[1])
    optimizer = torch.optim.AdamW(words.parameters(), lr=0.08, weight_decay=0.01)
    for _ in range(steps):
        rows = torch.randperm(len(images))[:96]
        phrases = words(captions[rows, :, 0]) + words(captions[rows, :, 1])
        scores = torch.einsum("nkd,nd->nk", phrases, images[rows])
        loss = -scores.log_softmax(1)[:, 0].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return words.weight.detach()


def trained_from_zeros_with_momentum(images, captions, steps):
    words = torch.zeros(14, images.shape[1], requires_grad=True)
    optimizer = torch.optim.SGD([words], lr=20.0, momentum=0.8)
    for step in range(steps):
        rows = torch.arange(128 * step, 128 * (step + 1)) % len(images)
        phrases = words[captions[rows]].sum(2)
        scores = (phrases @ images[rows, :, None])[..., 0]
        loss = torch.nn.functional.cross_entropy(scores, torch.zeros(len(rows), dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return words.detach()


EXERCISE = Exercise(
    name="train_composition",
    card=Card(
        title="Train word vectors against frozen images",
        difficulty=3,
        minutes=15,
        why="What you hand in are the trained vectors. They are graded by the answers they give about scenes that "
        "neither you nor they have seen.",
        paper="Training of the compositional models: five-way cross-entropy, image tower frozen.",
    ),
    groups=(
        Group(
            "answers about scenes never seen",
            10,
            _draw,
            cases=1,
            hint="Images and captions by the same rows; phrase = sum of its words; cross-entropy with target 0; "
            "zero_grad, backward, step in every round.",
        ),
    ),
    mistakes=(
        Mistake(
            pairs_images_with_other_captions,
            "Your vectors tell neither shapes nor colours apart. Either they were hardly trained, or images and "
            "captions are not taken by the same rows.",
            0,
        ),
        Mistake(
            takes_the_last_candidate_for_true,
            "Your vectors prefer what is wrong: they are right less often than a guess. The true candidate is in "
            "column 0, so the target of the cross-entropy is 0.",
            0,
        ),
        Mistake(
            climbs_the_loss,
            "Your vectors avoid the true caption: they are right less often than a guess, for shapes and for colours. "
            "The sign of the loss is wrong (cross_entropy already has its minus).",
            0,
        ),
        Mistake(
            normalises_the_phrases,
            "Your vectors order the captions, and the size of the scores is wrong: the cross-entropy on new scenes is "
            "too high. Was the phrase normalised in training, or a softmax taken before the cross-entropy, which takes "
            "its own?",
            0,
        ),
        Mistake(
            trains_the_adjective_alone,
            "Colours are told apart and shapes are not: your phrase leaves the noun out.",
            0,
        ),
        Mistake(
            trains_the_noun_alone,
            "Shapes are told apart and colours are not: your phrase leaves the adjective out.",
            0,
        ),
        Mistake(
            returns_vectors_of_phrases,
            "You return vectors of phrases. Asked for is one vector for each of the fourteen words, [14, d].",
            0,
        ),
    ),
    variants=(trained_with_weight_decay_and_smaller_batches, trained_from_zeros_with_momentum),
    measure="word-vectors",
)
