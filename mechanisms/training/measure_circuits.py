"""Measures which heads of a lab model serve which task: every lab number of chapter 03 comes from here.

- ``path_patch``: one head's corrupt output, followed to the logits or into chosen receivers, all other heads held;
- ``direct_effects`` and ``receiver_effects``: the share of a task's logit difference that each head carries;
- ``overlap``: the heads that two tasks share, against chance (hypergeometric);
- ``inhibition_scores``, ``override`` and ``repair``: the attention of inhibition heads moved to the wrong colours;
- ``measure``: all of it for one model, as plain data.

Merullo et al. 2024, sections 3 to 5. All prompts are drawn from a seed that training does not use.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, isnan, nan
from typing import Any

import torch
from scipy.stats import spearmanr

from mechanisms.data.circuit_tasks import TASKS, Pairs, colored_objects, indirect_objects
from mechanisms.data.documents import Corpus

MEASURE_SEED = 20_240_507
CORPUS = {"trust": 0.6, "zipf": 1.5, "conflict_zipf": 0.5}
MIN_GAP = 0.5  # logits: a task that the edit moves less than this has no circuit to share out
TOP, FLOOR = 3, 0.01  # heads in a circuit, per stage, and the smallest score of one
# The rule of the repair, chosen on the shipped model (seed 0) and on no other.
REPAIR_HEADS, REPAIR_SHARE = 2, 0.5
Head = tuple[int, int]
Tensor = torch.Tensor


def logit_difference(logits: Tensor, right: Tensor, wrong: Tensor) -> Tensor:
    """logit(right) - logit(wrong) at the last position, [batch]; logits [batch, pos, vocab]."""
    last, rows = logits[:, -1], torch.arange(len(right))
    return last[rows, right] - last[rows, wrong]


def _z(layer: int) -> str:
    return f"blocks.{layer}.attn.hook_z"


def _caches(model, pairs: Pairs) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    wanted = {_z(layer) for layer in range(model.cfg.n_layers)}
    return tuple(
        model.run_with_cache(tokens, names_filter=lambda name: name in wanted)[1]
        for tokens in (pairs.clean, pairs.corrupt)
    )


def _frozen(model, clean: dict, corrupt: dict, sender: Head, position: Tensor) -> list:
    """Hooks that hold every head at ``position`` [batch] at its clean output, and the sender at its corrupt one."""
    rows = torch.arange(len(position))

    def hold(layer: int):
        def hook(value: Tensor, hook: Any) -> Tensor:  # TransformerLens passes hook by name
            value = value.clone()
            value[rows, position] = clean[_z(layer)][rows, position]
            if layer == sender[0]:
                value[rows, position, sender[1]] = corrupt[_z(layer)][rows, position, sender[1]]
            return value

        return hook

    return [(_z(layer), hold(layer)) for layer in range(model.cfg.n_layers)]


def path_patch(
    model,
    pairs: Pairs,
    sender: Head,
    receivers: Sequence[Head] = (),
    kind: str = "q",
    position: Tensor | None = None,
    caches: tuple[dict, dict] | None = None,
) -> Tensor:
    """Patched logit difference [batch]: the sender's corrupt output at ``position`` (default: the last), followed to
    the logits, or with ``receivers`` into their vectors of ``kind`` ("q", "k", "v") at that position only."""
    rows = torch.arange(len(pairs))
    position = torch.full((len(pairs),), pairs.clean.shape[1] - 1) if position is None else position
    clean, corrupt = _caches(model, pairs) if caches is None else caches
    frozen = _frozen(model, clean, corrupt, sender, position)
    if not receivers:
        return logit_difference(model.run_with_hooks(pairs.clean, fwd_hooks=frozen), pairs.right, pairs.wrong)
    names = {f"blocks.{layer}.attn.hook_{kind}" for layer, _ in receivers}
    kept: dict[str, Tensor] = {}

    def keep(value: Tensor, hook: Any) -> None:
        kept[hook.name] = value

    model.run_with_hooks(pairs.clean, fwd_hooks=frozen + [(name, keep) for name in names])

    def put(value: Tensor, hook: Any) -> Tensor:
        value = value.clone()
        for layer, head in receivers:
            if hook.name == f"blocks.{layer}.attn.hook_{kind}":
                value[rows, position, head] = kept[hook.name][rows, position, head]
        return value

    logits = model.run_with_hooks(pairs.clean, fwd_hooks=[(name, put) for name in names])
    return logit_difference(logits, pairs.right, pairs.wrong)


def share_lost(clean: Tensor, corrupt: Tensor, patched: Tensor) -> float:
    """Ratio of means (patched - clean) / (corrupt - clean) of logit differences; NaN below ``MIN_GAP``."""
    gap = (corrupt - clean).mean().item()
    return (patched - clean).mean().item() / gap if abs(gap) >= MIN_GAP else nan


@torch.no_grad()
def effects(
    model, pairs: Pairs, receivers: Sequence[Head] = (), kind: str = "q", position: Tensor | None = None
) -> Tensor:
    """Shares [layer, head] that each head carries to the logits or, with ``receivers``, into their vectors. Heads that
    are not earlier than every receiver get 0."""
    ends = [logit_difference(model(tokens), pairs.right, pairs.wrong) for tokens in (pairs.clean, pairs.corrupt)]
    caches = _caches(model, pairs)
    first = min((layer for layer, _ in receivers), default=model.cfg.n_layers)
    found = torch.zeros(model.cfg.n_layers, model.cfg.n_heads)
    for layer, head in live_heads(model):
        if layer < first:
            patched = path_patch(model, pairs, (layer, head), receivers, kind, position, caches)
            found[layer, head] = share_lost(*ends, patched)
    return found


def live_heads(model) -> list[Head]:
    """Heads whose output matrix is not zero: pruned heads are no part of any circuit, and not counted in chance."""
    return [
        (layer, head)
        for layer in range(model.cfg.n_layers)
        for head in range(model.cfg.n_heads)
        if model.W_O[layer, head].abs().max() > 1e-6
    ]


def top(scores: Tensor, k: int) -> list[Head]:
    """The ``k`` heads with the largest absolute scores [layer, head]; ties go to the earlier head."""
    size = scores.shape[1]
    order = sorted(range(scores.numel()), key=lambda i: -abs(scores.flatten()[i].item()))
    return [divmod(i, size) for i in order[:k]]


def overlap(first: Sequence[Head], second: Sequence[Head], n_heads: int) -> dict[str, Any]:
    """Shared heads of two circuits as shares of their union and of the first one, with the number expected of random
    sets of these sizes among ``n_heads`` and the chance of as many or more (hypergeometric)."""
    one, two = set(first), set(second)
    shared = len(one & two)
    total = comb(n_heads, len(two))
    tail = sum(
        comb(len(one), s) * comb(n_heads - len(one), len(two) - s) for s in range(shared, min(len(one), len(two)) + 1)
    )
    return {
        "shared": sorted(one & two),
        "of_union": shared / len(one | two) if one or two else 0.0,
        "of_first": shared / len(one) if one else 0.0,
        "expected": len(one) * len(two) / n_heads,
        "chance": tail / total,
    }


def correlation(first: Tensor, second: Tensor, heads: Sequence[Head]) -> float:
    """Spearman's rank correlation of two sets of scores [layer, head] over ``heads``; NaN where one is constant."""
    one, two = ([scores[layer, head].item() for layer, head in heads] for scores in (first, second))
    if len(set(one)) < 2 or len(set(two)) < 2:
        return nan
    return float(spearmanr(one, two).statistic)


