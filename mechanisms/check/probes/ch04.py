"""How the exercises of chapter 04 are driven.

- ``components``: singular vectors have no sign of their own, so reads and writes are turned to a fixed side before they
  are compared; with ``count`` it is also told whether a d_model x d_model matrix was decomposed, by torch or by numpy;
- ``scale_component`` and ``set_channel``: the answer, or also the tensor that was handed in as it is afterwards;
- ``recall_by_place``: the answer, or only the cells into which prompts fall.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy
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

    def counts(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The numpy routine, seen as torch's are."""

        def counted(matrix: Any, *args: Any, **kwargs: Any) -> Any:
            self.widest = max(self.widest, min(numpy.shape(matrix)[-2:], default=0))
            return function(matrix, *args, **kwargs)

        return counted

    @contextlib.contextmanager
    def with_numpy(self) -> Iterator[_Decompositions]:
        """Sees numpy's decompositions as well; its routines are put back at the end."""
        kept = {name: getattr(numpy.linalg, name) for name in ("svd", "eig", "eigh")}
        try:
            for name, function in kept.items():
                setattr(numpy.linalg, name, self.counts(function))
            with self:
                yield self
        finally:
            for name, function in kept.items():
                setattr(numpy.linalg, name, function)


def _turned(found: dict[str, Any], shape: tuple[int, int]) -> dict[str, Any]:
    """Each read, together with its write, turned so that its product with a fixed vector is positive.

    Reads or writes of another shape stay as they are, so that the sentence about them is about their shape.
    """
    right = [name for name in ("reads", "writes") if _is_matrix(found.get(name), shape)]
    if "reads" not in right:
        return found
    reads = found["reads"]
    vector = torch.linspace(-1, 1, shape[1], dtype=torch.float64, device=reads.device).mul(7).cos()
    side = (reads.double() @ vector).sign()[:, None].to(reads.dtype)
    return {**found, **{name: side * found[name] for name in right}}


def _is_matrix(value: Any, shape: tuple[int, int]) -> bool:
    return isinstance(value, torch.Tensor) and tuple(value.shape) == shape


@probe("ch04.components")
def components(function: Callable[..., Any], count: bool, **inputs: Any) -> Any:
    """Calls the function on W_V [d_model, d_head] and W_O [d_head, d_model] and takes the free signs away."""
    with _Decompositions().with_numpy() as seen:
        found = function(**inputs)
    if not isinstance(found, dict):
        return found
    size, rank = inputs["W_V"].shape
    found = _turned(found, (rank, size))
    return {**found, "decomposed a d_model x d_model matrix": seen.widest > rank} if count else found


@probe("ch04.scale_component")
def scale_component(function: Callable[..., Any], and_after: bool, **inputs: Any) -> Any:
    """The new W_O; with ``and_after`` also the W_O that was handed in, as the function left it."""
    edited = function(**inputs)
    return {"W_O": edited, "the W_O that was handed in": inputs["W_O"]} if and_after else edited


@probe("ch04.set_channel")
def set_channel(function: Callable[..., Any], and_after: bool, **inputs: Any) -> Any:
    """The residual stream; with ``and_after`` also the one that was handed in, as the function left it."""
    changed = function(**inputs)
    return {"x": changed, "the x that was handed in": inputs["x"]} if and_after else changed


@probe("ch04.recall_by_place")
def recall_by_place(function: Callable[..., Any], filled_only: bool, **inputs: Any) -> Any:
    """Accuracy by length and place; with ``filled_only`` what stands in cells without a prompt is not looked at."""
    length, place, longest = inputs["length"].clone(), inputs["place"].clone(), inputs["longest"]
    found = function(**inputs)
    if not (filled_only and isinstance(found, dict)):
        return found
    filled = torch.zeros(longest + 1, longest, dtype=torch.bool)
    filled[length, place] = True
    kept = dict(found)
    for name, mask in {"by_length": filled.any(1), "by_place": filled}.items():
        values = found.get(name)
        if isinstance(values, torch.Tensor) and values.shape == mask.shape and values.is_floating_point():
            kept[name] = values.masked_fill(~mask.to(values.device), math.nan)
    return kept
