"""Exercise 1.5, ``inject``: a vector put into FFN outputs of another run, added or in their place.

- lab-relational and random-relational; the model's logits after the call are looked at too.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake
from autograder.specs.ch01 import prompts
from mechanisms.check.codec import ModelRef

Rng = np.random.Generator


def _draw(rng: Rng, model: str, replace: bool, and_after: bool = False) -> dict[str, Any]:
    if model == prompts.LAB:
        tokens, width, layers = prompts.lab_contexts(rng, 2)[0], 64, [2]  # other positions still matter after FFN 2
    else:
        tokens, width = prompts.random_tokens(rng, 3), 16
        layers = sorted(rng.choice([0, 2, 3, 4], 2, replace=False).tolist())
    return {
        "model": ModelRef(model),
        "tokens": tokens,
        "vector": torch.tensor(rng.normal(size=width), dtype=torch.float32),
        "layers": [int(layer) for layer in layers],
        "replace": replace,
        "and_after": and_after,
    }


def adds_and_never_replaces(model, tokens, vector, layers, replace):
    def hook(value, hook):
        value = value.clone()
        value[:, -1] = value[:, -1] + vector
        return value

    hooks = [(f"blocks.{layer}.hook_mlp_out", hook) for layer in layers]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def replaces_and_never_adds(model, tokens, vector, layers, replace):
    def hook(value, hook):
        value = value.clone()
        value[:, -1] = vector
        return value

    hooks = [(f"blocks.{layer}.hook_mlp_out", hook) for layer in layers]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def injects_at_every_position(model, tokens, vector, layers, replace):
    def hook(value, hook):
        return vector.expand_as(value) if replace else value + vector

    hooks = [(f"blocks.{layer}.hook_mlp_out", hook) for layer in layers]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def injects_into_one_layer_only(model, tokens, vector, layers, replace):
    def hook(value, hook):
        value = value.clone()
        value[:, -1] = vector + (0 if replace else value[:, -1])
        return value

    return model.run_with_hooks(tokens, fwd_hooks=[(f"blocks.{layers[0]}.hook_mlp_out", hook)])[:, -1]


def overwrites_the_whole_stream(model, tokens, vector, layers, replace):
    def hook(value, hook):
        value = value.clone()
        value[:, -1] = vector + (0 if replace else value[:, -1])
        return value

    hooks = [(f"blocks.{layer}.hook_resid_post", hook) for layer in layers]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def leaves_the_hook_on(model, tokens, vector, layers, replace):
    def hook(value, hook):
        value = value.clone()
        value[:, -1] = vector + (0 if replace else value[:, -1])
        return value

    for layer in layers:
        model.add_hook(f"blocks.{layer}.hook_mlp_out", hook)
    return model(tokens)[:, -1]


def injects_in_place(model, tokens, vector, layers, replace):
    def hook(value, hook):
        if replace:
            value[:, -1] = 0
        value[:, -1] += vector
        return value

    with model.hooks(fwd_hooks=[(f"blocks.{layer}.hook_mlp_out", hook) for layer in layers]):
        return model(tokens)[:, -1]


def injects_by_a_mask(model, tokens, vector, layers, replace):
    last = torch.zeros(tokens.shape[1], 1)
    last[-1] = 1
    kept = 1 - last if replace else torch.ones_like(last)
    names = {f"blocks.{layer}.hook_mlp_out" for layer in layers}
    hooks = [(lambda name: name in names, lambda value, hook: kept * value + last * vector)]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[..., -1, :]


EXERCISE = Exercise(
    name="inject",
    card=Card(
        title="Put the vector where nobody asked for it",
        difficulty=3,
        minutes=15,
        why="If the vector is the relation itself, it must work in a text that says nothing about the relation. That "
        "is a strong claim, and one hook tests it.",
        paper="The paper replaces the outputs of FFNs 18-23 of GPT-2 medium by o; the lab adds it in one FFN.",
    ),
    groups=(
        Group(
            "added, in lab-relational",
            3,
            partial(_draw, model=prompts.LAB, replace=False),
            hint="A hook on blocks.<layer>.hook_mlp_out adds the vector at the last position and leaves the others.",
        ),
        Group(
            "several FFNs of a random model",
            4,
            partial(_draw, model=prompts.RANDOM, replace=True),
            cases=3,
            hint="With replace=True the vector takes the place of the FFN's output at the last position, in "
            "every layer "
            "of `layers`.",
        ),
        Group(
            "the model afterwards",
            2,
            partial(_draw, model=prompts.LAB, replace=False, and_after=True),
            hint="If result['injected'] is wrong, the injection is, as above. If result['model_afterwards'] is wrong: "
            "run_with_hooks removes its hooks, add_hook does not.",
        ),
    ),
    mistakes=(
        Mistake(
            adds_and_never_replaces,
            "You add the vector although replace is True: then it must stand in the place of the FFN's output.",
            5,
        ),
        Mistake(
            replaces_and_never_adds,
            "You replace the FFN's output although replace is False: then the vector is added to it.",
            4,
        ),
        Mistake(
            injects_at_every_position,
            "You inject at every position. Only the last one is meant: value[:, -1].",
            0,
        ),
        Mistake(
            injects_into_one_layer_only,
            "You inject into the first of the layers only. Put one hook on each layer of `layers`.",
            5,
        ),
        Mistake(
            overwrites_the_whole_stream,
            "You replace the whole residual stream after the block. Only the FFN's contribution is to be replaced, "
            "hook_mlp_out; what the stream held before stays. (When adding, the two come to the same.)",
            5,
        ),
        Mistake(
            leaves_the_hook_on,
            "The numbers are right, but the hook is still on the model: every later cell would run the injected model. "
            "Use model.run_with_hooks, or remove the hook in a finally block.",
            7,
        ),
    ),
    variants=(injects_in_place, injects_by_a_mask),
    probe="ch01.inject",
    rtol=1e-3,
    atol=1e-3,
)
