"""Exercise 7.3, ``projection_gradients``: the loss goes through the frozen language model, gradients reach the map.

- random features and maps, real captions, lab-lm-scenes; its own parameters must come back without gradients, and so
  must the map that was handed in.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake
from mechanisms.check.codec import ModelRef
from mechanisms.data.creature_text import caption_tokens
from mechanisms.data.scenes.creatures import draw_labels

Rng = np.random.Generator


def _draw(rng: Rng, and_after: bool) -> dict[str, Any]:
    batch, k, d_img, d_lm = 5, int(rng.integers(2, 4)), 4, 96
    labels = draw_labels(batch, torch.Generator().manual_seed(int(rng.integers(2**31))))
    arrays = {"features": (batch, d_img), "weight": (k * d_lm, d_img), "bias": (k * d_lm,)}
    values = {name: torch.tensor(rng.normal(size=size) * 0.5, dtype=torch.float32) for name, size in arrays.items()}
    return {"model": ModelRef("lab-lm-scenes"), **values, "captions": caption_tokens(labels), "and_after": and_after}


def runs_the_model_without_gradients(model, features, weight, bias, captions):
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    table = model.get_input_embeddings().weight
    prompts = (features @ weight.T + bias).view(len(features), -1, table.shape[1])
    k = prompts.shape[1]
    with torch.no_grad():
        logits = model(inputs_embeds=torch.cat([prompts, table[captions]], 1)).logits
    loss = torch.nn.functional.cross_entropy(logits[:, k - 1 : -1].flatten(0, 1), captions.flatten())
    loss.backward()
    return {"loss": loss, "weight": weight.grad, "bias": bias.grad}


def detaches_the_prompts(model, features, weight, bias, captions):
    table = model.get_input_embeddings().weight
    prompts = (features @ weight.T + bias).view(len(features), -1, table.shape[1]).detach()
    k = prompts.shape[1]
    logits = model(inputs_embeds=torch.cat([prompts, table[captions]], 1)).logits
    loss = torch.nn.functional.cross_entropy(logits[:, k - 1 : -1].flatten(0, 1), captions.flatten())
    return {"loss": loss, "weight": torch.zeros_like(weight), "bias": torch.zeros_like(bias)}


def trains_the_language_model_too(model, features, weight, bias, captions):
    model.requires_grad_(True)
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    table = model.get_input_embeddings().weight
    prompts = (features @ weight.T + bias).view(len(features), -1, table.shape[1])
    k = prompts.shape[1]
    logits = model(inputs_embeds=torch.cat([prompts, table[captions]], 1)).logits
    loss = torch.nn.functional.cross_entropy(logits[:, k - 1 : -1].flatten(0, 1), captions.flatten())
    loss.backward()
    return {"loss": loss.detach(), "weight": weight.grad, "bias": bias.grad}


def reads_the_logits_at_the_word(model, features, weight, bias, captions):
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    table = model.get_input_embeddings().weight
    prompts = (features @ weight.T + bias).view(len(features), -1, table.shape[1])
    k = prompts.shape[1]
    logits = model(inputs_embeds=torch.cat([prompts, table[captions]], 1)).logits
    loss = torch.nn.functional.cross_entropy(logits[:, k:].flatten(0, 1), captions.flatten())
    loss.backward()
    return {"loss": loss.detach(), "weight": weight.grad, "bias": bias.grad}


def forgets_the_first_word(model, features, weight, bias, captions):
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    table = model.get_input_embeddings().weight
    prompts = (features @ weight.T + bias).view(len(features), -1, table.shape[1])
    k = prompts.shape[1]
    logits = model(inputs_embeds=torch.cat([prompts, table[captions]], 1)).logits
    loss = torch.nn.functional.cross_entropy(logits[:, k:-1].flatten(0, 1), captions[:, 1:].flatten())
    loss.backward()
    return {"loss": loss.detach(), "weight": weight.grad, "bias": bias.grad}


def adds_up_the_loss(model, features, weight, bias, captions):
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    table = model.get_input_embeddings().weight
    prompts = (features @ weight.T + bias).view(len(features), -1, table.shape[1])
    k = prompts.shape[1]
    logits = model(inputs_embeds=torch.cat([prompts, table[captions]], 1)).logits
    loss = torch.nn.functional.cross_entropy(logits[:, k - 1 : -1].flatten(0, 1), captions.flatten(), reduction="sum")
    loss.backward()
    return {"loss": loss.detach(), "weight": weight.grad, "bias": bias.grad}


def marks_the_map_that_was_handed_in(model, features, weight, bias, captions):
    weight.requires_grad_()
    bias.requires_grad_()
    table = model.get_input_embeddings().weight
    prompts = (features @ weight.T + bias).view(len(features), -1, table.shape[1])
    k = prompts.shape[1]
    logits = model(inputs_embeds=torch.cat([prompts, table[captions]], 1)).logits
    loss = torch.nn.functional.cross_entropy(logits[:, k - 1 : -1].flatten(0, 1), captions.flatten())
    loss.backward()
    return {"loss": loss.detach(), "weight": weight.grad, "bias": bias.grad}


def copies_after_asking(model, features, weight, bias, captions):
    weight, bias = weight.requires_grad_().clone(), bias.requires_grad_().clone()
    table = model.get_input_embeddings().weight
    prompts = (features @ weight.T + bias).view(len(features), -1, table.shape[1])
    k = prompts.shape[1]
    logits = model(inputs_embeds=torch.cat([prompts, table[captions]], 1)).logits
    loss = torch.nn.functional.cross_entropy(logits[:, k - 1 : -1].flatten(0, 1), captions.flatten())
    loss.backward()
    # What .grad of a copy is; reading it there would warn.
    return {"loss": loss.detach(), "weight": None, "bias": None}


def adds_up_over_the_images(model, features, weight, bias, captions):
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    table = model.get_input_embeddings().weight
    prompts = (features @ weight.T + bias).view(len(features), -1, table.shape[1])
    k = prompts.shape[1]
    logits = model(inputs_embeds=torch.cat([prompts, table[captions]], 1)).logits
    loss = torch.nn.functional.cross_entropy(logits[:, k - 1 : -1].flatten(0, 1), captions.flatten()) * len(captions)
    loss.backward()
    return {"loss": loss.detach(), "weight": weight.grad, "bias": bias.grad}


def gradients_by_autograd_grad(model, features, weight, bias, captions):
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    words = model.get_input_embeddings()(captions)
    prompts = torch.nn.functional.linear(features, weight, bias).unflatten(1, (-1, words.shape[-1]))
    logits = model(inputs_embeds=torch.cat([prompts, words], 1)).logits[:, prompts.shape[1] - 1 : -1]
    loss = -logits.log_softmax(-1).gather(-1, captions[..., None]).mean()
    found = torch.autograd.grad(loss, [weight, bias])
    return {"loss": loss.item(), "weight": found[0], "bias": found[1]}


def gradients_by_a_layer(model, features, weight, bias, captions):
    layer = torch.nn.Linear(features.shape[1], len(bias))
    layer.load_state_dict({"weight": weight, "bias": bias})
    words = model.get_input_embeddings()(captions)
    prompts = layer(features).reshape(len(features), -1, words.shape[-1])
    labels = torch.cat([torch.full(prompts.shape[:2], -100), captions], 1)
    loss = model(inputs_embeds=torch.cat([prompts, words], 1), labels=labels).loss
    loss.backward()
    return {"loss": loss.item(), "weight": layer.weight.grad, "bias": layer.bias.grad}


EXERCISE = Exercise(
    name="projection_gradients",
    card=Card(
        title="Send gradients through a frozen model",
        difficulty=3,
        minutes=15,
        why="Frozen does not mean cut off. The map learns only because the loss reaches it through the language model, "
        "which itself must not learn.",
        paper="Section 3: both models are frozen, the projection alone is trained.",
    ),
    groups=(
        Group(
            "loss and gradients",
            6,
            partial(_draw, and_after=False),
            hint="The loss is the mean over all words of all captions, the first one (predicted at the last prompt) "
            "included; then one backward pass. Where a gradient is None or backward() finds nothing to do, the way "
            "from the loss to the map is cut: by no_grad, detach or .data, here or in project_features or "
            "build_inputs.",
        ),
        Group(
            "what the call leaves behind",
            4,
            partial(_draw, and_after=True),
            hint="Nothing that was handed in may ask for gradients, hold any or be changed after the call: neither a "
            "parameter of the language model nor weight and bias, of which copies are to be made.",
        ),
    ),
    mistakes=(
        Mistake(
            runs_the_model_without_gradients,
            "Nothing connects your loss with the map. Either the language model runs under torch.no_grad() (frozen "
            "means that its own parameters ask for no gradient, and they already do not), or your copies of weight and "
            "bias do not ask for one (.requires_grad_()), or something on the way is detached.",
            0,
        ),
        Mistake(
            detaches_the_prompts,
            "Your prompts are detached from the map, so no gradient comes back to it: the loss changes with the map, "
            "and still nothing would be learned.",
            0,
        ),
        Mistake(
            trains_the_language_model_too,
            "Your gradients are right, but the language model's parameters ask for gradients too, or hold some. An "
            "optimizer over them would train it. Leave the model as you got it.",
            6,
        ),
        Mistake(
            reads_the_logits_at_the_word,
            "You are off by one: the logits at a place predict the next token, so the word at place i is predicted at "
            "place i − 1, and the first word at the last prompt.",
            0,
        ),
        Mistake(
            forgets_the_first_word,
            "You leave the first word of the caption out. It is predicted at the last prompt and counts as the others.",
            0,
        ),
        Mistake(
            marks_the_map_that_was_handed_in,
            "Your gradients are right, but they are left on the very weight and bias that you were handed: a second "
            "call would add to them. Work on copies, weight.clone().requires_grad_().",
            6,
        ),
        Mistake(adds_up_the_loss, "You add the losses up. Take the mean over all words of all captions.", 0),
        Mistake(
            adds_up_over_the_images,
            "You take the mean over the words of each caption, and add that up over the captions. Take the mean over "
            "all words of all captions.",
            0,
        ),
        Mistake(
            copies_after_asking,
            "You ask for gradients first and copy then. backward() leaves them on the tensors that were handed in, and "
            "the copies' .grad is None. Copy first: weight.clone().requires_grad_().",
            0,
        ),
    ),
    variants=(gradients_by_autograd_grad, gradients_by_a_layer),
    probe="ch07.projection_gradients",
    rtol=1e-3,
    atol=1e-5,
)
