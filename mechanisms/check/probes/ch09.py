"""How the exercises of chapter 09 are driven.

- ``part``: one entry of a dictionary, so that each of several results earns its own points;
- ``micro_batch``: a step that runs out of memory on paper; the answer, or also the sizes that were tried;
- ``timing``: a fake device with its own clock, which makes times exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mechanisms.budgets.fake import FakeMemory, FakeTrainer
from mechanisms.check.probes import probe


@probe("ch09.part")
def part(function: Callable[..., Any], parts: list[str], **inputs: Any) -> Any:
    """Calls the function and keeps the entries ``parts`` of the dictionary that it returns."""
    return _entries(function(**inputs), parts)


@probe("ch09.micro_batch")
def micro_batch(
    function: Callable[..., Any], memory: dict[str, Any], limit: int, tell: str
) -> int | dict[str, int | list[int]]:
    """Calls the function with ``try_step`` of a FakeMemory; ``tell`` "tried" adds the sizes that were tried."""
    machine = FakeMemory(**memory)
    found = function(try_step=machine.try_step, limit=limit)
    return {"largest": found, "sizes_tried": machine.tried} if tell == "tried" else found


@probe("ch09.timing")
def timing(function: Callable[..., Any], device: dict[str, list[float]], parts: list[str], **inputs: Any) -> Any:
    """Calls the function with a FakeTrainer as ``trainer`` and keeps the entries ``parts``."""
    return _entries(function(trainer=FakeTrainer(**device), **inputs), parts)


def _entries(result: Any, parts: list[str]) -> Any:
    if not isinstance(result, dict):
        return result
    return {name: result[name] for name in parts if name in result}
