"""Scanning a release for what a student must not find in it.

- no line of a solution region or of a rubric's model answer;
- no solution, mark-scheme or hidden-test marker;
- no expected value of a public case (numbers with five or more digits, longer strings, in any cell);
- no stored output and no attachment.

A line that the released text shows anyway (an import in the setup cell, a line of the stub) is no leak.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy

from autograder.build.source import solution_regions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nbformat import NotebookNode

MARKERS = ("BEGIN SOLUTION", "END SOLUTION", "HIDDEN TESTS", "MARK SCHEME", "AUTOTEST", "HASHED")
SHORTEST_LINE = 8
SHORTEST_PHRASE = 24
SHORTEST_STRING = 20
DIGITS = 5
_NUMBER = re.compile(r"-?\d+\.\d+(?:[eE][-+]?\d+)?|-?\d{5,}")


@dataclass(frozen=True)
class Leak:
    """One finding: which cell (counted from 1), what kind, and the text that gave it away."""

    cell: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"cell {self.cell}: {self.kind}: {self.text[:80]}"


def scan(release: NotebookNode, source: NotebookNode, expected: Iterable[Any] = ()) -> list[Leak]:
    """Everything in `release` that should not be there.

    `source` is the notebook with its solutions; `expected` are the expected value trees of the public cases.
    """
    secret = _secret_lines(source)
    phrases = {line for line in secret if len(line) >= SHORTEST_PHRASE}
    numbers, strings = _values(expected)
    leaks = []
    for number, cell in enumerate(release.cells, start=1):
        lines = {_squeeze(line) for line in cell.source.splitlines()}
        text = _squeeze(cell.source)
        for line in sorted(secret):
            if line in lines or (line in phrases and line in text):
                leaks.append(Leak(number, "a line of a solution", line))
        leaks += [Leak(number, "a marker", marker) for marker in MARKERS if marker in cell.source]
        for token in _NUMBER.findall(cell.source):
            if _rounded(float(token)) in numbers and _digits(token) >= DIGITS:
                leaks.append(Leak(number, "an expected value", token))
        leaks += [Leak(number, "an expected value", value) for value in sorted(strings) if value in cell.source]
        if cell.get("outputs"):
            leaks.append(Leak(number, "a stored output", "run without outputs"))
        if cell.get("attachments"):
            leaks.append(Leak(number, "an attachment", ", ".join(cell.attachments)))
    return leaks


def _secret_lines(source: NotebookNode) -> set[str]:
    """Lines inside solution regions that the notebook shows nowhere outside of them."""
    hidden, shown = set(), set()
    for cell in source.cells:
        regions = solution_regions(cell.source)
        inside = [line for region in regions for line in region]
        hidden |= {_squeeze(line) for line in inside}
        remaining = cell.source.splitlines()
        for line in inside:
            remaining.remove(line)
        shown |= {_squeeze(line) for line in remaining}
    return {line for line in hidden - shown if len(line) >= SHORTEST_LINE and re.search(r"\w{2}", line)}


def _squeeze(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _values(trees: Iterable[Any]) -> tuple[set[str], set[str]]:
    numbers, strings = set(), set()
    for value in _leaves(list(trees)):
        if isinstance(value, str):
            if len(value) >= SHORTEST_STRING:
                strings.add(value)
        elif isinstance(value, float) and math.isfinite(value) and _digits(f"{value:.6g}") >= DIGITS:
            numbers.add(_rounded(value))
    return numbers, strings


def _leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict):
        for value in tree.values():
            yield from _leaves(value)
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from _leaves(value)
    elif isinstance(tree, str):
        yield tree
    elif isinstance(tree, bool) or tree is None:
        return
    elif isinstance(tree, int | float):
        yield float(tree)
    elif hasattr(tree, "detach") or isinstance(tree, numpy.ndarray):
        array = tree.detach().cpu().float().numpy() if hasattr(tree, "detach") else tree
        if array.dtype.kind in "fiu":
            yield from (float(value) for value in array.reshape(-1)[:2000])


def _rounded(value: float) -> str:
    return f"{value:.{DIGITS}g}"


def _digits(token: str) -> int:
    return len(re.sub(r"[eE].*|\D", "", token).strip("0"))
