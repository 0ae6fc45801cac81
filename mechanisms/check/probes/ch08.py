"""How the exercises of chapter 08 are driven.

- ``part``: some entries of a dictionary, so that each of several results earns its own points; pairs become lists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
