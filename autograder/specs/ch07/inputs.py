"""Exercise 7.2, ``build_inputs``: prompts and caption words side by side, with labels and mask.

- random prompts and a random embedding table; captions of one length, and captions that are padded;
- one group looks at gradients as well: a function that cuts them off would fail one exercise later.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, padded: bool, gradients_of: tuple[str, ...] = ()) -> dict[str, Any]:
    batch, k, width, words = 4, int(rng.integers(2, 5)), 5, 12
    length = int(rng.integers(5, 7))
    pad = int(rng.integers(1, 3))  # never 0, so that a pad of 0 taken for granted shows
    captions = rng.integers(3, words, size=(batch, length))
    if padded:
        for row, end in enumerate(rng.permutation([length, 2, 3, length - 1])):
            captions[row, end:] = pad
    return {
        "prompts": torch.tensor(rng.normal(size=(batch, k, width)), dtype=torch.float32),
        "captions": torch.tensor(captions),
        "embedding": torch.tensor(rng.normal(size=(words, width)), dtype=torch.float32),
        "pad": pad,
        "gradients_of": list(gradients_of),
    }


def puts_labels_on_the_prompts(prompts, captions, embedding, pad):
    k = prompts.shape[1]
    real = captions != pad
    labels = torch.cat([captions[:, :1].repeat(1, k), torch.where(real, captions, -100)], 1)
    mask = torch.cat([torch.ones(len(captions), k, dtype=torch.long), real.long()], 1)
    return {"inputs_embeds": torch.cat([prompts, embedding[captions]], 1), "labels": labels, "attention_mask": mask}


def hides_the_prompts(prompts, captions, embedding, pad):
    k = prompts.shape[1]
    real = captions != pad
    nothing = torch.full((len(captions), k), -100)
    labels = torch.cat([nothing, torch.where(real, captions, -100)], 1)
    mask = torch.cat([torch.zeros(len(captions), k, dtype=torch.long), real.long()], 1)
    return {"inputs_embeds": torch.cat([prompts, embedding[captions]], 1), "labels": labels, "attention_mask": mask}


def shifts_the_labels(prompts, captions, embedding, pad):
    k = prompts.shape[1]
    real = captions != pad
    labels = torch.cat([torch.full((len(captions), k), -100), torch.where(real, captions, -100)], 1)
    labels = torch.cat([labels[:, 1:], torch.full((len(captions), 1), -100)], 1)
    mask = torch.cat([torch.ones(len(captions), k, dtype=torch.long), real.long()], 1)
    return {"inputs_embeds": torch.cat([prompts, embedding[captions]], 1), "labels": labels, "attention_mask": mask}


def lets_pads_count_in_the_loss(prompts, captions, embedding, pad):
    k = prompts.shape[1]
    real = captions != pad
    labels = torch.cat([torch.full((len(captions), k), -100), captions], 1)
    mask = torch.cat([torch.ones(len(captions), k, dtype=torch.long), real.long()], 1)
    return {"inputs_embeds": torch.cat([prompts, embedding[captions]], 1), "labels": labels, "attention_mask": mask}


def attends_to_pads(prompts, captions, embedding, pad):
    k = prompts.shape[1]
    labels = torch.cat([torch.full((len(captions), k), -100), torch.where(captions != pad, captions, -100)], 1)
    inputs = torch.cat([prompts, embedding[captions]], 1)
    return {"inputs_embeds": inputs, "labels": labels, "attention_mask": torch.ones_like(labels)}


def puts_the_image_behind_the_words(prompts, captions, embedding, pad):
    k = prompts.shape[1]
    real = captions != pad
    labels = torch.cat([torch.where(real, captions, -100), torch.full((len(captions), k), -100)], 1)
    mask = torch.cat([real.long(), torch.ones(len(captions), k, dtype=torch.long)], 1)
    return {"inputs_embeds": torch.cat([embedding[captions], prompts], 1), "labels": labels, "attention_mask": mask}


def takes_zero_for_the_pad(prompts, captions, embedding, pad):
    k = prompts.shape[1]
    real = captions != 0
    labels = torch.cat([torch.full((len(captions), k), -100), torch.where(real, captions, -100)], 1)
    mask = torch.cat([torch.ones(len(captions), k, dtype=torch.long), real.long()], 1)
    return {"inputs_embeds": torch.cat([prompts, embedding[captions]], 1), "labels": labels, "attention_mask": mask}


def leaves_the_first_word_without_a_label(prompts, captions, embedding, pad):
    k = prompts.shape[1]
    real = captions != pad
    labels = torch.cat([torch.full((len(captions), k), -100), torch.where(real, captions, -100)], 1)
    labels[:, k] = -100
    mask = torch.cat([torch.ones(len(captions), k, dtype=torch.long), real.long()], 1)
    return {"inputs_embeds": torch.cat([prompts, embedding[captions]], 1), "labels": labels, "attention_mask": mask}


def puts_zeros_in_the_place_of_pads(prompts, captions, embedding, pad):
    k = prompts.shape[1]
    real = captions != pad
    labels = torch.cat([torch.full((len(captions), k), -100), torch.where(real, captions, -100)], 1)
    mask = torch.cat([torch.ones(len(captions), k, dtype=torch.long), real.long()], 1)
    words = embedding[captions] * real[..., None]
    return {"inputs_embeds": torch.cat([prompts, words], 1), "labels": labels, "attention_mask": mask}


def shifts_the_labels_to_the_right(prompts, captions, embedding, pad):
    k = prompts.shape[1]
    real = captions != pad
    labels = torch.cat([torch.full((len(captions), k + 1), -100), torch.where(real, captions, -100)], 1)[:, :-1]
    mask = torch.cat([torch.ones(len(captions), k, dtype=torch.long), real.long()], 1)
    return {"inputs_embeds": torch.cat([prompts, embedding[captions]], 1), "labels": labels, "attention_mask": mask}


def labels_the_prompts_with_0(prompts, captions, embedding, pad):
    k = prompts.shape[1]
    real = captions != pad
    labels = torch.cat([torch.zeros(len(captions), k, dtype=torch.long), torch.where(real, captions, -100)], 1)
    mask = torch.cat([torch.ones(len(captions), k, dtype=torch.long), real.long()], 1)
    return {"inputs_embeds": torch.cat([prompts, embedding[captions]], 1), "labels": labels, "attention_mask": mask}


def labels_the_prompts_with_pad(prompts, captions, embedding, pad):
    k = prompts.shape[1]
    real = captions != pad
    labels = torch.cat([torch.full((len(captions), k), pad), torch.where(real, captions, -100)], 1)
    mask = torch.cat([torch.ones(len(captions), k, dtype=torch.long), real.long()], 1)
    return {"inputs_embeds": torch.cat([prompts, embedding[captions]], 1), "labels": labels, "attention_mask": mask}


def leaves_out_with_minus_1(prompts, captions, embedding, pad):
    k = prompts.shape[1]
    real = captions != pad
    labels = torch.cat([torch.full((len(captions), k), -1), torch.where(real, captions, -1)], 1)
    mask = torch.cat([torch.ones(len(captions), k, dtype=torch.long), real.long()], 1)
    return {"inputs_embeds": torch.cat([prompts, embedding[captions]], 1), "labels": labels, "attention_mask": mask}


def cuts_the_gradients_off(prompts, captions, embedding, pad):
    k = prompts.shape[1]
    real = captions != pad
    labels = torch.cat([torch.full((len(captions), k), -100), torch.where(real, captions, -100)], 1)
    mask = torch.cat([torch.ones(len(captions), k, dtype=torch.long), real.long()], 1)
    inputs = torch.cat([prompts, embedding[captions]], 1).detach()
    return {"inputs_embeds": inputs, "labels": labels, "attention_mask": mask}


def inputs_by_filling(prompts, captions, embedding, pad):
    batch, k, width = prompts.shape
    whole = k + captions.shape[1]
    inputs = torch.zeros(batch, whole, width)
    labels = torch.full((batch, whole), -100)
    mask = torch.ones(batch, whole, dtype=torch.long)
    inputs[:, :k] = prompts
    for row in range(batch):
        for place in range(captions.shape[1]):
            token = captions[row, place]
            inputs[row, k + place] = embedding[token]
            if token == pad:
                mask[row, k + place] = 0
            else:
                labels[row, k + place] = token
    return {"inputs_embeds": inputs, "labels": labels, "attention_mask": mask}


def inputs_by_masked_fill(prompts, captions, embedding, pad):
    front = torch.ones(prompts.shape[:2], dtype=torch.long)
    mask = torch.cat([front, captions.ne(pad).long()], dim=1)
    labels = torch.cat([-100 * front, captions.masked_fill(captions == pad, -100)], dim=1)
    words = torch.nn.functional.embedding(captions, embedding)
    return {"attention_mask": mask, "labels": labels, "inputs_embeds": torch.cat([prompts, words], dim=1)}


EXERCISE = Exercise(
    name="build_inputs",
    card=Card(
        title="Put prompts in front of words, with labels and mask",
        difficulty=3,
        minutes=12,
        why="A label in the wrong place trains happily and captions nonsense. Off by k is the bug of this field.",
        paper="Section 3, image prompts in front of the caption; the loss is taken on the caption alone.",
    ),
    groups=(
        Group(
            "captions of one length",
            5,
            partial(_draw, padded=False),
            hint="Three tensors of k + pos places: prompts first. Labels are -100 on prompts, the mask is 1 on them.",
        ),
        Group(
            "padded captions",
            4,
            partial(_draw, padded=True),
            hint="Where a caption is padded, the label is -100 and the mask 0.",
        ),
        Group(
            "gradients pass",
            1,
            partial(_draw, padded=True, gradients_of=("prompts",)),
            cases=1,
            hint="The map is trained through this function: from inputs_embeds a gradient must come back to the "
            "prompts. A .detach(), .data or torch.no_grad() cuts it off.",
        ),
    ),
    mistakes=(
        Mistake(
            puts_labels_on_the_prompts,
            "You put labels on the prompts. A soft prompt stands for no word, so there is nothing to predict: -100, "
            "which the loss leaves out.",
            0,
        ),
        Mistake(
            hides_the_prompts,
            "Your mask is 0 on the prompts, so the language model never sees the image. Zero is for pads alone.",
            0,
        ),
        Mistake(
            shifts_the_labels,
            "You shift the labels. Hugging Face models shift them once more inside; at this place a label is simply "
            "the token that stands there.",
            0,
        ),
        Mistake(
            lets_pads_count_in_the_loss,
            "Pads count in your loss: their label must be -100, or the model is trained to say <pad>.",
            5,
        ),
        Mistake(attends_to_pads, "Your mask is 1 on pads. Words must not attend to padding: 0 there.", 5),
        Mistake(
            puts_the_image_behind_the_words,
            "You put the prompts behind the words. A causal model reads from left to right: words that come before "
            "the image cannot see it.",
            0,
        ),
        Mistake(
            takes_zero_for_the_pad,
            "You look for the token 0. Which token fills up a caption is handed in as pad.",
            5,
        ),
        Mistake(
            leaves_the_first_word_without_a_label,
            "The first word of the caption has no label. It is predicted at the last prompt and counts as the others.",
            0,
        ),
        Mistake(
            puts_zeros_in_the_place_of_pads,
            "Your inputs are zero at pads. Look every token up, pads included: the mask hides them.",
            5,
        ),
        Mistake(
            shifts_the_labels_to_the_right,
            "Your labels stand one place too far to the right. The label of a word is the word itself, at its own "
            "place; Hugging Face models do the shifting.",
            0,
        ),
        Mistake(
            labels_the_prompts_with_0,
            "Your labels are 0 on the prompts, and 0 is a token: the model would be trained to say it there. Only -100 "
            "means that there is nothing to predict.",
            0,
        ),
        Mistake(
            labels_the_prompts_with_pad,
            "Your labels are pad on the prompts, so the model would be trained to say <pad> there. Only -100 means "
            "that there is nothing to predict.",
            0,
        ),
        Mistake(
            leaves_out_with_minus_1,
            "You mark with -1 what is not to be predicted. The loss leaves out -100 and nothing else.",
            0,
        ),
        Mistake(
            cuts_the_gradients_off,
            "Your numbers are right, but no gradient comes back to the prompts: inputs_embeds is detached, or made "
            "under torch.no_grad(). The map is to be trained through this function.",
            9,
        ),
    ),
    variants=(inputs_by_filling, inputs_by_masked_fill),
    probe="ch07.lets_gradients_pass",
)
