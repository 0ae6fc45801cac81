"""Cells of a CSV file that any spreadsheet may open.

- a text that a spreadsheet would take for a formula gets an apostrophe in front: `=`, `+`, `-`, `@`, `|` and `%`,
  also behind spaces, quotes and invisible characters, and in their full-width forms;
- control characters (tab, carriage return, line end) become spaces, so that a cell never breaks out of its place;
- every cell is quoted; numbers are written as plain decimals, never with a thousands sign or an exponent.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

FORMULA = frozenset("=+-@|%")
# Control characters, separators of lines and paragraphs, halves of characters.
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_QUOTES = frozenset("'\"`´‘’‚‛“”„‟«»‹›＇＂")


def starts_formula(value: str) -> bool:
    """Whether a spreadsheet, or a program that trims first, might run this text."""
    if value[:1] in ("\t", "\r", "\n"):
        return True
    for character in value:
        if character in _QUOTES or character.isspace() or unicodedata.category(character)[0] in "CZ":
            continue
        return any(part in FORMULA for part in unicodedata.normalize("NFKC", character)[:1])
    return False


def harmless(value: object) -> str:
    """One cell: a number as a plain decimal, None as nothing, a text that no spreadsheet runs."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _harmless_text(str(value))
    return number(value)


@lru_cache(maxsize=4096)
def _harmless_text(value: str) -> str:
    written = _BREAKS.sub(" ", value)
    return f"'{written}" if starts_formula(value) else written


def number(value: float) -> str:
    """Points as a plain decimal with at most four places: "7.5", "10", "-0.25"."""
    written = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if written in ("-0", "") else written


def table(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV text: every cell harmless and quoted, lines end as RFC 4180 says."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return buffer.getvalue()
