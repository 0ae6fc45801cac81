"""Measures chapter 04's experiments on lab-lm: the lab column of its claims table.

- ``python -m mechanisms.training.talking_heads`` writes ``mechanisms/data/talking_heads.json``;
- laundry lists by length and place; every layer-0 component's scores beside what removing it does, in total and through
  the query of the mover alone; one edit chosen on development prompts and reported on others; a channel traversed.

The mover is found, not named: of the heads above layer 0, the one whose attention at the last position tells the missing
item from the others best.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import torch
from scipy.stats import spearmanr
from torch import Tensor

from mechanisms.data.documents import Batch, Corpus

SEED = 20_240_614
GAINS = (-1.0, 0.0, 0.5, 1.5, 2.0, 3.0)
PLACE = files("mechanisms.data") / "talking_heads.json"


def load() -> dict[str, Any]:
    """The committed measurements."""
    return json.loads(PLACE.read_text(encoding="utf-8"))


def components(W_V: Tensor, W_O: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Reads [k, d], strengths [k] and writes [k, d] of W_V @ W_O by a QR and a small SVD."""
    Q, R = torch.linalg.qr(W_V)
    U, S, writes = torch.linalg.svd(R @ W_O, full_matrices=False)
    return (Q @ U).T, S, writes


def item_places(batch: Batch) -> Tensor:
    """Position of every needed item in the prompt, [batch, n]: the first occurrence of its token."""
    return (batch.prompts[:, None] == batch.info["items"][..., None]).float().argmax(-1)


