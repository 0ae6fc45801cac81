"""How the exercises of chapter 04 are driven.

- ``components``: singular vectors have no sign of their own, so what is compared is what each component does to fixed
  vectors, and the lengths of its directions; with ``count`` also whether a d_model x d_model matrix was decomposed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from mechanisms.check.probes import probe


@probe("ch04.components")
def components(function: Callable[..., Any], count: bool, **inputs: Any) -> Any:
    """Calls the function on W_V [d_model, d_head] and W_O [d_head, d_model] and applies each component to a vector."""
    real, widest = torch.linalg.svd, 0

    def watched(matrix: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        nonlocal widest
        widest = max(widest, min(matrix.shape[-2:]))
        return real(matrix, *args, **kwargs)

    torch.linalg.svd = watched
    try:
        found = function(**inputs)
    finally:
        torch.linalg.svd = real
    size, rank = inputs["W_V"].shape
    if not isinstance(found, dict) or set(found) != {"reads", "strengths", "writes"}:
        return found
    if found["reads"].shape != (rank, size) or found["writes"].shape != (rank, size):
        return found
    vector = torch.linspace(-1, 1, size, dtype=found["reads"].dtype).cos() * torch.arange(size) / size
    result = {
        "strengths": found["strengths"],
        "what each component writes": (found["reads"] @ vector * found["strengths"])[:, None] * found["writes"],
        "lengths of reads": found["reads"].norm(dim=1),
        "lengths of writes": found["writes"].norm(dim=1),
    }
    return {**result, "decomposed a d_model x d_model matrix": widest > rank} if count else result
