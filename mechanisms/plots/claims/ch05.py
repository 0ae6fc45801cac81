"""What chapter 05, working-memory gating, claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mechanisms.plots.claims.table import Claim, from_runs, interval


def _gate(edit: str) -> Callable[[Mapping[str, Any]], str]:
    def read(report: Mapping[str, Any]) -> str:
        found = report["gates"][edit]
        return ", ".join(f"{name} {round(found[name], 2) + 0.0:.2f}" for name in ("keys", "queries", "values"))

    return read


def _over_seeds(condition: str, read: Callable[[Mapping[str, Any]], str]) -> Callable[[Mapping[str, Any]], str]:
    """A lab number from the summary of the sweep's runs of one condition."""
    return from_runs(
        "gating_sweep", lambda sweep: sweep.load().get(condition), lambda sweep, runs: read(sweep.summary(runs))
    )


def _solved(found: Mapping[str, Any]) -> str:
    first, *later = [f"{step:,}" for step in found["transitions"]] or [""]
    steps = f", 99% from step {first}" + (f" to {later[-1]}" if later else "") if first else ""
    return f"{found['solved']} of {found['seeds']} seeds{steps}; {found['never']} never"


def _share(key: str) -> Callable[[Mapping[str, Any]], str]:
    def read(found: Mapping[str, Any]) -> str:
        one = found["fractions"][key]
        return f"mean {interval(one)}, from {one['least']:.2f} to {one['most']:.2f} in {one['n']} seeds"

    return _over_seeds("lab-gate", read)


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
        _over_seeds("lab-gate", _solved),
    ),
    Claim(
        "whole_view",
        "… when the first layer sees everything, same number of steps",
        "the paper's model is a vanilla transformer",
        _over_seeds("whole view", _solved),
    ),
    Claim(
        "no_lures", "… when trained on ordinary sequences only, half the steps", "—", _over_seeds("no lures", _solved)
    ),
)