def normalised(x: Tensor) -> Tensor:
    """LayerNorm without gain, as in the folded model."""
    x = x - x.mean(-1, keepdim=True)
    return x / (x.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()


def written(z: Tensor, W_O: Tensor, write: Tensor) -> Tensor:
    """What one component adds to the residual stream, [batch, pos, d]; z [batch, pos, d_head] of its head."""
    return ((z @ W_O) @ write)[..., None] * write


def edit(model, layer: int, head: int, write: Tensor, gain: float) -> list:
    """Hooks that scale one component's output: the same as the weight edit W_O + (gain - 1) W_O u u^T."""
    kept = {}

    def keep(z: Tensor, hook: Any) -> None:
        kept["z"] = z[:, :, head]

    def change(out: Tensor, hook: Any) -> Tensor:
        return out + (gain - 1) * written(kept["z"], model.W_O[layer, head], write)

    return [(f"blocks.{layer}.attn.hook_z", keep), (f"blocks.{layer}.hook_attn_out", change)]


def last(model, batch: Batch, hooks: list) -> Tensor:
    """Logits at the last position of each prompt."""
    return model.run_with_hooks(batch.prompts, fwd_hooks=hooks)[:, -1]


def hits(logits: Tensor, batch: Batch) -> float:
    """Share of prompts whose answer is right."""
    return (logits.argmax(-1) == batch.targets).float().mean().item()


def difference(logits: Tensor, batch: Batch) -> float:
    """Mean logit of the missing item minus mean logit of the items that were got."""
    right = logits.gather(1, batch.targets[:, None])[:, 0]
    return (right - logits.gather(1, batch.info["got"]).mean(1)).mean().item()


def find_mover(model, batch: Batch) -> tuple[int, int]:
    """The head above layer 0 that prefers the missing item's place most, in attention from the last position."""
    _, cache = model.run_with_cache(batch.prompts)
    places, wanted = item_places(batch), batch.info["position"][:, None]
    found = {}
    for layer in range(1, model.cfg.n_layers):
        pattern = cache[f"blocks.{layer}.attn.hook_pattern"][:, :, -1]
        for head in range(model.cfg.n_heads):
            if model.W_O[layer, head].norm() > 1e-3:  # pruned heads write nothing
                looks = pattern[:, head].gather(1, places)
                found[layer, head] = (looks.gather(1, wanted)[:, 0] - looks.mean(1)).mean().item()
    return max(found, key=found.get)


def measure_components(model, batch: Batch, mover: tuple[int, int]) -> list[dict[str, Any]]:
    """One row for each layer-0 component: scores, strength, and the share of the logit difference lost with it."""
    layer, head = mover
    weights = {name: getattr(model, name)[layer, head] for name in ("W_Q", "W_K", "W_V", "W_O")}
    qk, ov = weights["W_Q"] @ weights["W_K"].T, weights["W_V"] @ weights["W_O"]
    logits, cache = model.run_with_cache(batch.prompts)
    base, resid = difference(logits[:, -1], batch), cache[f"blocks.{layer}.hook_resid_pre"][:, -1]
    rows = []
    for h in range(model.cfg.n_heads):
        _, strengths, writes = components(model.W_V[0, h], model.W_O[0, h])
        for i, (strength, write) in enumerate(zip(strengths, writes, strict=True)):
            own = written(cache["blocks.0.attn.hook_z"][:, -1:, h], model.W_O[0, h], write)[:, 0]

            def query(value: Tensor, hook: Any, own: Tensor = own) -> Tensor:
                value = value.clone()
                value[:, -1, head] = normalised(resid - own) @ weights["W_Q"]
                return value

            total = difference(last(model, batch, edit(model, 0, h, write, 0.0)), batch)
            through = difference(last(model, batch, [(f"blocks.{layer}.attn.hook_q", query)]), batch)
            rows.append(
                {
                    "head": h,
                    "component": i,
                    "strength": strength.item(),
                    **{
                        kind: ((write @ side).norm() / side.norm()).item()
                        for kind, side in (("q", qk), ("k", qk.T), ("v", ov))
                    },
                    "total": 1 - total / base,
                    "query": 1 - through / base,
                }
            )
    return rows


def choose_edit(model, corpus: Corpus, length: int) -> dict[str, Any]:
    """The component and gain with the most right answers on development prompts, reported on other prompts."""
    development, held_out, pairs = corpus.laundry(300, length), corpus.laundry(2000, length), corpus.ioi(1000)
    best, tried = (-1.0, 0, 0, 1.0), []
    for h in range(model.cfg.n_heads):
        writes = components(model.W_V[0, h], model.W_O[0, h])[2]
        for i, write in enumerate(writes):
            for gain in GAINS:
                found = hits(last(model, development, edit(model, 0, h, write, gain)), development)
                tried.append(found)
                best = max(best, (found, h, i, gain))
    _, h, i, gain = best
    hooks = edit(model, 0, h, components(model.W_V[0, h], model.W_O[0, h])[2][i], gain)
    return {
        "length": length, "head": h, "component": i, "gain": gain, "tried": len(tried),
        "development": {"before": hits(last(model, development, []), development), "after": best[0]},
        "held_out": {
            "before": hits(last(model, held_out, []), held_out),
            "after": hits(last(model, held_out, hooks), held_out),
        },
        "indirect_objects": {"before": hits(last(model, pairs, []), pairs), "after": hits(last(model, pairs, hooks), pairs)},
    }  # fmt: skip


def traverse(model, batch: Batch, mover: tuple[int, int], directions: Tensor, reach: float = 8.0) -> float:
    """Share of the needed items that the mover looks at more than at any other of them, at some point of a grid.

    The part of the mover's input at the last position that lies in the span of ``directions`` [k, d] is replaced by
    each point of a grid of 9 values a side, up to ``reach``.
    """
    layer, head = mover
    _, cache = model.run_with_cache(batch.prompts)
    resid, keys = cache[f"blocks.{layer}.hook_resid_pre"][:, -1], cache[f"blocks.{layer}.attn.hook_k"][:, :, head]
    scores = cache[f"blocks.{layer}.attn.hook_attn_scores"][:, head, -1]
    query = cache[f"blocks.{layer}.attn.hook_q"][:, -1, head]
    far = scores - (keys @ query[..., None])[..., 0] / model.cfg.d_head**0.5  # the part that distance decides
    basis = torch.linalg.qr(directions.T)[0].T
    rest, places = resid - resid @ basis.T @ basis, item_places(batch)
    reached = torch.zeros_like(places, dtype=torch.bool)
    line = torch.linspace(-reach, reach, 9)
    for point in torch.cartesian_prod(*[line] * len(basis)).view(-1, len(basis)):
        moved = normalised(rest + point @ basis) @ model.W_Q[layer, head]
        now = (keys @ moved[..., None])[..., 0] / model.cfg.d_head**0.5 + far
        reached.scatter_(1, now.gather(1, places).argmax(1, keepdim=True), True)
    return reached.float().mean().item()


@torch.no_grad()
def measure() -> dict[str, Any]:
    """Everything, in the order of the chapter."""
    from mechanisms.models import load as load_model

    model, corpus = load_model("lab-lm"), Corpus(SEED)
    lists = {n: corpus.laundry(1000, n) for n in range(2, 9)}
    right = {n: last(model, batch, []).argmax(-1) == batch.targets for n, batch in lists.items()}
    mover = find_mover(model, lists[4])
    report: dict[str, Any] = {
        "mover": list(mover),
        "by_length": {str(n): value.float().mean().item() for n, value in right.items()},
        "longest_by_place": [right[8][lists[8].info["position"] == p].float().mean().item() for p in range(8)],
        "edit": choose_edit(model, corpus, 8),
    }
    rows = measure_components(model, corpus.laundry(400, 4), mover)
    report["components"] = rows

    def column(name: str) -> list[float]:
        return [row[name] for row in rows]

    report["rank_correlations"] = {
        f"{effect}: {name}": float(spearmanr(column(name), column(effect)).statistic)
        for effect in ("total", "query")
        for name in ("q", "k", "v", "strength")
    }
    report["all through the query"] = sum(column("query"))
    order = sorted(rows, key=lambda row: -row["q"])
    three = corpus.laundry(200, 5)
    for name, chosen in (("highest", order[:3]), ("lowest", order[-3:])):
        writes = [components(model.W_V[0, r["head"]], model.W_O[0, r["head"]])[2][r["component"]] for r in chosen]
        report[f"items reached, {name} scores"] = traverse(model, three, mover, torch.stack(writes))
    return report


def main() -> None:
    from mechanisms.files import atomic_write
    from mechanisms.training.lab_lm import rounded

    torch.set_num_threads(1)
    atomic_write(PLACE, json.dumps(rounded(measure()), indent=1) + "\n")
    print(f"{PLACE} is written.")


if __name__ == "__main__":
    main()
