"""Exercise 1.1, ``early_decode``: the final LayerNorm and the unembedding applied to every stage of the stream.

- lab-relational on facts, and random-relational, which has other sizes, on random tokens.
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


def _draw(rng: Rng, model: str) -> dict[str, Any]:
    tokens = prompts.lab_facts(rng, 2)[0] if model == prompts.LAB else prompts.random_tokens(rng, 3)
    return {"model": ModelRef(model), "tokens": tokens}


def skips_the_final_layernorm(model, tokens):
    _, cache = model.run_with_cache(tokens)
    stages = [cache["blocks.0.hook_resid_pre"]]
    for layer in range(model.cfg.n_layers):
        stages.append(cache[f"blocks.{layer}.hook_resid_mid"])
        if f"blocks.{layer}.hook_mlp_out" in model.hook_dict:
            stages.append(cache[f"blocks.{layer}.hook_resid_post"])
    return torch.stack([model.unembed(stream[:, -1]) for stream in stages])


def normalises_twice(model, tokens):
    _, cache = model.run_with_cache(tokens)
    stages = [cache["blocks.0.hook_resid_pre"]]
    for layer in range(model.cfg.n_layers):
        stages.append(cache[f"blocks.{layer}.hook_resid_mid"])
        if f"blocks.{layer}.hook_mlp_out" in model.hook_dict:
            stages.append(cache[f"blocks.{layer}.hook_resid_post"])
    return torch.stack([model.unembed(model.ln_final(model.ln_final(stream[:, -1]))) for stream in stages])


def normalises_the_last_stage_twice(model, tokens):
    _, cache = model.run_with_cache(tokens)
    stages = [cache["blocks.0.hook_resid_pre"]]
    for layer in range(model.cfg.n_layers):
        stages.append(cache[f"blocks.{layer}.hook_resid_mid"])
        if f"blocks.{layer}.hook_mlp_out" in model.hook_dict:
            stages.append(cache[f"blocks.{layer}.hook_resid_post"])
    stages[-1] = model.ln_final(stages[-1])
    return torch.stack([model.unembed(model.ln_final(stream[:, -1])) for stream in stages])


def decodes_the_first_position(model, tokens):
    _, cache = model.run_with_cache(tokens)
    stages = [cache["blocks.0.hook_resid_pre"]]
    for layer in range(model.cfg.n_layers):
        stages.append(cache[f"blocks.{layer}.hook_resid_mid"])
        if f"blocks.{layer}.hook_mlp_out" in model.hook_dict:
            stages.append(cache[f"blocks.{layer}.hook_resid_post"])
    return torch.stack([model.unembed(model.ln_final(stream[:, 0])) for stream in stages])


def averages_over_positions(model, tokens):
    _, cache = model.run_with_cache(tokens)
    stages = [cache["blocks.0.hook_resid_pre"]]
    for layer in range(model.cfg.n_layers):
        stages.append(cache[f"blocks.{layer}.hook_resid_mid"])
        if f"blocks.{layer}.hook_mlp_out" in model.hook_dict:
            stages.append(cache[f"blocks.{layer}.hook_resid_post"])
    return torch.stack([model.unembed(model.ln_final(stream.mean(1))) for stream in stages])


def leaves_out_the_first_stage(model, tokens):
    _, cache = model.run_with_cache(tokens)
    stages = []
    for layer in range(model.cfg.n_layers):
        stages.append(cache[f"blocks.{layer}.hook_resid_mid"])
        if f"blocks.{layer}.hook_mlp_out" in model.hook_dict:
            stages.append(cache[f"blocks.{layer}.hook_resid_post"])
    return torch.stack([model.unembed(model.ln_final(stream[:, -1])) for stream in stages])


def decodes_after_whole_layers_only(model, tokens):
    _, cache = model.run_with_cache(tokens)
    stages = [cache["blocks.0.hook_resid_pre"]]
    stages += [cache[f"blocks.{layer}.hook_resid_post"] for layer in range(model.cfg.n_layers)]
    return torch.stack([model.unembed(model.ln_final(stream[:, -1])) for stream in stages])


def has_two_stages_in_every_layer(model, tokens):
    _, cache = model.run_with_cache(tokens)
    stages = [cache["blocks.0.hook_resid_pre"]]
    for layer in range(model.cfg.n_layers):
        stages += [cache[f"blocks.{layer}.hook_resid_mid"], cache[f"blocks.{layer}.hook_resid_post"]]
    return torch.stack([model.unembed(model.ln_final(stream[:, -1])) for stream in stages])


def decodes_with_hooks(model, tokens):
    kept = []
    names = ["blocks.0.hook_resid_pre"]
    for layer in range(model.cfg.n_layers):
        names.append(f"blocks.{layer}.hook_resid_mid")
        if f"blocks.{layer}.hook_mlp_out" in model.hook_dict:
            names.append(f"blocks.{layer}.hook_resid_post")

    def keep(value, hook):
        kept.append(model.unembed(model.ln_final(value))[:, -1])

    model.run_with_hooks(tokens, fwd_hooks=[(name, keep) for name in names])
    return torch.stack(kept)


def decodes_by_adding_up(model, tokens):
    _, cache = model.run_with_cache(tokens)
    stream = cache["blocks.0.hook_resid_pre"]
    found = [model.unembed(model.ln_final(stream))[:, -1]]
    for layer in range(model.cfg.n_layers):
        for part in ("attn", "mlp"):
            if f"blocks.{layer}.hook_{part}_out" in model.hook_dict:
                stream = stream + cache[f"blocks.{layer}.hook_{part}_out"]
                found.append(model.unembed(model.ln_final(stream))[:, -1])
    return torch.stack(found, dim=0)


EXERCISE = Exercise(
    name="early_decode",
    card=Card(
        title="Read the residual stream before the last layer",
        difficulty=2,
        minutes=12,
        why="Every layer adds to one running sum. Decode the sum early, as if the layers above were not there, and you "
        "watch the model change its mind.",
        paper="Early decoding (also called the logit lens), the paper's basic tool: logits = W_U · LN(x).",
    ),
    groups=(
        Group(
            "lab-relational",
            3,
            partial(_draw, model=prompts.LAB),
            hint="Stack one [batch, vocab] for blocks.0.hook_resid_pre, one for every block's hook_resid_mid and one "
            "for the hook_resid_post of every block that has an FFN: the last position, through model.ln_final once, "
            "then model.unembed.",
        ),
        Group(
            "a random model of other sizes",
            4,
            partial(_draw, model=prompts.RANDOM),
            cases=3,
            hint="If lab-relational is right and this one is not: the number of layers, which of them have an FFN, the "
            "width and the length differ, and nothing may depend on them.",
        ),
    ),
    mistakes=(
        Mistake(
            skips_the_final_layernorm,
            "You unembed the raw stream. The model never does that: its last step is ln_final, then the unembedding, "
            "and an early stage must go through the same two.",
            0,
        ),
        Mistake(
            normalises_twice,
            "You apply the final LayerNorm twice. It has a gain and a bias, so twice is not once: one ln_final, then "
            "unembed.",
            0,
        ),
        Mistake(
            normalises_the_last_stage_twice,
            "Your last stage went through the final LayerNorm twice. hook_resid_post comes before that LayerNorm; "
            "treat "
            "the last stage as the others. (With Hugging Face's hidden_states it would be the other way round: there "
            "the last one is already normalised.)",
            0,
        ),
        Mistake(
            decodes_the_first_position,
            "You decode the first position. What comes next is predicted at the last one: stream[:, -1].",
            0,
        ),
        Mistake(
            averages_over_positions,
            "You average the stream over positions. What comes next is predicted at the last one alone: stream[:, -1].",
            0,
        ),
        Mistake(
            leaves_out_the_first_stage,
            "You leave out the stage before any layer, blocks.0.hook_resid_pre. It comes first.",
            0,
        ),
        Mistake(
            decodes_after_whole_layers_only,
            "You decode after whole layers only. In a layer with an FFN there are two stages: after its attention, "
            "hook_resid_mid, and after its FFN, hook_resid_post.",
            0,
        ),
        Mistake(
            has_two_stages_in_every_layer,
            "You have two stages in every layer. A layer without an FFN has one: nothing happens between its "
            "hook_resid_mid and its hook_resid_post.",
            0,
        ),
    ),
    variants=(decodes_with_hooks, decodes_by_adding_up),
    rtol=1e-3,
    atol=1e-3,
)
