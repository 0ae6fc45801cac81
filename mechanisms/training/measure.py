"""Measures a trained lab-lm: every number of its model card comes from here.

- recall without context, by how often the country was met in training;
- conflict prompts: in-context, memorised or other answer, and the trend over frequency;
- one head's value vectors scaled: chosen on development countries, reported on held-out ones;
- indirect objects, coloured objects, laundry lists and one-shot relations;
- ``aims``: what the course wants of the model, and whether it was met, missed aims included.

All prompts are drawn from a seed that training does not use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from scipy.stats import spearmanr

from mechanisms.data.conflict import ConflictSet, conflict_set, questions
from mechanisms.data.documents import Batch, Corpus
from mechanisms.errors import CourseError

MEASURE_SEED = 20_231_015
ALPHAS = (-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
CLASSES = ("in_context", "memorised", "other")


@torch.no_grad()
def last_logits(model, tokens: torch.Tensor, hooks: list | None = None) -> torch.Tensor:
    """Logits at the last position, [batch, vocab]; ``hooks`` as in ``run_with_hooks``."""
    if hooks:
        return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]
    return model(tokens)[:, -1]


def value_scaling_hook(layer: int, head: int, alpha: float) -> tuple[str, Callable]:
    """A hook that multiplies one head's value vectors [batch, position, head, d_head] by ``alpha``."""

    def scale(value: torch.Tensor, hook: Any) -> torch.Tensor:  # TransformerLens passes hook by name
        value = value.clone()
        value[:, :, head] *= alpha
        return value

    return f"blocks.{layer}.attn.hook_v", scale


def accuracy(model, batch: Batch) -> float:
    """Share of documents whose last token is the model's first choice."""
    return (last_logits(model, batch.prompts).argmax(-1) == batch.targets).float().mean().item()


def outcomes(model, items: ConflictSet, hooks: list | None = None) -> torch.Tensor:
    """For each prompt 0 (in-context), 1 (memorised) or 2 (other), [n]: argmax over the whole vocabulary."""
    top = last_logits(model, items.prompts, hooks).argmax(-1)
    return torch.where(top == items.in_context, 0, torch.where(top == items.memorised, 1, 2))


def rates(classes: torch.Tensor) -> dict[str, float]:
    """Shares of the three classes; they add to 1."""
    return {name: (classes == i).float().mean().item() for i, name in enumerate(CLASSES)}


def bootstrap_spearman(x: torch.Tensor, y: torch.Tensor, seed: int, draws: int = 2000) -> dict[str, float]:
    """Spearman's rank correlation with a 95% percentile bootstrap interval over items."""
    generator = torch.Generator().manual_seed(seed)
    picks = torch.randint(len(x), (draws, len(x)), generator=generator)
    samples = torch.tensor([spearmanr(x[p], y[p]).statistic for p in picks])
    low, high = samples.nanquantile(torch.tensor([0.025, 0.975], dtype=samples.dtype)).tolist()
    return {"rho": float(spearmanr(x, y).statistic), "low": low, "high": high, "n": len(x)}


def head_attribution(model, items: ConflictSet) -> torch.Tensor:
    """Direct logit attribution, mean over prompts: each head's output along U[in-context] - U[memorised]
    with the final LayerNorm's scale held at its actual value. [layer, head]. Yu et al. 2023, section 5."""
    n_layers = model.cfg.n_layers
    wanted = {f"blocks.{i}.attn.hook_z" for i in range(n_layers)} | {"ln_final.hook_scale"}
    with torch.no_grad():
        _, cache = model.run_with_cache(items.prompts, names_filter=lambda name: name in wanted)
        direction = (model.W_U[:, items.in_context] - model.W_U[:, items.memorised]).T
        direction = direction / cache["ln_final.hook_scale"][:, -1]
        rows = []
        for i in range(n_layers):
            z = cache[f"blocks.{i}.attn.hook_z"][:, -1]
            rows.append(torch.einsum("bhk,hkd,bd->h", z, model.blocks[i].attn.W_O, direction) / len(items))
    return torch.stack(rows)


