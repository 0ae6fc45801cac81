"""What chapter 04 measures on any model with laundry lists: scores, effects, a channel, an edit.

- ``component_rows``: the scores of every component below a mover, beside what removing it does through the mover's
  query alone, through its keys alone, in the mover's attention, and in total;
- ``rank_correlations``: which of the scores, or the singular value alone, goes with which effect;
- ``channel``: how many things the mover can be turned to by coordinates in three directions, beside random directions;
- ``edits``: gains on a few components, chosen on development lists and reported on others;
- ``fitted``: gains on all components, fitted on development lists, beside fewer components and other directions.

Scores see weights only. Effects are shares of the logit difference: the missing thing minus the mean of those got.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from scipy.stats import spearmanr
from torch import Tensor

from mechanisms.data.missing_item import Lists
from mechanisms.models.mover import Mover, component_output, normalised

MEASURE_SEED = 20_000
GAINS, QUERY_GAINS = (-1.0, 0.0, 2.0), (1.5, 2.0, 3.0)
SCORES, EFFECTS = ("q", "k", "v", "strength", "q x strength"), ("query", "query, mean", "key", "total")
SCREENED, SHORTLIST = 300, 10
DRAWS = 20  # sets of random directions
FIT_STEPS, FIT_BATCH, FIT_RATE, FIT_DRAWS = 60, 200, 0.05, 2
ONE_GAINS = (0.6, 0.8, 1.2, 1.4, 1.6)


def components(W_V: Tensor, W_O: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Reads [k, d], strengths [k] and writes [k, d] of W_V @ W_O by a QR and a small SVD."""
    Q, R = torch.linalg.qr(W_V)
    U, S, writes = torch.linalg.svd(R @ W_O, full_matrices=False)
    return (Q @ U).T, S, writes


def edit(model, layer: int, head: int, write: Tensor, gain: float) -> list:
    """Hooks that scale one component's output: the same as the weight edit W_O + (gain - 1) W_O u u^T."""
    kept: list[Tensor] = []  # emptied at once: hundreds of such hooks are held at a time

    def keep(z: Tensor, hook: Any) -> None:
        kept.append(z[:, :, head])

    def change(out: Tensor, hook: Any) -> Tensor:
        return out + (gain - 1) * component_output(kept.pop(), model.W_O[layer, head], write)

    return [(f"blocks.{layer}.attn.hook_z", keep), (f"blocks.{layer}.hook_attn_out", change)]


def edits_of(model, writes: Mapping[tuple[int, int], Tensor], gains: Mapping[tuple[int, int], Tensor]) -> list:
    """Hooks that scale what heads write along orthonormal directions: ``writes`` (layer, head) -> rows [k, d_model],
    ``gains`` (layer, head) -> [k]. One component and one gain are ``edit``."""
    hooks = []
    for layer in sorted({layer for layer, _ in writes}):
        here = [(head, rows, gains[at, head]) for (at, head), rows in writes.items() if at == layer]
        W_O, kept = model.W_O[layer].detach(), []

        def keep(z: Tensor, hook: Any, kept: list = kept) -> None:
            kept.append(z)

        def change(out: Tensor, hook: Any, here: list = here, W_O: Tensor = W_O, kept: list = kept) -> Tensor:
            z = kept.pop()
            for head, rows, gain in here:
                out = out + ((z[:, :, head] @ (W_O[head] @ rows.T)) * (gain - 1)) @ rows
            return out

        hooks += [(f"blocks.{layer}.attn.hook_z", keep), (f"blocks.{layer}.hook_attn_out", change)]
    return hooks


def last(model, batch: Any, hooks: list) -> Tensor:
    """Logits at the last position of each prompt, with hooks."""
    with torch.no_grad():
        return model.run_with_hooks(batch.prompts, fwd_hooks=hooks)[:, -1]


def hits(logits: Tensor, batch: Any) -> float:
    """Share of prompts whose answer is right."""
    return (logits.argmax(-1) == batch.targets).float().mean().item()


def difference(logits: Tensor, batch: Lists) -> float:
    """Mean logit of the missing thing minus mean logit of the things got."""
    values = logits.gather(1, batch.items)
    wanted = values.gather(1, batch.missing[:, None])[:, 0]
    return (wanted - (values.sum(1) - wanted) / (values.shape[1] - 1)).mean().item()


def gap(pattern: Tensor, batch: Lists) -> float:
    """Mean attention [n, pos] to the missing thing minus mean attention to one that was got."""
    got = batch.got
    return (pattern.gather(1, batch.wanted[:, None])[:, 0] - (pattern * got).sum(1) / got.sum(1)).mean().item()


