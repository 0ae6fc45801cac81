"""How the exercises of chapter 08 are driven.

- ``part``: some entries of a dictionary, so that each of several results earns its own points; pairs become lists;
- ``bound`` and ``phrases``: a result together with the word whether gradients get through it to the vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from mechanisms.check.probes import probe


@probe("ch08.part")
def part(function: Callable[..., Any], parts: list[str], order: list[list[int]], **inputs: Any) -> Any:
    """Calls the function and keeps the entries ``parts`` of its dictionary. Pairs go in and come out as pairs.

    A pair that comes back as a tuple or as a list counts as the same.
    """
    result = function(order=[tuple(pair) for pair in order], **inputs)
    if not isinstance(result, dict):
        return result
    kept = {name: result[name] for name in parts if name in result}
    if isinstance(kept.get("held_out"), (list, tuple)):
        kept["held_out"] = [
            [int(value) for value in pair] if isinstance(pair, (list, tuple)) else pair for pair in kept["held_out"]
        ]
    return kept


@probe("ch08.bound")
def bound(function: Callable[..., Any], a: torch.Tensor, b: torch.Tensor, trained: bool) -> Any:
    """``function(a, b)``; with ``trained`` also whether gradients reach a and b."""
    if not trained:
        return function(a=a, b=b)
    return _with_gradients(lambda one, other: function(a=one, b=other), [a, b], "a ∗ b", "a and b")


@probe("ch08.phrases")
def phrases(function: Callable[..., Any], trained: bool, words: torch.Tensor, **inputs: Any) -> Any:
    """Calls the function on ``words`` [n_words, batch, d]; with ``trained`` also whether gradients reach them."""
    if not trained:
        return function(words=words, **inputs)
    return _with_gradients(lambda those: function(words=those, **inputs), [words], "phrase", "the words")


def _with_gradients(call: Callable[..., Any], vectors: list[torch.Tensor], result: str, names: str) -> Any:
    """What ``call`` returns for copies of the vectors that ask for gradients, and whether it depends on all of them."""
    copies = [vector.clone().requires_grad_() for vector in vectors]
    with torch.enable_grad():
        found = call(*copies)
        if not isinstance(found, torch.Tensor):
            return found
        reach = found.requires_grad and all(
            gradient is not None for gradient in torch.autograd.grad(found.real.sum(), copies, allow_unused=True)
        )
    return {result: found.detach(), f"gradients reach {names}": reach}