def head_sweep(model, dev: ConflictSet, held_out: ConflictSet, corpus: Corpus, known: torch.Tensor) -> dict[str, Any]:
    """Scales every head's values by every alpha on the development countries, picks two settings there
    (most in-context answers, most memorised answers, at a loss of recall under 5 points), and
    reports both on the held-out countries."""
    prompts, answers = questions(corpus)
    prompts, answers = prompts[known], answers[known]
    best = {"in_context": (-1.0, None), "memorised": (-1.0, None)}
    for layer in range(model.cfg.n_layers):
        for head in range(model.cfg.n_heads):
            for alpha in ALPHAS:
                hooks = [value_scaling_hook(layer, head, alpha)]
                found = rates(outcomes(model, dev, hooks))
                promising = [goal for goal in best if found[goal] > best[goal][0]]
                if not promising:
                    continue
                recall = (last_logits(model, prompts, hooks).argmax(-1) == answers).float().mean().item()
                if recall > 0.95:  # recall at alpha = 1 is 1 by the choice of ``known``
                    for goal in promising:
                        best[goal] = (found[goal], (layer, head, alpha, recall))
    report = {}
    for goal, (dev_rate, setting) in best.items():
        layer, head, alpha, recall = setting
        hooks = [value_scaling_hook(layer, head, alpha)]
        report[goal] = {
            "layer": layer, "head": head, "alpha": alpha, "dev_rate": dev_rate,
            "held_out": rates(outcomes(model, held_out, hooks)), "recall_without_context": recall,
        }  # fmt: skip
    return report


