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
    tokens = prompts.lab_facts(rng, 2)[0] if model == prompts.LAB else prompts.random_tokens(rng, 3)
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


def removes_everything_for_nothing(model, tokens, fraction):
    layers = [layer for layer in range(model.cfg.n_layers) if f"blocks.{layer}.hook_mlp_out" in model.hook_dict]
    number = int(fraction * len(layers) + 0.5)
    chosen = layers[-number:]
    hooks = [(f"blocks.{layer}.hook_mlp_out", lambda value, hook: value * 0) for layer in chosen]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def rounds_halves_to_even(model, tokens, fraction):
    layers = [layer for layer in range(model.cfg.n_layers) if f"blocks.{layer}.hook_mlp_out" in model.hook_dict]
    chosen = layers[len(layers) - round(fraction * len(layers)) :]
    hooks = [(f"blocks.{layer}.hook_mlp_out", lambda value, hook: value * 0) for layer in chosen]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def rounds_up(model, tokens, fraction):
    layers = [layer for layer in range(model.cfg.n_layers) if f"blocks.{layer}.hook_mlp_out" in model.hook_dict]
    chosen = layers[len(layers) + int(-fraction * len(layers) // 1) :]
    hooks = [(f"blocks.{layer}.hook_mlp_out", lambda value, hook: value * 0) for layer in chosen]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def counts_layers(model, tokens, fraction):
    layers = [layer for layer in range(model.cfg.n_layers) if f"blocks.{layer}.hook_mlp_out" in model.hook_dict]
    number = min(len(layers), int(fraction * model.cfg.n_layers + 0.5))
    chosen = layers[len(layers) - number :]
    hooks = [(f"blocks.{layer}.hook_mlp_out", lambda value, hook: value * 0) for layer in chosen]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def keeps_what_it_should_remove(model, tokens, fraction):
    layers = [layer for layer in range(model.cfg.n_layers) if f"blocks.{layer}.hook_mlp_out" in model.hook_dict]
    chosen = layers[int(fraction * len(layers) + 0.5) :]
    hooks = [(f"blocks.{layer}.hook_mlp_out", lambda value, hook: value * 0) for layer in chosen]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def removes_attention_instead(model, tokens, fraction):
    layers = [layer for layer in range(model.cfg.n_layers) if f"blocks.{layer}.hook_mlp_out" in model.hook_dict]
    number = int(fraction * len(layers) + 0.5)
    chosen = layers[len(layers) - number :]
    hooks = [(f"blocks.{layer}.hook_attn_out", lambda value, hook: value * 0) for layer in chosen]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def empties_the_whole_stream(model, tokens, fraction):
    layers = [layer for layer in range(model.cfg.n_layers) if f"blocks.{layer}.hook_mlp_out" in model.hook_dict]
    number = int(fraction * len(layers) + 0.5)
    chosen = layers[len(layers) - number :]
    hooks = [(f"blocks.{layer}.hook_resid_post", lambda value, hook: value * 0) for layer in chosen]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def changes_nothing(model, tokens, fraction):
    return model(tokens)[:, -1]


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
            hint="ffn_layers(model) lists the layers with an FFN, lowest first. Of these n the last "
            "int(fraction * n + 0.5) lose their output at every position: hook_mlp_out is zero there.",
        ),
        Group(
            "a random model with four FFNs in five layers",
            2,
            partial(_draw, model=prompts.RANDOM, fractions=(0.7, 0.72)),
            cases=3,
            hint="number = int(fraction * len(ffn_layers(model)) + 0.5): rounded, not cut off, and of the FFNs, not of "
            "the layers. The attention of these layers stays.",
        ),
        Group(
            "half an FFN counts as one",
            1,
            partial(_draw, model=prompts.RANDOM, fractions=(0.625,)),
            hint="0.625 of four FFNs is two and a half. int(fraction * n + 0.5) makes three of it, "
            "Python's round() two.",
        ),
        Group(
            "nothing to remove",
            1,
            partial(_draw, model=prompts.RANDOM, fractions=(0.04, 0.08)),
            hint="Here the number is 0 and the logits are the model's own. layers[-0:] is the whole list: take "
            "layers[len(layers) - number:].",
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
            1,
        ),
        Mistake(
            rounds_down,
            "You cut the number off instead of rounding: 0.45 of four FFNs are two, not one.",
            6,
        ),
        Mistake(
            drops_attention_as_well,
            "You remove the attention of these layers too. Only hook_mlp_out becomes zero, or you cannot tell which of "
            "the two mattered.",
            1,
        ),
        Mistake(
            drops_at_the_last_position_only,
            "You remove the FFNs at the last position only. The FFN is gone at every position, and later attention "
            "reads "
            "the others too.",
            6,
        ),
        Mistake(
            drops_one_ffn_at_most,
            "You never remove more than one FFN, whatever the fraction.",
            6,
        ),
        Mistake(
            changes_nothing,
            "The logits are those of the whole model. A hook function must return the zeros: what it makes and does "
            "not return is lost.",
            1,
        ),
        Mistake(
            leaves_the_ffns_off,
            "The numbers are right, but the FFNs stay off: every later cell would run the damaged model. Use "
            "model.run_with_hooks, or remove the hooks in a finally block.",
            7,
        ),
        Mistake(
            removes_everything_for_nothing,
            "Where the number is 0 you remove every FFN: layers[-0:] is the whole list. Take "
            "layers[len(layers) - number:].",
            8,
        ),
        Mistake(
            rounds_halves_to_even,
            "You use round(), which takes a half to the even number: round(2.5) is 2. The rule is int(fraction * n + "
            "0.5), which makes it 3.",
            8,
        ),
        Mistake(
            rounds_up,
            "You round up. Less than half an FFN is none: int(fraction * n + 0.5).",
            8,
        ),
        Mistake(
            counts_layers,
            "You take the fraction of the layers. Some have no FFN: n counts FFNs, len(ffn_layers(model)).",
            2,
        ),
        Mistake(
            keeps_what_it_should_remove,
            "You keep as many FFNs as you should remove: layers[number:] leaves out the first ones. The last `number` "
            "are layers[len(layers) - number:].",
            5,
        ),
        Mistake(
            removes_attention_instead,
            "You remove what attention adds. Only hook_mlp_out becomes zero.",
            1,
        ),
        Mistake(
            empties_the_whole_stream,
            "You clear the whole stream after these layers (hook_resid_post). Only what the FFN adds becomes zero: "
            "hook_mlp_out.",
            1,
        ),
    ),
    variants=(drops_with_a_context, drops_and_takes_its_hooks_off),
    probe="ch01.drop_ffns",
    rtol=1e-3,
    atol=1e-3,
)
