"""How the exercises of chapter 03 are driven.

- ``part``: one entry of a dictionary, so that each of several results earns its own points;
- ``patch`` and ``override``: what comes out, or also the model's logits after the call, where a forgotten hook shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mechanisms.check.probes import probe


@probe("ch03.part")
def part(function: Callable[..., Any], parts: list[str], **inputs: Any) -> Any:
    """Calls the function and keeps the entries ``parts`` of the dictionary that it returns."""
    result = function(**inputs)
    if not isinstance(result, dict):
        return result
    return {name: result[name] for name in parts if name in result}


@probe("ch03.patch")
def patch(function: Callable[..., Any], and_after: bool, **inputs: Any) -> Any:
    """Calls the function; with ``and_after`` also runs the model once more, as the next cell of a notebook would."""
    patched = function(**inputs)
    if not and_after:
        return patched
    return {"patched": patched, "model_afterwards": inputs["net"](inputs["clean"])[:, -1, :8]}


@probe("ch03.override")
def override(function: Callable[..., Any], and_after: bool, **inputs: Any) -> Any:
    """The same for logits of overridden prompts."""
    logits = function(**inputs)
    if not and_after:
        return logits
    return {"overridden": logits, "model_afterwards": inputs["net"](inputs["tokens"])[:, -1, :8]}
