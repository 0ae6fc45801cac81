"""What chapter 05, working-memory gating, claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mechanisms.plots.claims.table import Claim


def _gate(edit: str) -> Callable[[Mapping[str, Any]], str]:
    def read(report: Mapping[str, Any]) -> str:
        found = report["gates"][edit]
        return ", ".join(f"{name} {round(found[name], 2) + 0.0:.2f}" for name in ("keys", "queries", "values"))

    return read


def _seeds(condition: str) -> Callable[[Mapping[str, Any]], str]:
    def read(_report: Mapping[str, Any]) -> str:
        from mechanisms.training import gating_sweep

        runs = gating_sweep.load().get(condition)
        if not runs:
            return "not run yet"
        found = gating_sweep.summary(runs)
        first, *later = [f"{step:,}" for step in found["transitions"]] or [""]
        steps = f", 99% from step {first}" + (f" to {later[-1]}" if later else "") if first else ""
        return f"{found['solved']} of {found['seeds']} seeds{steps}; {found['never']} never"

    return read


def _share(key: str) -> Callable[[Mapping[str, Any]], str]:
    def read(_report: Mapping[str, Any]) -> str:
        from mechanisms.training import gating_sweep

        runs = gating_sweep.load().get("lab-gate")
        if not runs:
            return "not run yet"
        found = gating_sweep.summary(runs)["fractions"][key]
        interval = f"mean {found['mean']:.2f} [{found['low']:.2f}, {found['high']:.2f}]"
        return f"{interval}, from {found['least']:.2f} to {found['most']:.2f} in {found['n']} seeds"

    return read


GATING = (
    Claim("accuracy", "Accuracy, ordinary sequences", "not known to us", lambda report: f"{report['accuracy']:.2%}"),
    Claim(
        "adversarial",
        "Accuracy where a rule without a gate is wrong (the worst of three traps)",
        "—",
        lambda report: f"{min(report['adversarial'].values()):.2%}",
    ),
    Claim(
        "input_gate",
        "Input gate: a past store ↔ ignore acts through layer-2 keys",
        "keys act as input gates (path patching)",
        _gate("instruction"),
    ),
    Claim(
        "output_gate",
        "Output gate: the register that is asked for acts through layer-2 queries",
        "queries act as output gates (path patching)",
        _gate("query"),
    ),
    Claim("input_gate_seeds", "… over seeds, the share of keys", "—", _share("instruction: keys")),
    Claim("role_seeds", "… the register of a past tuple, over seeds, the share of keys", "—", _share("role: keys")),
    Claim("output_gate_seeds", "Output gate over seeds, the share of queries", "—", _share("query: queries")),
    Claim(
        "seeds",
        "Training: seeds that solve the task, and when",
        "abrupt, phase-transition-like gains",
        _seeds("lab-gate"),
    ),
    Claim(
        "whole_view",
        "… when the first layer sees everything, same number of steps",
        "the paper's model is a vanilla transformer",
        _seeds("whole view"),
    ),
    Claim("no_lures", "… when trained on ordinary sequences only, half the steps", "—", _seeds("no lures")),
)
