"""Exercise 5.6, ``patch_vectors``: one kind of vector of one layer taken from another run.

- lab-gate on minimal pairs, and random-gate, which has other sizes and reacts to everything, on shorter ones;
- the model's logits after the call are looked at too.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake
from mechanisms.check.codec import ModelRef
from mechanisms.data.reference_back import Task, minimal_pairs

Rng = np.random.Generator
MODEL, OTHER = "lab-gate", "random-gate"
EDIT = {"k": "instruction", "v": "role", "q": "query"}


def _draw(rng: Rng, kinds: str, model: str = MODEL, and_after: bool = False) -> dict[str, Any]:
    kind = kinds[int(rng.integers(len(kinds)))]
    task = Task() if model == MODEL else Task(tuples=6)
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    pairs = minimal_pairs(task, 6, EDIT[kind] if model == MODEL else "instruction", generator)
    where = torch.tensor(rng.random(tuple(pairs.clean.shape)) < 0.5)
    where[: len(where) // 2, -1] = True  # the last position decides for queries: some rows with it, some without
    where[len(where) // 2 :, -1] = False
    return {
        "model": ModelRef(model),
        "clean": pairs.clean,
        "corrupt": pairs.corrupt,
        "layer": 1 if model == MODEL else int(rng.integers(3)),
        "kind": kind,
        "heads": [int(rng.integers(2 if model == MODEL else 3))],
        "where": where,
        "and_after": and_after,
    }


def patches_every_position(model, clean, corrupt, layer, kind, heads, where):
    name = f"blocks.{layer}.attn.hook_{kind}"
    _, cache = model.run_with_cache(corrupt)

    def hook(value, hook):
        value = value.clone()
        value[:, :, heads] = cache[name][:, :, heads]
        return value

    last = model.run_with_hooks(clean, fwd_hooks=[(name, hook)])[:, -1]
    return last[:, 2] - last[:, 3]


def patches_every_head(model, clean, corrupt, layer, kind, heads, where):
    name = f"blocks.{layer}.attn.hook_{kind}"
    _, cache = model.run_with_cache(corrupt)
    hooks = [(name, lambda value, hook: torch.where(where[:, :, None, None], cache[name], value))]
    last = model.run_with_hooks(clean, fwd_hooks=hooks)[:, -1]
    return last[:, 2] - last[:, 3]


def patches_the_residual_stream(model, clean, corrupt, layer, kind, heads, where):
    name = f"blocks.{layer}.hook_resid_pre"
    _, cache = model.run_with_cache(corrupt)
    hooks = [(name, lambda value, hook: torch.where(where[:, :, None], cache[name], value))]
    last = model.run_with_hooks(clean, fwd_hooks=hooks)[:, -1]
    return last[:, 2] - last[:, 3]


def patches_keys_queries_and_values(model, clean, corrupt, layer, kind, heads, where):
    _, cache = model.run_with_cache(corrupt)

    def hook(value, hook):
        value = value.clone()
        for head in heads:
            value[:, :, head] = torch.where(where[:, :, None], cache[hook.name][:, :, head], value[:, :, head])
        return value

    hooks = [(f"blocks.{layer}.attn.hook_{one}", hook) for one in "qkv"]
    last = model.run_with_hooks(clean, fwd_hooks=hooks)[:, -1]
    return last[:, 2] - last[:, 3]


def puts_clean_vectors_into_the_corrupt_run(model, clean, corrupt, layer, kind, heads, where):
    name = f"blocks.{layer}.attn.hook_{kind}"
    _, cache = model.run_with_cache(clean)

    def hook(value, hook):
        value = value.clone()
        for head in heads:
            value[:, :, head] = torch.where(where[:, :, None], cache[name][:, :, head], value[:, :, head])
        return value

    last = model.run_with_hooks(corrupt, fwd_hooks=[(name, hook)])[:, -1]
    return last[:, 2] - last[:, 3]


def takes_the_first_row_for_all(model, clean, corrupt, layer, kind, heads, where):
    name = f"blocks.{layer}.attn.hook_{kind}"
    _, cache = model.run_with_cache(corrupt)

    def hook(value, hook):
        value = value.clone()
        for head in heads:
            value[:, where[0], head] = cache[name][:, where[0], head]
        return value

    last = model.run_with_hooks(clean, fwd_hooks=[(name, hook)])[:, -1]
    return last[:, 2] - last[:, 3]


def gives_different_minus_same(model, clean, corrupt, layer, kind, heads, where):
    name = f"blocks.{layer}.attn.hook_{kind}"
    _, cache = model.run_with_cache(corrupt)

    def hook(value, hook):
        value = value.clone()
        for head in heads:
            value[:, :, head] = torch.where(where[:, :, None], cache[name][:, :, head], value[:, :, head])
        return value

    last = model.run_with_hooks(clean, fwd_hooks=[(name, hook)])[:, -1]
    return last[:, 3] - last[:, 2]


def leaves_the_patch_on(model, clean, corrupt, layer, kind, heads, where):
    name = f"blocks.{layer}.attn.hook_{kind}"
    _, cache = model.run_with_cache(corrupt)

    def hook(value, hook):
        value = value.clone()
        for head in heads:
            value[:, :, head] = torch.where(where[:, :, None], cache[name][:, :, head], value[:, :, head])
        return value

    model.add_hook(name, hook)
    last = model(clean)[:, -1]
    return last[:, 2] - last[:, 3]


def patches_by_a_mask(model, clean, corrupt, layer, kind, heads, where):
    name = f"blocks.{layer}.attn.hook_{kind}"
    kept = {}

    def keep(value, hook):
        kept["other"] = value

    model.run_with_hooks(corrupt, fwd_hooks=[(name, keep)])
    chosen = torch.zeros(model.cfg.n_heads, dtype=torch.bool)
    chosen[heads] = True
    mask = (where[:, :, None] & chosen)[..., None].float()
    hooks = [(name, lambda value, hook: mask * kept["other"] + (1 - mask) * value)]
    logits = model.run_with_hooks(clean, fwd_hooks=hooks)
    return logits[:, -1, 2] - logits[:, -1, 3]


def patches_entry_by_entry(model, clean, corrupt, layer, kind, heads, where):
    name = f"blocks.{layer}.attn.hook_{kind}"
    cache = model.run_with_cache(corrupt, names_filter=name)[1]

    def hook(value, hook):
        value = value.clone()
        for row, place in where.nonzero().tolist():
            for head in heads:
                value[row, place, head] = cache[name][row, place, head]
        return value

    with model.hooks(fwd_hooks=[(name, hook)]):
        last = model(clean)[:, -1]
    return last[:, 2] - last[:, 3]


EXERCISE = Exercise(
    name="patch_vectors",
    card=Card(
        title="Patch only keys, or only queries",
        difficulty=4,
        minutes=20,
        why="Keys decide how a position can be found, queries what is looked for, values what is handed over. Exchange "
        "one of the three and leave the other two, and you learn through which the edit acts.",
        paper="The path-patching experiments: keys act as input gates, queries as output gates.",
    ),
    groups=(
        Group(
            "keys of lab-gate",
            3,
            partial(_draw, kinds="k"),
            hint="Cache the corrupt run; in the clean run replace hook_k of the layer, for the given heads, at the "
            "positions where `where` is True.",
        ),
        Group(
            "queries and values of lab-gate",
            3,
            partial(_draw, kinds="qv"),
            cases=3,
            hint="The same with hook_q or hook_v: build the hook's name from kind.",
        ),
        Group(
            "a random model of other sizes",
            4,
            partial(_draw, kinds="qkv", model=OTHER),
            cases=3,
            hint="If lab-gate is right and this one is not: the layer, the number of heads and the length differ, and "
            "nothing may depend on them.",
        ),
        Group(
            "the model afterwards",
            2,
            partial(_draw, kinds="k", and_after=True),
            hint="If result['patched'] is wrong, the patch is, as above. If result['model_afterwards'] is wrong: "
            "run_with_hooks removes its hooks, add_hook does not.",
        ),
    ),
    mistakes=(
        Mistake(
            patches_every_position,
            "You patch every position and not only those where `where` is True. torch.where(where[:, :, None], "
            "corrupted, own) chooses between the two, row by row and position by position.",
            0,
        ),
        Mistake(
            patches_every_head,
            "You patch all heads of the layer. Keep the others as they are: the tensor is [batch, position, head, "
            "d_head].",
            0,
        ),
        Mistake(
            patches_the_residual_stream,
            "You patch the residual stream that enters the layer, so its queries, keys and values all change. Hook in "
            "after the projection: hook_q, hook_k or hook_v.",
            0,
        ),
        Mistake(
            patches_keys_queries_and_values,
            "You exchange queries, keys and values together. Then nobody knows which of the three carried the effect: "
            "patch the one that kind names.",
            0,
        ),
        Mistake(
            puts_clean_vectors_into_the_corrupt_run,
            "You put clean vectors into the corrupt run. Here it is the other way round: run the clean stream, with "
            "vectors from the corrupt one.",
            0,
        ),
        Mistake(
            takes_the_first_row_for_all,
            "You use the first row of where for every stream. Each stream has its own positions: where is "
            "[batch, pos].",
            0,
        ),
        Mistake(
            gives_different_minus_same,
            "The sign is turned: return logit(same) − logit(different), token 2 minus token 3.",
            0,
        ),
        Mistake(
            leaves_the_patch_on,
            "The numbers are right, but the hook is still on the model: every later cell would run the patched model. "
            "Use model.run_with_hooks, or remove the hook in a finally block.",
            10,
        ),
    ),
    variants=(patches_by_a_mask, patches_entry_by_entry),
    probe="ch05.patch_vectors",
    rtol=1e-3,
    atol=1e-3,
)