def override(model, tokens: Tensor, heads: Sequence[Head], positions: Tensor, share: float = 1.0) -> Tensor:
    """Logits at the last position when the last row of the heads' attention becomes (1 - share) times its own plus
    ``share`` times an equal split over ``positions`` [batch, k]."""
    new = torch.zeros(tokens.shape).scatter_(1, positions, 1 / positions.shape[1])

    def force(layer: int):
        chosen = [head for at, head in heads if at == layer]

        def hook(pattern: Tensor, hook: Any) -> Tensor:
            pattern = pattern.clone()
            pattern[:, chosen, -1] = (1 - share) * pattern[:, chosen, -1] + share * new[:, None]
            return pattern

        return hook

    hooks = [(f"blocks.{layer}.attn.hook_pattern", force(layer)) for layer in {layer for layer, _ in heads}]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


@torch.no_grad()
def inhibition_scores(model, corpus: Corpus, n: int = 300, pools: Sequence[str] = ("names", "colors")) -> Tensor:
    """[layer, head]: the logit difference on indirect objects with the head's last row forced onto the giver, minus
    the same forced onto the other person. Large: what the head looks at is said *less*. Mean over the ``pools`` that
    persons come from, names and colours: the model was trained on both. No coloured objects are used."""
    found = torch.zeros(model.cfg.n_layers, model.cfg.n_heads)
    for pool in pools:
        pairs = indirect_objects(corpus, n, pool)
        for layer, head in live_heads(model):
            moved = [
                logit_difference(
                    override(model, pairs.clean, [(layer, head)], pairs.options[:, [who]])[:, None],
                    pairs.right,
                    pairs.wrong,
                )
                for who in (0, 1)
            ]
            found[layer, head] += (moved[0] - moved[1]).mean().item() / len(pools)
    return found


