"""What chapter 09, pre-training budgets, claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mechanisms.plots.claims.table import Claim


def _error(report: Mapping[str, Any]) -> str:
    found = report["prediction"]["absolute_error"]
    within = report["prediction"]["share_within_25_percent"]
    return (
        f"off by {found['mean']:.0%} on average [{found['low']:.0%}, {found['high']:.0%}], "
        f"{within:.0%} of {report['prediction']['steps']} steps within 25%"
    )


def _checkpointing(report: Mapping[str, Any]) -> str:
    found = report["checkpointing"]
    ratio = found["time_ratio"]
    return (
        f"{ratio['mean']:.2f} times the time [{ratio['low']:.2f}, {ratio['high']:.2f}], "
        f"{found['bytes_ratio']:.0%} of the bytes"
    )


PRETRAINING_BUDGETS = (
    Claim(
        "settings",
        "Valid memory-saving settings on one GPU and on several",
        "12 and 22 (rules in the authors' code)",
        lambda report: f"{report['settings']['one']} and {report['settings']['several']}",
    ),
    Claim(
        "fewer",
        "Pythia-1B on four A100: how many times fewer GPU-days than the original",
        "3x (abstract); 192 / 70.3 = 2.73 (README)",
        lambda report: f"{report['fewer']:.2f} (from the README's days)",
    ),
    Claim(
        "dollars",
        "Price of four H100 and of two RTX 3090, with their machine",
        "about $130k and about $4k (footnote to the title)",
        lambda report: "computed, not measured",
    ),
    Claim(
        "busy",
        "Utilisation that the reported days of Pythia-1B would mean",
        "not stated in what we could read",
        lambda report: "computed, not measured",
    ),
    Claim(
        "prediction",
        "The step predicted from its pieces, against a real accumulated step",
        "not stated in what we could read",
        _error,
    ),
    Claim(
        "checkpointing",
        "Activation checkpointing: time and memory",
        "trades time for memory (no single number)",
        _checkpointing,
    ),
)
