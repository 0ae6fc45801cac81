"""How the exercises of chapter 01 are driven.

- ``build_twins``: the twins, or also the facts after the call, which must be as they were;
- ``inject`` and ``drop_ffns``: the logits, or also the model's logits after the call, where a forgotten hook shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mechanisms.check.probes import probe


def _with_the_model_afterwards(name: str, function: Callable[..., Any], and_after: bool, inputs: dict) -> Any:
    """Calls the function; with ``and_after`` also runs the model once more, as the next cell of a notebook would."""
    logits = function(**inputs)
    if not and_after:
        return logits
    return {name: logits, "model_afterwards": inputs["model"](inputs["tokens"])[:, -1]}


@probe("ch01.inject")
def inject(function: Callable[..., Any], and_after: bool, **inputs: Any) -> Any:
    """The logits with the vector injected, under "injected" where the model is looked at afterwards."""
    return _with_the_model_afterwards("injected", function, and_after, inputs)


@probe("ch01.drop_ffns")
def drop_ffns(function: Callable[..., Any], and_after: bool, **inputs: Any) -> Any:
    """The logits without the FFNs, under "dropped" where the model is looked at afterwards."""
    return _with_the_model_afterwards("dropped", function, and_after, inputs)


@probe("ch01.build_twins")
def build_twins(function: Callable[..., Any], and_after: bool, **inputs: Any) -> Any:
    """The twins, under "twins" where the facts and the asked one are looked at afterwards."""
    twins = function(**inputs)
    if not and_after:
        return twins
    return {"twins": twins, "facts_afterwards": inputs["facts"], "asked_afterwards": inputs["asked"]}