def spots(model, below: int) -> list[tuple[int, int]]:
    """(layer, head) of every head below a layer, without pruned heads, which write nothing."""
    every = [(layer, head) for layer in range(below) for head in range(model.cfg.n_heads)]
    return [spot for spot in every if model.W_O[spot].norm() > 1e-3]


@torch.no_grad()
def component_rows(model, batch: Lists, at: tuple[int, int]) -> list[dict[str, Any]]:
    """One row for each component of a head below the mover, which is the (layer, head) ``at``.

    "query": the component's part of the last position's residual stream is left out where the mover makes its query,
    and nowhere else. "query, mean": replaced by its mean over prompts, so that only what it says about *this* prompt is
    lost. "key": left out where the mover makes its keys. "total": left out everywhere, as by an edit of the weights.
    "attention": the query effect in the mover's attention, the component's inhibition score.
    """
    W_Q, W_K, W_V, W_O = (getattr(model, name)[at] for name in ("W_Q", "W_K", "W_V", "W_O"))
    sides = {"q": W_Q @ W_K.T, "k": W_K @ W_Q.T, "v": W_V @ W_O}
    mover = Mover(model, batch.prompts, *at)
    base, clean = difference(mover.logits, batch), gap(mover.clean[:, -1], batch)

    def lost(pattern: Tensor) -> float:
        return 1 - difference(mover.logits_with(pattern), batch) / base

    rows = []
    for spot in spots(model, at[0]):
        _, strengths, writes = components(model.W_V[spot], model.W_O[spot])
        for i, (strength, write) in enumerate(zip(strengths, writes, strict=True)):
            own = mover.output(*spot, write)
            without = mover.pattern(queries_from=mover.resid - own)
            rows.append(
                {
                    "layer": spot[0], "head": spot[1], "component": i, "strength": strength.item(),
                    **{kind: ((write @ side).norm() / side.norm()).item() for kind, side in sides.items()},
                    "query": lost(without),
                    "attention": clean - gap(without[:, -1], batch),
                    "query, mean": lost(mover.pattern(queries_from=mover.resid - own + own.mean(0))),
                    "key": lost(mover.pattern(keys_from=mover.resid - own)),
                    "total": 1 - difference(last(model, batch, edit(model, *spot, write, 0.0)), batch) / base,
                }
            )  # fmt: skip
    return rows


