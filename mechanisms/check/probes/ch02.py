"""How the exercises of chapter 02 are driven.

- ``part``: one entry of a dictionary, so that each of several results earns its own points;
- ``scale_head``: the logits, or also the model's logits after the call, where a hook that was left shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mechanisms.check.probes import probe


@probe("ch02.part")
def part(function: Callable[..., Any], parts: list[str], **inputs: Any) -> Any:
    """Calls the function and keeps the entries ``parts`` of the dictionary that it returns."""
    result = function(**inputs)
    if not isinstance(result, dict):
        return result
    return {name: result[name] for name in parts if name in result}


@probe("ch02.scale_head")
def scale_head(function: Callable[..., Any], and_after: bool, **inputs: Any) -> Any:
    """Calls the function; with ``and_after`` also runs the model once more, as the next cell of a notebook would."""
    logits = function(**inputs)
    if not and_after:
        return logits
    return {"scaled": logits, "model_afterwards": inputs["model"](inputs["tokens"])[:, -1]}
