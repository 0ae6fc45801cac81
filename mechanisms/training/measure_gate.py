"""Measures lab-gate: everything that its card, the sweep over seeds and a test of the card report.

- ``patched_difference``: logit(same) - logit(different) with chosen vectors of one layer taken from another run;
- ``gate_effects``: which of keys, queries and values carry an edit of one token, as fractions of its whole effect;
- ``measure``: accuracy, adversarial accuracy and the effects of every kind of edit;
- ``aims``: the chapter's aims with what was measured and whether they are met.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechanisms.data.reference_back import (
    ANSWER,
    DIFFERENT,
    EDITS,
    SAME,
    SYMBOL,
    TRAPS,
    WIDTH,
    Pairs,
    Task,
    adversarial,
    minimal_pairs,
    sequences,
)

MEASURE_SEED = 10_000
KINDS = {"keys": "k", "queries": "q", "values": "v"}


def logit_difference(model, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, " batch"]:
    """logit(same) - logit(different) at the last position."""
    last = model(tokens)[:, -1]
    return last[:, SAME] - last[:, DIFFERENT]


def patched_difference(
    model,
    clean: Int[Tensor, "batch pos"],
    corrupt: Int[Tensor, "batch pos"],
    layer: int,
    kind: str,
    where: Bool[Tensor, "batch pos"],
    heads: Sequence[int] | None = None,
) -> Float[Tensor, " batch"]:
    """``logit_difference`` of the clean run with the layer's q, k or v vectors of the corrupt run ``where`` it is true.

    ``kind`` is "q", "k" or "v"; ``heads`` are those that are patched (default: all).
    """
    name = f"blocks.{layer}.attn.hook_{kind}"
    _, cache = model.run_with_cache(corrupt, names_filter=name)
    chosen = torch.zeros(model.cfg.n_heads, dtype=torch.bool)
    chosen[list(heads) if heads is not None else slice(None)] = True
    mask = where[:, :, None, None] & chosen[:, None]

    def patch(value: Tensor, hook: Any) -> Tensor:
        return torch.where(mask, cache[name], value)

    last = model.run_with_hooks(clean, fwd_hooks=[(name, patch)])[:, -1]
    return last[:, SAME] - last[:, DIFFERENT]


@torch.no_grad()
def gate_effects(model, pairs: Pairs, layer: int = 1) -> dict[str, Any]:
    """How much of an edit's effect on the answer goes through the layer's keys, its queries and its values.

    Effects are oriented: positive means towards the answer that is right after the edit. ``gap`` is the whole effect in
    logits, ``margin`` how far the clean run is on the side of its own right answer. The others are fractions, ratios of
    means: mean effect of the patch by mean effect of the edit. Every position is patched, as an edit may be felt beyond
    the edited tuple, but for the rows that say so.
    """
    clean, corrupt = logit_difference(model, pairs.clean), logit_difference(model, pairs.corrupt)
    towards = torch.where(pairs.corrupt_answer == SAME, 1.0, -1.0)
    gap = (towards * (corrupt - clean)).mean()
    everywhere = torch.ones_like(pairs.clean, dtype=torch.bool)

    def fraction(kind: str, where: Tensor, heads: Sequence[int] | None = None) -> float:
        patched = patched_difference(model, pairs.clean, pairs.corrupt, layer, kind, where, heads)
        return ((towards * (patched - clean)).mean() / gap).item()

    return {
        "gap": gap.item(),
        "margin": (-towards * clean).mean().item(),
        **{name: fraction(kind, everywhere) for name, kind in KINDS.items()},
        "keys of the edited tuple": fraction("k", pairs.tuple_mask()),
        "values of the edited tuple": fraction("v", pairs.tuple_mask()),
        "queries of each head": [fraction("q", everywhere, [head]) for head in range(model.cfg.n_heads)],
        "keys of each head": [fraction("k", everywhere, [head]) for head in range(model.cfg.n_heads)],
    }


@torch.no_grad()
def measure(model, task: Task, n: int = 2000) -> dict[str, Any]:
    """All quantities of the model card, on ``n`` fresh sequences or pairs for each of them."""
    generator = torch.Generator().manual_seed(MEASURE_SEED)
    tokens = sequences(task, n, generator)
    logits, gold = model(tokens)[:, SYMBOL::WIDTH], tokens[:, ANSWER::WIDTH]
    right = (logits.argmax(-1) == gold).float()
    margin = torch.where(gold == SAME, 1.0, -1.0) * (logits[..., SAME] - logits[..., DIFFERENT])
    report: dict[str, Any] = {
        "accuracy": right.mean().item(),
        "whole": right.all(1).float().mean().item(),
        "margin": margin.mean().item(),
    }
    if task.control != "no ignore":
        report["adversarial"] = {}
        for trap in TRAPS:
            hard, answer = adversarial(task, n, trap, generator)
            report["adversarial"][trap] = (model(hard)[:, -1].argmax(-1) == answer).float().mean().item()
    report["gates"] = {edit: gate_effects(model, minimal_pairs(task, n, edit, generator)) for edit in EDITS}
    return report


def dominance(effects: dict[str, Any], kind: str) -> float:
    """The fraction of ``kind`` ("keys", "queries", "values") by the larger of the other two fractions."""
    others = [abs(effects[name]) for name in KINDS if name != kind]
    return effects[kind] / max(*others, 1e-9)


def aims(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Every aim of lab-gate with the number measured and whether it is met."""
    rows = [("accuracy, ordinary sequences", "above 99%", report["accuracy"], report["accuracy"] > 0.99)]
    for trap, value in report["adversarial"].items():
        rows.append((f"accuracy, adversarial: {trap}", "above 99%", value, value > 0.99))
    for name, edit, kind in (("input", "instruction", "keys"), ("output", "query", "queries")):
        effects = report["gates"][edit]
        ratio = dominance(effects, kind)
        rows.append((f"{name} gate: fraction through {kind}", "at least 50%", effects[kind], effects[kind] >= 0.5))
        what = f"{name} gate: {kind} by the larger of the other two"
        rows.append((what, "at least 3", min(ratio, 1000.0), ratio >= 3))
    return [{"quantity": q, "aim": a, "measured": m, "met": bool(met)} for q, a, m, met in rows]
