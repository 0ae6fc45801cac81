"""How the exercises of chapter 07 are driven.

- ``part``: some entries of a dictionary, so that each of several results earns its own points;
- ``projection_gradients``: loss and gradients as plain data, or also what the call left on the language model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from mechanisms.check.probes import probe


@probe("ch07.part")
def part(function: Callable[..., Any], parts: list[str], **inputs: Any) -> Any:
    """Calls the function and keeps the entries ``parts`` of the dictionary that it returns."""
    result = function(**inputs)
    if not isinstance(result, dict):
        return result
    return {name: result[name] for name in parts if name in result}


@probe("ch07.projection_gradients")
def projection_gradients(function: Callable[..., Any], and_after: bool, **inputs: Any) -> Any:
    """Calls the function with gradients on; with ``and_after`` looks at the language model's parameters afterwards.

    The model is handed on frozen and without gradients, whatever the function did to it.
    """
    model = inputs["model"]
    try:
        with torch.enable_grad():
            result = function(**inputs)
        parameters = list(model.parameters())
        touched = {
            "asks_for_gradients": any(p.requires_grad for p in parameters),
            "holds_gradients": any(p.grad is not None for p in parameters),
        }
    finally:
        model.requires_grad_(False)
        model.zero_grad(set_to_none=True)
    if isinstance(result, dict) and torch.is_tensor(result.get("loss")):
        result = {**result, "loss": result["loss"].item()}
    return {"result": result, "language_model": touched} if and_after else result
