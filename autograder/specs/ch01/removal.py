"""Exercise 1.8, ``drop_ffns``: the model without the outputs of its topmost FFNs.

- lab-relational and random-relational, in which one layer has no FFN; the model's logits after the call as well.
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


def _draw(rng: Rng, model: str, fractions: tuple[float, ...], and_after: bool = False) -> dict[str, Any]:
    tokens = prompts.lab_facts(rng, 3)[0] if model == prompts.LAB else prompts.random_tokens(rng, 3)
    return {
        "model": ModelRef(model),
        "tokens": tokens,
        "fraction": float(rng.choice(fractions)),
        "and_after": and_after,
    }


def drops_from_the_bottom(model, tokens, fraction):
    layers = [layer for layer in range(model.cfg.n_layers) if f"blocks.{layer}.hook_mlp_out" in model.hook_dict]
    number = int(fraction * len(layers) + 0.5)
    hooks = [(f"blocks.{layer}.hook_mlp_out", lambda value, hook: value * 0) for layer in layers[:number]]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def rounds_down(model, tokens, fraction):
    layers = [layer for layer in range(model.cfg.n_layers) if f"blocks.{layer}.hook_mlp_out" in model.hook_dict]
    number = int(fraction * len(layers))
    chosen = layers[len(layers) - number :]
    hooks = [(f"blocks.{layer}.hook_mlp_out", lambda value, hook: value * 0) for layer in chosen]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def drops_attention_as_well(model, tokens, fraction):
    layers = [layer for layer in range(model.cfg.n_layers) if f"blocks.{layer}.hook_mlp_out" in model.hook_dict]
    number = int(fraction * len(layers) + 0.5)
    chosen = layers[len(layers) - number :]
    names = [f"blocks.{layer}.hook_{part}_out" for layer in chosen for part in ("attn", "mlp")]
    hooks = [(name, lambda value, hook: value * 0) for name in names]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def drops_at_the_last_position_only(model, tokens, fraction):
    def hook(value, hook):
        value = value.clone()
        value[:, -1] = 0
        return value

    layers = [layer for layer in range(model.cfg.n_layers) if f"blocks.{layer}.hook_mlp_out" in model.hook_dict]
    number = int(fraction * len(layers) + 0.5)
    hooks = [(f"blocks.{layer}.hook_mlp_out", hook) for layer in layers[len(layers) - number :]]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def drops_one_ffn_at_most(model, tokens, fraction):
    layers = [layer for layer in range(model.cfg.n_layers) if f"blocks.{layer}.hook_mlp_out" in model.hook_dict]
    number = min(1, int(fraction * len(layers) + 0.5))
    chosen = layers[len(layers) - number :]
    hooks = [(f"blocks.{layer}.hook_mlp_out", lambda value, hook: value * 0) for layer in chosen]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def leaves_the_ffns_off(model, tokens, fraction):
    layers = [layer for layer in range(model.cfg.n_layers) if f"blocks.{layer}.hook_mlp_out" in model.hook_dict]
    number = int(fraction * len(layers) + 0.5)
    for layer in layers[len(layers) - number :]:
        model.add_hook(f"blocks.{layer}.hook_mlp_out", lambda value, hook: value * 0)
    return model(tokens)[:, -1]


def drops_with_a_context(model, tokens, fraction):
    def zero(value, hook):
        value[:] = 0
        return value

    layers = [layer for layer in range(model.cfg.n_layers) if f"blocks.{layer}.hook_mlp_out" in model.hook_dict]
    number = sum(fraction * len(layers) >= k + 0.5 for k in range(len(layers)))
    names = {f"blocks.{layer}.hook_mlp_out" for layer in sorted(layers, reverse=True)[:number]}
    with model.hooks(fwd_hooks=[(lambda name: name in names, zero)]):
        return model(tokens)[:, -1, :]


def drops_and_takes_its_hooks_off(model, tokens, fraction):
    layers = [layer for layer in range(model.cfg.n_layers) if f"blocks.{layer}.hook_mlp_out" in model.hook_dict]
    kept = len(layers) - int(fraction * len(layers) + 0.5)
    try:
        for layer in layers[kept:]:
            model.add_hook(f"blocks.{layer}.hook_mlp_out", lambda value, hook: torch.zeros_like(value))
        return model(tokens)[:, -1]
    finally:
        model.reset_hooks()


EXERCISE = Exercise(
    name="drop_ffns",
    card=Card(
        title="Remove FFNs from the top",
        difficulty=3,
        minutes=12,
        why="If FFNs apply the relation, a model without them can still copy and can no longer derive. That is a "
        "prediction that may fail.",
        paper="The FFN-removal experiment: outputs of the topmost 1/6, 2/6, … of the FFNs set to zero.",
    ),
    groups=(
        Group(
            "half of the FFNs of lab-relational",
            3,
            partial(_draw, model=prompts.LAB, fractions=(0.5,)),
            hint="ffn_layers(model) lists the layers; of these the last round(fraction × number) lose their output.",
        ),
        Group(
            "a random model with four FFNs in five layers",
            4,
            partial(_draw, model=prompts.RANDOM, fractions=(0.45, 0.7)),
            cases=3,
            hint="number = int(fraction * len(ffn_layers(model)) + 0.5): rounded, not cut off, and of the FFNs, not of "
            "the layers. The attention of these layers stays.",
        ),
        Group(
            "the model afterwards",
            2,
            partial(_draw, model=prompts.LAB, fractions=(0.5,), and_after=True),
            hint="If result['dropped'] is wrong, the removal is, as above. If result['model_afterwards'] is wrong: "
            "run_with_hooks removes its hooks, add_hook does not.",
        ),
    ),
    mistakes=(
        Mistake(
            drops_from_the_bottom,
            "You remove FFNs from the bottom. The last ones in the list go first.",
            0,
        ),
        Mistake(
            rounds_down,
            "You cut the number off instead of rounding: 0.45 of four FFNs are two, not one.",
            5,
        ),
        Mistake(
            drops_attention_as_well,
            "You remove the attention of these layers too. Only hook_mlp_out becomes zero, or you cannot tell which of "
            "the two mattered.",
            0,
        ),
        Mistake(
            drops_at_the_last_position_only,
            "You remove the FFNs at the last position only. The FFN is gone at every position, and later attention "
            "reads "
            "the others too.",
            5,
        ),
        Mistake(
            drops_one_ffn_at_most,
            "You never remove more than one FFN, whatever the fraction.",
            5,
        ),
        Mistake(
            leaves_the_ffns_off,
            "The numbers are right, but the FFNs stay off: every later cell would run the damaged model. Use "
            "model.run_with_hooks, or remove the hooks in a finally block.",
            7,
        ),
    ),
    variants=(drops_with_a_context, drops_and_takes_its_hooks_off),
    probe="ch01.drop_ffns",
    rtol=1e-3,
    atol=1e-3,
)
