"""What chapter 06, dual process, claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mechanisms.plots.claims.table import Claim, from_runs, interval


def _of_all(
    conditions: Sequence[str], read: Callable[[Any, list[list[dict]]], str]
) -> Callable[[Mapping[str, Any]], str]:
    """A lab number from the sweep's runs of several conditions, all of which must have been run."""

    def runs_of(sweep: Any) -> list[list[dict]]:
        runs = sweep.runs_of()
        return [runs[condition] for condition in conditions] if all(map(runs.get, conditions)) else []

    return from_runs("dual_sweep", runs_of, read)


def _forgetting(score: str, conditions: Sequence[str], between: str = ", ") -> Callable[[Mapping[str, Any]], str]:
    def read(sweep: Any, runs: list[list[dict]]) -> str:
        parts = []
        for condition, those in zip(conditions, runs, strict=True):
            found = sweep.summary(those)[score]
            name = condition.removeprefix("hidden, ").replace("stop at 900", "temporary")
            parts.append(f"{name} {found['mean']:.0%} ({found['least']:.0%} to {found['most']:.0%})")
        return between.join(parts) + f"; {found['n']} seeds each"

    return _of_all(conditions, read)


def _with_interval(found: Mapping[str, float]) -> str:
    return f"{interval(found, '+.2f')}, {found['n']} seeds"


def _forgetting_gap(one: str, other: str, score: str) -> Callable[[Mapping[str, Any]], str]:
    return _of_all((one, other), lambda sweep, runs: _with_interval(sweep.paired(*runs, score)))


def _rare_minus_frequent(sweep: Any, runs: list[list[dict]]) -> str:
    return _with_interval(sweep.mean_interval([run["tail switch"] - run["switch"] for run in runs[0]]))


_WAYS = ("vanilla", "stop at 900", "active")
_HIDDEN_WAYS = ("hidden, vanilla", "hidden, temporary", "hidden, active")
_CURVES = "curves, no single number that we could read"


DUAL_PROCESS = (
    Claim("validation", "Ordinary sequences, the right one of two tokens", _CURVES, _forgetting("validation", _WAYS)),
    Claim(
        "random",
        "Structural: sequences of never-trained tokens",
        "vanilla loses it with time, forgetting keeps it (" + _CURVES + ")",
        _forgetting("random", _WAYS),
    ),
    Claim("switch", "Conflict, frequent tokens: answers by context", _CURVES, _forgetting("switch", _WAYS)),
    Claim(
        "gap",
        "… temporary minus vanilla, seed by seed",
        "forgetting makes the model rely on context (direction)",
        _forgetting_gap("stop at 900", "vanilla", "switch"),
    ),
    Claim(
        "weights",
        "Cue hidden now and then: no cue, frequent tokens (weights)",
        "temporary forgetting keeps both processes (direction)",
        _forgetting("no cue", _HIDDEN_WAYS),
    ),
    Claim(
        "structure",
        "… never-trained tokens, with the cue (structure)",
        "temporary forgetting keeps both processes (direction)",
        _forgetting("random", _HIDDEN_WAYS),
    ),
    Claim(
        "hard",
        "… the same against the whole vocabulary (the paper's metric)",
        "vanilla loses it with time, forgetting keeps it (" + _CURVES + ")",
        _forgetting("random, whole vocabulary", _HIDDEN_WAYS),
    ),
    Claim(
        "hard_gap",
        "… temporary minus vanilla, seed by seed",
        "forgetting keeps it (direction)",
        _forgetting_gap("hidden, temporary", "hidden, vanilla", "random, whole vocabulary"),
    ),
    Claim(
        "head_and_tail",
        "… conflict with rare tokens minus conflict with frequent ones, temporary: by context",
        "weights preferred for head tokens, context for tail tokens (direction)",
        _of_all(("hidden, temporary",), _rare_minus_frequent),
    ),
)
