"""How the exercises of chapter 07 are driven.

- ``part``: some entries of a dictionary, so that each of several results earns its own points;
- ``lets_gradients_pass``: the result, and whether a gradient comes back through it to some of the inputs;
- ``projection_gradients``: loss and gradients as plain data, or also what the call left on model and map;
- ``train_projection``: the trained map, another one of very few steps, and what the calls did to the language model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from mechanisms.check.probes import probe

FEW_STEPS = 2


@probe("ch07.part")
def part(function: Callable[..., Any], parts: list[str], **inputs: Any) -> Any:
    """Calls the function and keeps the entries ``parts`` of the dictionary that it returns."""
    result = function(**inputs)
    if not isinstance(result, dict):
        return result
    return {name: result[name] for name in parts if name in result}


@probe("ch07.lets_gradients_pass")
def lets_gradients_pass(function: Callable[..., Any], gradients_of: list[str], **inputs: Any) -> Any:
    """Calls the function; if inputs are named in ``gradients_of``, says of each whether a gradient reaches it."""
    if not gradients_of:
        return function(**inputs)
    leaves = {name: inputs[name].clone().requires_grad_() for name in gradients_of}
    with torch.enable_grad():
        # What is handed in are copies, so that a function that works in place is not stopped by this probe.
        result = function(**{**inputs, **{name: leaf.clone() for name, leaf in leaves.items()}})
        found = result.values() if isinstance(result, dict) else [result]
        learned = [entry.square().sum() for entry in found if torch.is_tensor(entry) and entry.requires_grad]
        if learned:
            sum(learned).backward()
    reached = {name: leaf.grad is not None and bool(leaf.grad.any()) for name, leaf in leaves.items()}
    return {"result": result, "gradient_reaches": reached}


@probe("ch07.projection_gradients")
def projection_gradients(function: Callable[..., Any], and_after: bool, **inputs: Any) -> Any:
    """Calls the function with gradients on; with ``and_after`` looks at model and map afterwards.

    The model is handed on frozen and without gradients, whatever the function did to it.
    """
    linear = [inputs["weight"], inputs["bias"]]
    before = [tensor.clone() for tensor in linear]
    result, touched = _watched(function, inputs)
    if isinstance(result, dict) and torch.is_tensor(result.get("loss")):
        result = {**result, "loss": result["loss"].item()}
    left = {"language_model": touched, "weight_and_bias": _marks(linear, before)}
    return {"result": result, **left} if and_after else result


@probe("ch07.train_projection")
def train_projection(function: Callable[..., Any], **inputs: Any) -> Any:
    """Calls the function with gradients on; the map that it returns, with what it did to the language model.

    A second call asks for very few steps: what it returns shows whether the number of steps is heeded.
    """
    result, touched = _watched(function, inputs)
    if not isinstance(result, dict):
        return result
    brief, _ = _watched(function, {**inputs, "steps": FEW_STEPS})
    return {**result, "after_few_steps": brief, "language_model": touched}


def _marks(tensors: list[torch.Tensor], before: list[torch.Tensor]) -> dict[str, bool]:
    return {
        "asks_for_gradients": any(tensor.requires_grad for tensor in tensors),
        "holds_gradients": any(tensor.grad is not None for tensor in tensors),
        "is_changed": not all(torch.equal(now.detach(), then) for now, then in zip(tensors, before, strict=True)),
    }


def _watched(function: Callable[..., Any], inputs: dict[str, Any]) -> tuple[Any, dict[str, bool]]:
    """The result with gradients on, and what the call left on ``inputs["model"]``, which is put back to frozen."""
    model = inputs["model"]
    before = [parameter.detach().clone() for parameter in model.parameters()]
    try:
        with torch.enable_grad():
            result = function(**inputs)
        touched = {**_marks(list(model.parameters()), before), "is_left_in_training_mode": model.training}
    finally:
        model.requires_grad_(False).eval()
        model.zero_grad(set_to_none=True)
    return result, touched
