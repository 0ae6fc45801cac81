"""Drawn streams of the reference-back task as words, for the exercises that take tuples.

- ``draw_stream``: tuples (instruction, register, symbol) in which symbols come back often;
- ``until``: draws again until a case has what it needs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

REGISTERS = ("A", "B", "C")
SYMBOLS = ("a", "b", "c", "d", "e")


def draw_stream(
    rng: np.random.Generator, length: int = 12, registers: int = 2, symbols: int = 3, ignore: float = 0.5
) -> list[list[str]]:
    """``length`` tuples, a share of them ignored, over few registers and symbols, so that both come back."""
    return [
        [
            "ignore" if rng.random() < ignore else "store",
            REGISTERS[int(rng.integers(registers))],
            SYMBOLS[int(rng.integers(symbols))],
        ]
        for _ in range(length)
    ]


def until(rng: np.random.Generator, draw: Any, wanted: Any, tries: int = 2000) -> Any:
    """Draws until ``wanted`` holds."""
    for _ in range(tries):
        found = draw(rng)
        if wanted(found):
            return found
    raise ValueError("no such case came up")