def _accuracy(logits: Tensor, right: Tensor) -> float:
    return (logits.argmax(-1) == right).float().mean().item()


def mover_of(model, direct: Tensor) -> Head:
    """The head above the first layer with the largest direct effect."""
    later = direct.clone()
    later[0] = 0
    return top(later, 1)[0]


@torch.no_grad()
def repair(model, pairs: Pairs, heads: Sequence[Head], mover: Head, share: float = REPAIR_SHARE) -> dict[str, Any]:
    """Accuracy on coloured objects with the heads' attention moved to the wrong colours, the two controls, errors
    made and mended, and what happens to a mover's attention (shares of 1)."""
    name = f"blocks.{mover[0]}.attn.hook_pattern"
    rows = torch.arange(len(pairs))[:, None]
    kept: list[Tensor] = []
    looks = [(name, lambda pattern, hook: kept.append(pattern[:, mover[1], -1]))]
    asked = pairs.clean[rows, pairs.edited[:, None]]  # the object of the question
    wrong_fillers = pairs.fillers[pairs.clean[rows, pairs.fillers] != asked].view(len(pairs), -1)
    with model.hooks(fwd_hooks=looks):
        before = model(pairs.clean)[:, -1]
        after = override(model, pairs.clean, heads, pairs.wrong_options, share)
    right_before, right_after = before.argmax(-1) == pairs.right, after.argmax(-1) == pairs.right
    right_place = pairs.options[pairs.clean[rows, pairs.options] == pairs.right[:, None]][:, None]
    shift = kept[1] - kept[0]
    listed = pairs.clean[rows, pairs.options]
    return {
        "base": _accuracy(before, pairs.right),
        "repaired": _accuracy(after, pairs.right),
        "objects": _accuracy(override(model, pairs.clean, heads, wrong_fillers, share), pairs.right),
        "bos": _accuracy(override(model, pairs.clean, heads, torch.zeros_like(right_place), share), pairs.right),
        "new_errors": (right_before & ~right_after).float().mean().item(),
        "mended": (~right_before & right_after).float().mean().item(),
        "says_a_listed_color": (before.argmax(-1)[:, None] == listed).any(1).float().mean().item(),
        "mover_to_wrong": shift.gather(1, pairs.wrong_options).sum(1).mean().item(),
        "mover_to_right": shift.gather(1, right_place).sum(1).mean().item(),
    }


