"""Exercise 2.4, ``scale_head``: one head's value vectors multiplied by alpha at run time.

- any head that writes something, any alpha, on lab-lm and on random-gpt2, whose layers have all their heads;
- the model's logits after the call are looked at too.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake
from autograder.specs.ch02.prompts import MODEL, WITH_BIASES, conflict_tokens
from mechanisms import models
from mechanisms.check.codec import ModelRef

Rng = np.random.Generator


@cache
def _telling_heads(model: str) -> tuple[tuple[int, int], ...]:
    """The (layer, head) pairs where mistakes show: heads that write something, in layers with at least two such."""
    writes = models.load(model).W_O.flatten(2).norm(dim=-1) > 1e-6
    return tuple((int(i), int(j)) for i, j in writes.nonzero() if writes[i].sum() > 1)


def _draw_scale(rng: Rng, alphas: tuple[float, ...], model: str = MODEL, and_after: bool = False) -> dict[str, Any]:
    heads = _telling_heads(model)
    layer, head = heads[int(rng.integers(len(heads)))]
    return {
        "model": ModelRef(model),
        "tokens": conflict_tokens(rng, 2)["tokens"],
        "layer": layer,
        "head": head,
        "alpha": float(alphas[int(rng.integers(len(alphas)))]),
        "and_after": and_after,
    }


def scales_the_pattern_and_renormalises(model, tokens, layer, head, alpha):
    def hook(pattern, hook):
        pattern = pattern.clone()
        pattern[:, head] *= alpha
        pattern[:, head] /= pattern[:, head].sum(-1, keepdim=True)
        return pattern

    return model.run_with_hooks(tokens, fwd_hooks=[(f"blocks.{layer}.attn.hook_pattern", hook)])[:, -1]


def scales_the_whole_layer(model, tokens, layer, head, alpha):
    def hook(value, hook):
        return alpha * value

    return model.run_with_hooks(tokens, fwd_hooks=[(f"blocks.{layer}.attn.hook_v", hook)])[:, -1]


def scales_after_W_O(model, tokens, layer, head, alpha):
    def hook(out, hook):
        return alpha * out

    return model.run_with_hooks(tokens, fwd_hooks=[(f"blocks.{layer}.hook_attn_out", hook)])[:, -1]


def scales_the_queries(model, tokens, layer, head, alpha):
    def hook(query, hook):
        query = query.clone()
        query[:, :, head] *= alpha
        return query

    return model.run_with_hooks(tokens, fwd_hooks=[(f"blocks.{layer}.attn.hook_q", hook)])[:, -1]


def scales_a_position_in_place_of_a_head(model, tokens, layer, head, alpha):
    def hook(value, hook):
        value = value.clone()
        value[:, head] *= alpha
        return value

    return model.run_with_hooks(tokens, fwd_hooks=[(f"blocks.{layer}.attn.hook_v", hook)])[:, -1]


def scales_the_last_position_only(model, tokens, layer, head, alpha):
    def hook(value, hook):
        value = value.clone()
        value[:, -1, head] *= alpha
        return value

    return model.run_with_hooks(tokens, fwd_hooks=[(f"blocks.{layer}.attn.hook_v", hook)])[:, -1]


def leaves_the_hook_behind(model, tokens, layer, head, alpha):
    def hook(value, hook):
        value = value.clone()
        value[:, :, head] *= alpha
        return value

    model.add_hook(f"blocks.{layer}.attn.hook_v", hook)
    return model(tokens)[:, -1]


def scales_z(model, tokens, layer, head, alpha):
    mask = torch.ones(model.cfg.n_heads)
    mask[head] = alpha
    name = f"blocks.{layer}.attn.hook_z"
    return model.run_with_hooks(tokens, fwd_hooks=[(name, lambda z, hook: z * mask[:, None])])[:, -1]


def adds_the_difference_after_W_O(model, tokens, layer, head, alpha):
    kept = {}

    def keep(z, hook):
        kept["z"] = z[:, :, head]

    def add(out, hook):
        return out + (alpha - 1) * kept["z"] @ model.W_O[layer, head]

    hooks = [(f"blocks.{layer}.attn.hook_z", keep), (f"blocks.{layer}.hook_attn_out", add)]
    with model.hooks(fwd_hooks=hooks):
        return model(tokens)[:, -1, :]


def adds_and_removes_hooks(model, tokens, layer, head, alpha):
    def hook(value, hook):
        scale = torch.where(torch.arange(value.shape[2]) == head, alpha, 1.0)
        return torch.einsum("bphd,h->bphd", value, scale)

    try:
        model.add_hook(f"blocks.{layer}.attn.hook_v", hook)
        return model(tokens)[:, -1]
    finally:
        model.reset_hooks()


EXERCISE = Exercise(
    name="scale_head",
    card=Card(
        title="Turn one head up or down while the model runs",
        difficulty=3,
        minutes=15,
        why="Attribution suggests, intervention decides. This one function is the whole experiment of the paper, and "
        "the habit of leaving a model as you found it will save you days.",
        paper="The intervention: multiplying the value vectors of one head by α at run time.",
    ),
    groups=(
        Group(
            "one head of lab-lm",
            3,
            partial(_draw_scale, alphas=(-3.0, -1.0, 0.0, 2.0, 5.0)),
            hint="Multiply the slice of one head, [:, :, head], in blocks.{layer}.attn.hook_v, at every position.",
        ),
        Group(
            "one head of a small random GPT-2",
            4,
            partial(_draw_scale, alphas=(-3.0, -1.0, 0.0, 2.0, 5.0), model=WITH_BIASES),
            hint="If lab-lm's head is right and this one is not: the number of layers and heads and the biases differ "
            "from lab-lm's, and nothing may depend on them.",
        ),
        Group(
            "α = 1 changes nothing",
            2,
            partial(_draw_scale, alphas=(1.0,)),
            cases=1,
            hint="With α = 1 the logits must be those of the unchanged model at the last position, [batch, vocab].",
        ),
        Group(
            "the model afterwards",
            3,
            partial(_draw_scale, alphas=(-2.0, 0.0, 4.0), and_after=True),
            hint="If result['scaled'] is wrong, the logits are, as above, and nothing is said about cleaning up. If "
            "result['model_afterwards'] is wrong: model.run_with_hooks removes its hooks, model.add_hook does not.",
        ),
    ),
    mistakes=(
        Mistake(
            scales_the_pattern_and_renormalises,
            "You scale the attention pattern and normalise it again, which undoes the scaling (and divides by 0 at α "
            "= 0). The pattern says where the head looks; scale what it carries, the value vectors.",
            2,
        ),
        Mistake(
            scales_the_whole_layer,
            "All heads of the layer are scaled. Multiply the slice [:, :, head] only: the tensor is [batch, "
            "position, head, d_head].",
            2,
        ),
        Mistake(
            scales_after_W_O,
            "You scale the attention layer's output. After W_O the heads are added up, so you scale all of them, and "
            "the output bias too: hook in before, at hook_v or hook_z.",
            2,
        ),
        Mistake(
            scales_the_queries,
            "You scale the queries. That changes where the head looks (a sharper or flatter softmax), not how loudly "
            "it speaks: scale the values, hook_v.",
            2,
        ),
        Mistake(
            scales_a_position_in_place_of_a_head,
            "Your slice [:, head] picks a position: the axes are [batch, position, head, d_head], so one head is [:, "
            ":, head].",
            2,
        ),
        Mistake(
            scales_the_last_position_only,
            "You scale the value vector of the last position only. The head collects the values of all positions "
            "it attends to: multiply [:, :, head], every position.",
            2,
        ),
        Mistake(
            leaves_the_hook_behind,
            "The logits are right, but the hook is still on the model: every later cell would run the changed model "
            "without a warning. Use model.run_with_hooks, or remove the hook in a finally block.",
            9,
        ),
    ),
    variants=(scales_z, adds_the_difference_after_W_O, adds_and_removes_hooks),
    probe="ch02.scale_head",
    rtol=1e-3,
    atol=1e-3,
)
