"""Exercise 2.3, ``logit_difference_parts``: direct logit attribution that adds up.

- conflict prompts about random countries, on lab-lm; heads, and MLPs with embedding, earn points apart;
- biases on random-gpt2: lab-lm's architecture has none, GPT-2's and Pythia's do.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake
from autograder.specs.ch02.prompts import MODEL, WITH_BIASES, conflict_tokens
from mechanisms.check.codec import ModelRef

Rng = np.random.Generator


def _draw_parts(rng: Rng, parts: list[str], model: str = MODEL) -> dict[str, Any]:
    return {"model": ModelRef(model), "parts": parts, **conflict_tokens(rng, int(rng.integers(3, 6)))}


def forgets_the_layernorm(model, tokens, in_context, memorised):
    _, cache = model.run_with_cache(tokens)
    u = (model.W_U[:, in_context] - model.W_U[:, memorised]).T
    layers = range(model.cfg.n_layers)
    z = [cache[f"blocks.{i}.attn.hook_z"][:, -1] for i in layers]
    heads = torch.stack([torch.einsum("bhk,hkd,bd->bh", z[i], model.W_O[i], u) for i in layers], 1)
    mlps = torch.stack([(cache[f"blocks.{i}.hook_mlp_out"][:, -1] * u).sum(-1) for i in layers], 1)
    bias = sum(u @ output_bias(model, i) for i in layers) + model.b_U[in_context] - model.b_U[memorised]
    return {"heads": heads, "mlps": mlps, "embed": (cache["blocks.0.hook_resid_pre"][:, -1] * u).sum(-1), "bias": bias}


def memorised_minus_in_context(model, tokens, in_context, memorised):
    _, cache = model.run_with_cache(tokens)
    u = (model.W_U[:, memorised] - model.W_U[:, in_context]).T / cache["ln_final.hook_scale"][:, -1]
    layers = range(model.cfg.n_layers)
    z = [cache[f"blocks.{i}.attn.hook_z"][:, -1] for i in layers]
    heads = torch.stack([torch.einsum("bhk,hkd,bd->bh", z[i], model.W_O[i], u) for i in layers], 1)
    mlps = torch.stack([(cache[f"blocks.{i}.hook_mlp_out"][:, -1] * u).sum(-1) for i in layers], 1)
    bias = sum(u @ output_bias(model, i) for i in layers) + model.b_U[memorised] - model.b_U[in_context]
    return {"heads": heads, "mlps": mlps, "embed": (cache["blocks.0.hook_resid_pre"][:, -1] * u).sum(-1), "bias": bias}


def slices_W_O_wrongly(model, tokens, in_context, memorised):
    _, cache = model.run_with_cache(tokens)
    u = (model.W_U[:, in_context] - model.W_U[:, memorised]).T / cache["ln_final.hook_scale"][:, -1]
    layers, n_heads = range(model.cfg.n_layers), model.cfg.n_heads
    heads = []
    for i in layers:
        whole = model.W_O[i].reshape(-1, model.cfg.d_model)
        interleaved = torch.stack([whole[h::n_heads] for h in range(n_heads)])
        heads.append(torch.einsum("bhk,hkd,bd->bh", cache[f"blocks.{i}.attn.hook_z"][:, -1], interleaved, u))
    mlps = torch.stack([(cache[f"blocks.{i}.hook_mlp_out"][:, -1] * u).sum(-1) for i in layers], 1)
    bias = sum(u @ output_bias(model, i) for i in layers) + model.b_U[in_context] - model.b_U[memorised]
    embed = (cache["blocks.0.hook_resid_pre"][:, -1] * u).sum(-1)
    return {"heads": torch.stack(heads, 1), "mlps": mlps, "embed": embed, "bias": bias}


def forgets_the_output_biases(model, tokens, in_context, memorised):
    _, cache = model.run_with_cache(tokens)
    u = (model.W_U[:, in_context] - model.W_U[:, memorised]).T / cache["ln_final.hook_scale"][:, -1]
    layers = range(model.cfg.n_layers)
    z = [cache[f"blocks.{i}.attn.hook_z"][:, -1] for i in layers]
    heads = torch.stack([torch.einsum("bhk,hkd,bd->bh", z[i], model.W_O[i], u) for i in layers], 1)
    mlps = torch.stack([(cache[f"blocks.{i}.hook_mlp_out"][:, -1] * u).sum(-1) for i in layers], 1)
    bias = model.b_U[in_context] - model.b_U[memorised]
    return {"heads": heads, "mlps": mlps, "embed": (cache["blocks.0.hook_resid_pre"][:, -1] * u).sum(-1), "bias": bias}


def forgets_the_unembedding_bias(model, tokens, in_context, memorised):
    _, cache = model.run_with_cache(tokens)
    u = (model.W_U[:, in_context] - model.W_U[:, memorised]).T / cache["ln_final.hook_scale"][:, -1]
    layers = range(model.cfg.n_layers)
    z = [cache[f"blocks.{i}.attn.hook_z"][:, -1] for i in layers]
    heads = torch.stack([torch.einsum("bhk,hkd,bd->bh", z[i], model.W_O[i], u) for i in layers], 1)
    mlps = torch.stack([(cache[f"blocks.{i}.hook_mlp_out"][:, -1] * u).sum(-1) for i in layers], 1)
    bias = sum(u @ output_bias(model, i) for i in layers)
    return {"heads": heads, "mlps": mlps, "embed": (cache["blocks.0.hook_resid_pre"][:, -1] * u).sum(-1), "bias": bias}


def sums_over_positions(model, tokens, in_context, memorised):
    _, cache = model.run_with_cache(tokens)
    u = (model.W_U[:, in_context] - model.W_U[:, memorised]).T / cache["ln_final.hook_scale"][:, -1]
    layers = range(model.cfg.n_layers)
    z = [cache[f"blocks.{i}.attn.hook_z"].sum(1) for i in layers]
    heads = torch.stack([torch.einsum("bhk,hkd,bd->bh", z[i], model.W_O[i], u) for i in layers], 1)
    mlps = torch.stack([(cache[f"blocks.{i}.hook_mlp_out"].sum(1) * u).sum(-1) for i in layers], 1)
    bias = sum(u @ output_bias(model, i) for i in layers) + model.b_U[in_context] - model.b_U[memorised]
    return {"heads": heads, "mlps": mlps, "embed": (cache["blocks.0.hook_resid_pre"].sum(1) * u).sum(-1), "bias": bias}


def parts_by_loop(model, tokens, in_context, memorised):
    rows = []
    for prompt, right, wrong in zip(tokens, in_context, memorised, strict=True):
        _, cache = model.run_with_cache(prompt[None])
        sigma = cache["ln_final.hook_scale"][0, -1, 0]
        u = model.W_U[:, right] - model.W_U[:, wrong]
        heads = torch.zeros(model.cfg.n_layers, model.cfg.n_heads)
        mlps, bias = torch.zeros(model.cfg.n_layers), model.b_U[right] - model.b_U[wrong]
        for layer in range(model.cfg.n_layers):
            for head in range(model.cfg.n_heads):
                z = cache[f"blocks.{layer}.attn.hook_z"][0, -1, head]
                heads[layer, head] = (z @ model.W_O[layer, head]) @ u / sigma
            mlps[layer] = cache[f"blocks.{layer}.hook_mlp_out"][0, -1] @ u / sigma
            bias = bias + output_bias(model, layer) @ u / sigma
        rows.append((heads, mlps, cache["blocks.0.hook_resid_pre"][0, -1] @ u / sigma, bias))
    heads, mlps, embed, bias = (torch.stack(part) for part in zip(*rows, strict=True))
    return {"heads": heads, "mlps": mlps, "embed": embed, "bias": bias}


def parts_in_float64_from_residuals(model, tokens, in_context, memorised):
    logits, cache = model.run_with_cache(tokens)
    sigma = cache["ln_final.hook_scale"][:, -1].double()
    u = (model.W_U[:, in_context] - model.W_U[:, memorised]).T.double()
    u = (u - u.mean(-1, keepdim=True)) / sigma  # centred: what LayerNorm takes out of a part makes no difference
    layers = range(model.cfg.n_layers)
    z = torch.stack([cache[f"blocks.{i}.attn.hook_z"][:, -1] for i in layers], 1).double()
    heads = torch.matmul(z.unsqueeze(-2), model.W_O.double()).squeeze(-2) @ u[:, None, :, None]
    mlps = torch.stack([cache[f"blocks.{i}.hook_mlp_out"][:, -1] for i in layers], 1).double() @ u[..., None]
    embed = (cache["blocks.0.hook_resid_pre"][:, -1].double() * u).sum(-1)
    last, rows = logits[:, -1].double(), torch.arange(len(tokens))
    heads, mlps = heads.squeeze(-1), mlps.squeeze(-1)
    rest = last[rows, in_context] - last[rows, memorised] - heads.sum((1, 2)) - mlps.sum(1) - embed
    return {"heads": heads, "mlps": mlps, "embed": embed, "bias": rest}


EXERCISE = Exercise(
    name="logit_difference_parts",
    card=Card(
        title="Take a logit difference apart, exactly",
        difficulty=4,
        minutes=20,
        why="This is the microscope of the chapter: it says which heads argue for the context and which for memory. "
        "It is linear algebra and no approximation, so a sum proves that it is right.",
        paper="Figure 4: head attribution. The figure's caption describes a plain dot product with the unembedding; "
        "we also divide by the final LayerNorm's scale, so that the parts add up.",
    ),
    groups=(
        Group(
            "heads",
            6,
            partial(_draw_parts, parts=["heads"]),
            hint="z at the last position [batch, head, d_head] times W_O[layer] [head, d_head, d_model], dotted with "
            "the direction of its own prompt, divided by σ.",
        ),
        Group(
            "MLPs and embedding",
            3,
            partial(_draw_parts, parts=["mlps", "embed"]),
            hint="Both are vectors [batch, d_model] at the last position: dot them with the same direction as the "
            "heads.",
        ),
        Group(
            "biases, on a small random GPT-2 that has them",
            3,
            partial(_draw_parts, parts=["bias"], model=WITH_BIASES),
            hint="The b_O of every layer goes through the final LayerNorm (divide by σ), b_U comes after it (do not).",
        ),
    ),
    mistakes=(
        Mistake(
            forgets_the_layernorm,
            "Your parts are not divided by the final LayerNorm's scale, so they add up to something larger or "
            "smaller than the logit difference: divide by cache['ln_final.hook_scale'] at the last position.",
            0,
        ),
        Mistake(
            memorised_minus_in_context,
            "Every part has the wrong sign: the difference is in-context minus memorised, so that an in-context head "
            "is positive.",
            0,
        ),
        Mistake(
            slices_W_O_wrongly,
            "Your heads read the wrong rows of W_O. In each layer W_O is already split, [head, d_head, d_model]: "
            "head h uses W_O[layer, h] whole. (Rows h, h + n_heads, … mix all heads.)",
            6,
        ),
        Mistake(
            forgets_the_output_biases,
            "Your bias part lacks the attention output biases b_O: every layer adds one to the residual stream, "
            "whatever its heads say.",
            9,
        ),
        Mistake(
            forgets_the_unembedding_bias,
            "Your bias part lacks b_U[in_context] − b_U[memorised]: the unembedding adds a constant to every token's "
            "logit.",
            9,
        ),
        Mistake(
            sums_over_positions,
            "You add up all positions. The logits of the answer are computed from the residual stream at the last "
            "position alone: take [:, -1].",
            3,
        ),
    ),
    variants=(parts_by_loop, parts_in_float64_from_residuals),
    probe="ch02.part",
    rtol=1e-3,
    atol=1e-4,
)
