"""Measures lab-list: everything that its card, the sweep over seeds and a test of the card report.

- ``measure``: accuracy by length and place, and the quantities of ``mechanisms.training.composition_scores``;
- ``aims``: the chapter's aims with what was measured and whether they are met.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from mechanisms.data.missing_item import Task, lists
from mechanisms.training.composition_scores import (
    EFFECTS,
    channel,
    column,
    component_rows,
    concentration,
    edits,
    fitted,
    last,
    rank_correlations,
)

MEASURE_SEED = 20_000


def measure(model, task: Task, n: int = 1000) -> dict[str, Any]:
    """All quantities of the model card; accuracies on ``n`` lists of each length, effects on 0.4 n."""
    generator, at = torch.Generator().manual_seed(MEASURE_SEED), (model.cfg.n_layers - 1, 0)
    report: dict[str, Any] = {"by_length": {}, "by_place": {}}
    for length in range(2, task.slots + 1):
        batch = lists(task, n, length, generator)
        right = last(model, batch, []).argmax(-1) == batch.targets
        report["by_length"][str(length)] = right.float().mean().item()
        if length in (task.longest, task.slots):
            shares = [right[batch.missing == place].float().mean().item() for place in range(length)]
            report["by_place"][str(length)] = shares
    rows = component_rows(model, lists(task, 2 * n // 5, 6, generator), at)
    report["rank_correlations"] = rank_correlations(rows)
    report["concentration"] = concentration(rows)
    report["all_through"] = {effect: sum(column(rows, effect)) for effect in EFFECTS}
    report["channel"] = channel(model, rows, lists(task, n // 5, 6, generator), at)
    development, held_out = (lists(task, count, task.slots, generator) for count in (3 * n // 2, 2 * n))
    short = {"lists of 4": lists(task, n, 4, generator)}
    report["edit"] = edits(model, development, held_out, short, at, rounds=3)
    report["gains"] = fitted(model, rows, development, held_out, short)
    report["components"] = rows
    return report


def aims(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every aim of lab-list with the number measured and whether it is met."""
    by_length, rho, turned = report["by_length"], report["rank_correlations"], report["channel"]["natural"]
    lengths = sorted(by_length, key=int)
    fall = by_length[lengths[0]] - by_length[lengths[-1]]
    gain = report["edit"]["steps"][-1]["held_out"] - report["edit"]["before"]["held_out"]
    fit = report["gains"]["all components"]["held_out"] - report["gains"]["before"]["held_out"]
    margin = turned["highest scores"] - turned["random"]["high"]

    def at_least(quantity: str, name: str) -> tuple[str, str, float, bool]:
        return quantity, "at least 0.3", rho[name], rho[name] >= 0.3

    def wrong_kind(quantity: str, where: str) -> tuple[str, str, float, bool]:
        larger = max(rho[f"key: q{where}"], rho[f"query: k{where}"])
        return quantity, "below 0.3", larger, larger < 0.3

    rows = [
        ("accuracy, lists of 4", "above 95%", by_length["4"], by_length["4"] > 0.95),
        ("accuracy falls from the shortest to the longest list", "by at least 10 points", fall, fall >= 0.10),
        at_least("query score with query effect, rank correlation", "query: q"),
        at_least("… within layers", "query: q, within layers"),
        at_least("… among components of equal singular value", "query: q | strength"),
        at_least("key score with key effect, rank correlation", "key: k"),
        at_least("… within layers", "key: k, within layers"),
        wrong_kind("scores of the wrong kind (query with key effect, key with query effect), the larger one", ""),
        wrong_kind("… within layers", ", within layers"),
        (
            "query score before singular value",
            "score is the better predictor",
            rho["query: q"] - rho["query: strength"],
            rho["query: q"] > rho["query: strength"],
        ),
        (
            "things that three directions reach, beyond every random draw",
            "more, within the natural range",
            margin,
            margin > 0,
        ),
        (
            "accuracy gained by three edits, longest lists",
            "at least 10 points",
            gain,
            gain >= 0.10,
        ),
        ("accuracy gained by fitted gains of all components, longest lists", "at least 10 points", fit, fit >= 0.10),
    ]
    return [{"quantity": q, "aim": a, "measured": m, "met": bool(met)} for q, a, m, met in rows]