def measure(model, corpus_settings: dict[str, Any], quick: bool = False) -> dict[str, Any]:
    """All quantities of the model card. ``quick`` leaves out the sweep over heads.

    Raises CourseError if the model recalls hardly any capital: then there is no memory for a context to beat.
    """
    corpus = Corpus(MEASURE_SEED, **corpus_settings)
    total = len(corpus.country)
    log_frequency = corpus.weight.log()

    prompts, answers = questions(corpus)
    recalled = last_logits(model, prompts).argmax(-1) == answers
    if recalled.sum() < 20:
        raise CourseError(
            f"The model recalls {int(recalled.sum())} of {total} capitals, too few to measure anything else: "
            "train it with more --steps."
        )
    thirds = [recalled[i * total // 3 : (i + 1) * total // 3].float().mean().item() for i in range(3)]

    items = conflict_set(corpus, 6, MEASURE_SEED)
    classes = outcomes(model, items)
    known_items = recalled[items.country]
    # the same share from the other side: by the city stated, over the recalled countries asked about
    city = torch.full((model.cfg.d_vocab,), -1).index_put((corpus.value["capital"],), torch.arange(total))[
        items.in_context
    ]
    city_share = torch.stack([(classes[(city == c) & known_items] == 0).float().mean() for c in range(total)])
    share = torch.stack([(classes[items.country == c] == 0).float().mean() for c in range(total)])

    report: dict[str, Any] = {
        "recall": {"frequent_third": thirds[0], "middle_third": thirds[1], "rare_third": thirds[2]},
        "conflict_recalled_countries": rates(classes[known_items]) | {"countries": int(recalled.sum())},
        "conflict_all_countries": rates(classes) | {"countries": total},
        "in_context_share_by_sixth": [s.mean().item() for s in share.tensor_split(6)],
        "in_context_share_by_sixth_recalled": [
            s[k].mean().item() for s, k in zip(share.tensor_split(6), recalled.tensor_split(6), strict=True)
        ],
        "frequency_trend": bootstrap_spearman(log_frequency, share, MEASURE_SEED, 200 if quick else 2000),
        "frequency_trend_recalled": bootstrap_spearman(
            log_frequency[recalled], share[recalled], MEASURE_SEED, 200 if quick else 2000
        ),
        "city_frequency_trend": bootstrap_spearman(log_frequency, city_share, MEASURE_SEED, 200 if quick else 2000),
        "recall_after_distractor": accuracy(model, corpus.context(1000, "distractor", template=0)),
        "indirect_objects": accuracy(model, corpus.ioi(600)),
        "colored_objects": {str(n): accuracy(model, corpus.colored_objects(600, n)) for n in (2, 3, 4, 6)},
        "colored_objects_held_out": {
            str(n): accuracy(model, corpus.colored_objects(600, n, held_out=True)) for n in (2, 3, 4, 6)
        },
        "colored_objects_table": {
            str(n): accuracy(model, corpus.colored_objects(600, n, style="table")) for n in (2, 3, 4, 6)
        },
        "colored_objects_question": {
            str(n): accuracy(model, corpus.colored_objects(600, n, style="question")) for n in (2, 3, 4, 6)
        },
        "laundry_lists": {str(n): accuracy(model, corpus.laundry(600, n)) for n in range(2, 9)},
        "one_shot_relations": {
            r: accuracy(model, corpus.relation(600, r, 2)) for r in ("past", "upper", "copy", "capital")
        },
        "one_shot_relations_held_out": {
            r: accuracy(model, corpus.relation(600, r, 2, held_out=True)) for r in ("past", "upper")
        },
    }
    if not quick:
        known = items.where(known_items)
        development = known.country % 2 == 0
        attribution = head_attribution(model, known.where(development))
        report["head_attribution"] = attribution.tolist()
        report["one_head"] = head_sweep(model, known.where(development), known.where(~development), corpus, recalled)
    return report


def aims(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Every aim of lab-lm with the number measured and whether it is met. ``report`` is ``measure``'s, not quick."""
    recall, conflict = report["recall"], report["conflict_recalled_countries"]
    trend, heads = report["frequency_trend"], report["one_head"]
    lists = list(report["laundry_lists"].values())
    inventory, table = report["colored_objects"]["3"], report["colored_objects_table"]["3"]
    rows = [
        ("recall of the frequent third", "at least 95%", recall["frequent_third"], recall["frequent_third"] >= 0.95),
        (
            "recall falls with rarity",
            "rare third below frequent third",
            recall["rare_third"],
            recall["rare_third"] < recall["frequent_third"],
        ),
        ("conflict: in-context answers", "25% to 75%", conflict["in_context"], 0.25 <= conflict["in_context"] <= 0.75),
        ("conflict: memorised answers", "25% to 75%", conflict["memorised"], 0.25 <= conflict["memorised"] <= 0.75),
        ("conflict: other answers", "below 10%", conflict["other"], conflict["other"] < 0.10),
        (
            "in-context share against log frequency",
            "interval of Spearman's rho below 0",
            trend["rho"],
            trend["high"] < 0,
        ),
    ]
    for goal, words in (("in_context", "in-context"), ("memorised", "memorised")):
        found = heads[goal]
        rows.append(
            (
                f"one head scaled, held out: {words}",
                "at least 88%",
                found["held_out"][goal],
                found["held_out"][goal] >= 0.88,
            )
        )
        kept = found["recall_without_context"]
        rows.append((f"recall without context at that setting ({words})", "above 95%", kept, kept > 0.95))
    rows += [
        ("indirect objects", "at least 95%", report["indirect_objects"], report["indirect_objects"] >= 0.95),
        ("three coloured objects, inventory style", "at least 95% (solved)", inventory, inventory >= 0.95),
        ("three coloured objects, table style", "40% to 90% (to be repaired)", table, 0.40 <= table <= 0.90),
        ("laundry list of 8", "at least 20 points below a list of 2", lists[-1], lists[0] - lists[-1] >= 0.20),
    ]
    return [{"quantity": q, "aim": a, "measured": m, "met": bool(met)} for q, a, m, met in rows]