def column(rows: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    """One quantity of all rows."""
    return [row["q"] * row["strength"] if name == "q x strength" else row[name] for row in rows]


def _rho(rows: Sequence[Mapping[str, Any]], one: str, two: str) -> float:
    return float(spearmanr(column(rows, one), column(rows, two)).statistic)


def partial(rows: Sequence[Mapping[str, Any]], score: str, effect: str) -> float:
    """Spearman's partial correlation of a score with an effect among components of equal strength."""
    a, b, c = _rho(rows, score, effect), _rho(rows, score, "strength"), _rho(rows, "strength", effect)
    return (a - b * c) / ((1 - b * b) * (1 - c * c)) ** 0.5


def within_layers(rows: Sequence[Mapping[str, Any]], score: str, effect: str) -> float:
    """Spearman's correlation among the components of one layer, averaged over layers.

    Layers differ in both scores and effects, and a score that tells layers apart would seem to predict the effect.
    """
    layers = {row["layer"]: [r for r in rows if r["layer"] == row["layer"]] for row in rows}
    return sum(_rho(here, score, effect) for here in layers.values()) / len(layers)


def rank_correlations(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Spearman's correlation of every score with every effect, "effect: score"; beside it the same within layers, and
    given the strength."""
    pairs = [(effect, score) for effect in EFFECTS for score in SCORES]
    plain = {f"{effect}: {score}": _rho(rows, score, effect) for effect, score in pairs}
    plain |= {f"{effect}: {score}, within layers": within_layers(rows, score, effect) for effect, score in pairs}
    return plain | {
        f"{effect}: {score} | strength": partial(rows, score, effect) for effect in EFFECTS for score in "qkv"
    }


def concentration(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The share of the positive query effect that sits in the two first components of a head, and in the first head.

    "two of a head" is the mean over heads, weighted by their effect; a share of 2 / d_head is what even spread gives.
    """
    heads: dict[tuple[int, int], list[float]] = {}
    for row in rows:
        heads.setdefault((row["layer"], row["head"]), []).append(max(row["query"], 0.0))
    total = sum(sum(effects) for effects in heads.values())
    return {
        "two of a head": sum(sum(sorted(effects)[-2:]) for effects in heads.values()) / total,
        "even": 2 / len(next(iter(heads.values()))),
        "first head": max(sum(effects) for effects in heads.values()) / total,
        "even over heads": 1 / len(heads),
    }


@torch.no_grad()
def reached(
    model, batch: Lists, at: tuple[int, int], directions: Tensor, reach: float | None = None, side: int = 9
) -> float:
    """Share of a list's things that the mover looks at most at some point of a grid.

    The part of the last position's residual stream in the span of ``directions`` [k, d] is replaced by each point where
    the mover makes its query. The grid covers the natural range of the coordinates over prompts (their 1st to 99th
    percentile); with ``reach`` it goes from -reach to reach instead.
    """
    mover = Mover(model, batch.prompts, *at)
    resid = mover.resid[:, -1]
    keys = mover.keys.gather(1, batch.places[..., None].expand(-1, -1, mover.keys.shape[-1]))
    basis = torch.linalg.qr(directions.T)[0].T
    now = resid @ basis.T
    low, high = now.quantile(0.01, 0), now.quantile(0.99, 0)
    if reach is not None:
        low, high = torch.full_like(low, -reach), torch.full_like(high, reach)
    lines = [torch.linspace(a, b, side) for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    found = torch.zeros(batch.items.shape, dtype=torch.bool)
    before, clean = normalised(resid), mover.clean[:, -1].gather(1, batch.places).log()
    for point in torch.cartesian_prod(*lines).view(-1, len(basis)):
        moved = (normalised(resid + (point - now) @ basis) - before) @ model.W_Q[at]
        scores = clean + (keys @ moved[..., None])[..., 0] / keys.shape[-1] ** 0.5
        found.scatter_(1, scores.argmax(1, keepdim=True), True)
    return found.float().mean().item()


@torch.no_grad()
def channel(
    model, rows: Sequence[Mapping[str, Any]], batch: Lists, at: tuple[int, int], reach: float = 8.0
) -> dict[str, Any]:
    """``reached`` for the three components of the highest and of the lowest query score, of the highest product of
    score and strength, and for random directions.

    Directions of the components below are the writes; the random ones are drawn ``DRAWS`` times, and their mean, lowest
    and highest share are told. "natural" stays within the coordinates' natural range, "wide" goes to ``reach``.
    """
    order = sorted(rows, key=lambda row: -row["q"])
    heard = sorted(rows, key=lambda row: -row["q"] * row["strength"])

    def writes(chosen: Sequence[Mapping[str, Any]]) -> Tensor:
        found = [components(model.W_V[r["layer"], r["head"]], model.W_O[r["layer"], r["head"]])[2] for r in chosen]
        return torch.stack([w[r["component"]] for w, r in zip(found, chosen, strict=True)])

    generator = torch.Generator().manual_seed(MEASURE_SEED)
    report: dict[str, Any] = {"length": batch.items.shape[1]}
    random = [torch.randn(3, model.cfg.d_model, generator=generator) for _ in range(DRAWS)]
    random = [directions - directions.mean(1, keepdim=True) for directions in random]
    for name, span in (("natural", None), ("wide", reach)):
        shares = [reached(model, batch, at, directions, span) for directions in random]
        report[name] = {
            "highest scores": reached(model, batch, at, writes(order[:3]), span),
            "highest score x strength": reached(model, batch, at, writes(heard[:3]), span),
            "lowest scores": reached(model, batch, at, writes(order[-3:]), span),
            "random": {"mean": sum(shares) / DRAWS, "low": min(shares), "high": max(shares)},
        }
    return report


def sharpen(at: tuple[int, int], gain: float) -> list:
    """A hook that multiplies a head's queries: the same as ``gain`` times its W_Q (and its bias)."""

    def multiply(q: Tensor, hook: Any) -> Tensor:
        q = q.clone()
        q[:, :, at[1]] *= gain
        return q

    return [(f"blocks.{at[0]}.attn.hook_q", multiply)]


def candidates(model, at: tuple[int, int]) -> list[tuple[dict[str, Any], list]]:
    """Every edit that is tried: a gain on one component below the mover ``at``, or on the mover's whole query."""
    found = []
    for layer, head in spots(model, at[0]):
        for i, write in enumerate(components(model.W_V[layer, head], model.W_O[layer, head])[2]):
            for gain in GAINS:
                what = {"layer": layer, "head": head, "component": i, "gain": gain}
                found.append((what, edit(model, layer, head, write, gain)))
    for gain in QUERY_GAINS:
        found.append(({"layer": at[0], "head": at[1], "component": "query", "gain": gain}, sharpen(at, gain)))
    return found


def edits(
    model, development: Lists, held_out: Lists, others: Mapping[str, Any], at: tuple[int, int], rounds: int
) -> dict[str, Any]:
    """Up to ``rounds`` edits, added one by one: each time the one with most right answers on development lists.

    All are tried on the first ``SCREENED`` development lists, the ``SHORTLIST`` best of them on all, so that luck does
    not choose. Every round is reported on held-out lists and on ``others``, prompts that the edits should not harm.
    """
    every = candidates(model, at)
    few = development.head(SCREENED)
    batches = {"development": development, "held_out": held_out, **others}

    def report(hooks: list) -> dict[str, float]:
        return {name: hits(last(model, batch, hooks), batch) for name, batch in batches.items()}

    hooks: list = []
    steps = []
    for _ in range(rounds):
        screened = [hits(last(model, few, hooks + more), few) for _, more in every]
        best = sorted(range(len(every)), key=screened.__getitem__)[-SHORTLIST:]
        what, more = every[max(best, key=lambda i: hits(last(model, development, hooks + every[i][1]), development))]
        hooks = hooks + more
        steps.append({**what, **report(hooks)})
    return {
        "length": held_out.items.shape[1],
        "tried": rounds * len(every),
        "before": report([]),
        "steps": steps,
    }


def fit(
    model, writes: Mapping[tuple[int, int], Tensor], chosen: Mapping[tuple[int, int], Tensor], development: Lists
) -> dict[tuple[int, int], Tensor]:
    """Gains of the directions ``writes`` that lower the cross-entropy on development lists; all else stays as it is.

    Adam from a gain of 1, ``FIT_STEPS`` steps of ``FIT_BATCH`` lists; where ``chosen`` [k] is False the gain stays 1.
    """
    generator = torch.Generator().manual_seed(MEASURE_SEED)
    shift = {spot: torch.zeros(len(rows), requires_grad=True) for spot, rows in writes.items()}
    optimizer = torch.optim.Adam(shift.values(), lr=FIT_RATE)
    for _ in range(FIT_STEPS):
        rows = torch.randperm(len(development.prompts), generator=generator)[:FIT_BATCH]
        with torch.enable_grad():
            hooks = edits_of(model, writes, {spot: 1 + chosen[spot] * shift[spot] for spot in writes})
            logits = model.run_with_hooks(development.prompts[rows], fwd_hooks=hooks)[:, -1]
            loss = torch.nn.functional.cross_entropy(logits, development.targets[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {spot: (1 + chosen[spot] * shift[spot]).detach() for spot in writes}


def fitted(
    model, rows: Sequence[Mapping[str, Any]], development: Lists, held_out: Lists, others: Mapping[str, Any]
) -> dict[str, Any]:
    """Accuracy with ``fit``ted gains: of all components, of a quarter of them, and of as many random directions.

    "one gain" is the best of ``ONE_GAINS`` for all of them alike, by development lists.
    "random directions" are ``FIT_DRAWS`` turns of each head's own output space, fitted in the same way: what a gain on
    any direction would do. A quarter of the components is taken by the highest, or the lowest, query score.
    """
    spots_of = {(row["layer"], row["head"]): None for row in rows}
    writes = {spot: components(model.W_V[spot], model.W_O[spot])[2].detach() for spot in spots_of}
    everything = {spot: torch.ones(len(found), dtype=torch.bool) for spot, found in writes.items()}
    batches = {"development": development, "held_out": held_out, **others}

    def quarter(highest: bool) -> dict[tuple[int, int], Tensor]:
        order = sorted(rows, key=lambda row: -row["q"] if highest else row["q"])[: len(rows) // 4]
        mask = {spot: torch.zeros_like(found) for spot, found in everything.items()}
        for row in order:
            mask[row["layer"], row["head"]][row["component"]] = True
        return mask

    def report(hooks: list) -> dict[str, float]:
        return {name: hits(last(model, batch, hooks), batch) for name, batch in batches.items()}

    def alike(gain: float) -> list:
        return edits_of(model, writes, {spot: torch.full((len(own),), gain) for spot, own in writes.items()})

    gains = fit(model, writes, everything, development)
    one = max(ONE_GAINS, key=lambda gain: hits(last(model, development, alike(gain)), development))
    found: dict[str, Any] = {
        "length": held_out.items.shape[1],
        "before": report([]),
        "all components": report(edits_of(model, writes, gains)),
        "one gain": {"gain": one, **report(alike(one))},
        "gains": [gains[row["layer"], row["head"]][row["component"]].item() for row in rows],
    }
    for name, highest in (("highest scores", True), ("lowest scores", False)):
        found[name] = report(edits_of(model, writes, fit(model, writes, quarter(highest), development)))
    generator = torch.Generator().manual_seed(MEASURE_SEED)
    found["random directions"] = []
    for _ in range(FIT_DRAWS):
        turned = {
            spot: torch.linalg.qr(torch.randn(len(own), len(own), generator=generator))[0] @ own
            for spot, own in writes.items()
        }
        found["random directions"].append(report(edits_of(model, turned, fit(model, turned, everything, development))))
    return found