def circuit(model, pairs: Pairs, k: int = TOP) -> dict[str, Any]:
    """A task's direct effects, the effects into its mover's queries, and the union of the top ``k`` of both stages,
    without those below ``FLOOR``."""
    direct = effects(model, pairs)
    mover = mover_of(model, direct)
    queries = effects(model, pairs, [mover], "q")
    heads = {head for scores in (direct, queries) for head in top(scores, k) if abs(scores[head]) >= FLOOR}
    return {"direct": direct, "mover": mover, "queries": queries, "heads": sorted(heads)}


def override_effects(model, pairs: Pairs, share: float = REPAIR_SHARE) -> Tensor:
    """[layer, head]: what overriding one head does to the mean logit difference on coloured objects, in logits."""
    clean = logit_difference(model(pairs.clean), pairs.right, pairs.wrong)
    moved = torch.zeros(model.cfg.n_layers, model.cfg.n_heads)
    for layer, head in live_heads(model):
        logits = override(model, pairs.clean, [(layer, head)], pairs.wrong_options, share)
        moved[layer, head] = (logit_difference(logits[:, None], pairs.right, pairs.wrong) - clean).mean()
    return moved


@torch.no_grad()
def measure(model, n: int = 300) -> dict[str, Any]:
    """Everything that the sweep keeps of one model."""
    corpus = Corpus(MEASURE_SEED, **CORPUS)
    heads = live_heads(model)
    found: dict[str, Any] = {"live_heads": [list(head) for head in heads], "tasks": {}, "overlap": {}}
    parts = {}
    for name, draw in TASKS.items():
        pairs = draw(corpus, n)
        logits = model(pairs.clean)
        parts[name] = circuit(model, pairs)
        found["tasks"][name] = {
            "accuracy": _accuracy(logits[:, -1], pairs.right),
            "logit_difference": logit_difference(logits, pairs.right, pairs.wrong).mean().item(),
            "direct": parts[name]["direct"].tolist(),
            "queries": parts[name]["queries"].tolist(),
            "mover": list(parts[name]["mover"]),
            "heads": [list(head) for head in parts[name]["heads"]],
        }
    base = "indirect objects"
    for name in TASKS:
        if name != base:
            found["overlap"][name] = {
                **overlap(parts[base]["heads"], parts[name]["heads"], len(heads)),
                "direct_rho": correlation(parts[base]["direct"].abs(), parts[name]["direct"].abs(), heads),
                "same_mover": parts[base]["mover"] == parts[name]["mover"],
            }
            found["overlap"][name]["shared"] = [list(head) for head in found["overlap"][name]["shared"]]
    scores = inhibition_scores(model, corpus, n)
    chosen = [head for head in sorted(heads, key=lambda head: -scores[head].item())][:REPAIR_HEADS]
    least = sorted(heads, key=lambda head: scores[head].item())[:REPAIR_HEADS]
    found["inhibition"] = scores.tolist()
    found["repair_heads"] = [list(head) for head in chosen]
    found["repair"] = {}
    for name, style, held_out in (
        ("held-out objects, inventory", "inventory", True),
        ("held-out objects, table", "table", True),
        ("table", "table", False),
    ):
        pairs = colored_objects(corpus, 2 * n, 3, style, held_out)
        mover = parts["coloured objects"]["mover"]
        found["repair"][name] = repair(model, pairs, chosen, mover)
        found["repair"][name]["least_inhibiting"] = repair(model, pairs, least, mover)["repaired"]
        found["repair"][name]["override_effects"] = override_effects(model, pairs).tolist()
    return _without_nan(found)


def _without_nan(value: Any) -> Any:
    """The same tree with None in place of NaN, which JSON has no word for."""
    if isinstance(value, float) and isnan(value):
        return None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return [_without_nan(item) for item in value] if isinstance(value, list) else value
