"""How the exercises of chapter 04 are driven.

- ``components``: singular vectors have no sign of their own, so reads and writes are turned to a fixed side before they
  are compared; with ``count`` it is also told whether a d_model x d_model matrix was decomposed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from mechanisms.check.probes import probe


class _Decompositions(TorchFunctionMode):
    """Sees every singular value or eigenvalue decomposition that torch makes; ``widest`` is the largest's rank.

    (A TorchDispatchMode would see more, but the first one in a process costs more than a second of imports.)
    """

    def __init__(self) -> None:
        super().__init__()
        self.widest = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if any(part in getattr(func, "__name__", "") for part in ("svd", "eig")):
            matrix = next(value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor))
            self.widest = max(self.widest, min(matrix.shape[-2:]))
        return func(*args, **kwargs)


def _turned(found: dict[str, Any], shape: tuple[int, int]) -> dict[str, Any]:
    """Each read, together with its write, turned so that its product with a fixed vector is positive."""
    reads, writes = found.get("reads"), found.get("writes")
    if not all(isinstance(rows, torch.Tensor) and tuple(rows.shape) == shape for rows in (reads, writes)):
        return found  # what is wrong with it is said of the answer as it came
    vector = torch.linspace(-1, 1, shape[1], dtype=torch.float64, device=reads.device).mul(7).cos()
    side = (reads.double() @ vector).sign()[:, None].to(reads.dtype)
    return {**found, "reads": side * reads, "writes": side * writes}


@probe("ch04.components")
def components(function: Callable[..., Any], count: bool, **inputs: Any) -> Any:
    """Calls the function on W_V [d_model, d_head] and W_O [d_head, d_model] and takes the free signs away."""
    with _Decompositions() as seen:
        found = function(**inputs)
    if not isinstance(found, dict):
        return found
    size, rank = inputs["W_V"].shape
    found = _turned(found, (rank, size))
    return {**found, "decomposed a d_model x d_model matrix": seen.widest > rank} if count else found
