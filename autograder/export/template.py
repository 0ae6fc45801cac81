"""A learning-management system's own CSV file, filled in without touching anything else.

- cells are kept as they were written, with their quotes, so every byte that is not a filled-in number stays;
- byte-order mark, separator (comma, semicolon, tab) and line ends stay as they are;
- a row belongs to a student only when it is the one row that fits; two that fit are nobody's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mechanisms.errors import UsageError
from mechanisms.spreadsheet import number, starts_formula

BOM = "\ufeff"
_LIMIT = 50_000_000


@dataclass
class Sheet:
    """A CSV file as it is written: `rows` of raw cells, `ends` the line end after each row."""

    rows: list[list[str]]
    ends: list[str]
    separator: str

    def value(self, row: int, column: int) -> str:
        """What a cell says; empty where the row is shorter."""
        cells = self.rows[row]
        return unquoted(cells[column]).strip() if column < len(cells) else ""

    def header(self) -> list[str]:
        """The first row."""
        return [self.value(0, column) for column in range(len(self.rows[0]))]

    def fill(self, row: int, column: int, points: float, like: str = "") -> None:
        """Write points into a cell, quoted where the cell was, with a decimal comma where `like` has one."""
        written = number(points)
        if re.fullmatch(r"\d+,\d+", like):
            written = written.replace(".", ",")
        quoted = self.rows[row][column].lstrip(BOM).startswith('"') or self.separator in written
        self.rows[row][column] = f'"{written}"' if quoted else written

    def text(self) -> str:
        """The whole file."""
        return "".join(self.separator.join(cells) + end for cells, end in zip(self.rows, self.ends, strict=True))

    def formulas(self) -> int:
        """How many cells a spreadsheet might run as a formula. They are the system's own and stay."""
        return sum(
            1 for cells in self.rows for cell in cells
            if starts_formula(unquoted(cell)) and not re.fullmatch(r"-?[\d.,]*%?", unquoted(cell).strip())
        )  # fmt: skip


def read_sheet(path: Path) -> Sheet:
    """Read a template. Raises UsageError when it is no CSV file in UTF-8 with a header and rows."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"The template {path} cannot be read: {error.strerror}.") from None
    if len(data) > _LIMIT:
        raise UsageError(f"The template {path.name} is larger than {_LIMIT // 1_000_000} MB; is it the right file?")
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"PK")) or b"\x00" in data:
        raise UsageError(f"The template {path.name} is no CSV file in UTF-8; export it again as CSV.")
    sheet = parse(data.decode("utf-8", "surrogateescape"))
    if len(sheet.rows) < 2:
        raise UsageError(f"The template {path.name} has no rows below its header.")
    return sheet


def parse(text: str) -> Sheet:
    """Cells, line ends and separator of a CSV text. Raises UsageError when a quoted cell never ends."""
    first = re.match(r'(?:"(?:[^"]|"")*"|[^"\r\n])*', text)
    head = re.sub(r'"(?:[^"]|"")*"', "", first[0] if first else "")
    separator = max(",;\t", key=head.count)
    cell = re.compile(rf'((?:{BOM}?"(?:[^"]|"")*")?[^{separator}\r\n]*)({separator}|\r\n|\n|\r|\Z)')
    rows: list[list[str]] = [[]]
    ends: list[str] = []
    place = 0
    while place < len(text) or rows[-1]:
        found = cell.match(text, place)
        raw, end = found[1], found[2]
        if raw.lstrip(BOM).startswith('"') and not re.match(rf'{BOM}?"(?:[^"]|"")*"', raw):
            raise UsageError(f"A quoted cell in row {len(rows)} of the template never ends.")
        rows[-1].append(raw)
        place = found.end()
        if end == separator:
            continue
        ends.append(end)
        rows.append([])
        if end == "":
            break
    return Sheet(rows[:-1], ends, separator)


def unquoted(raw: str) -> str:
    """What a raw cell says."""
    raw = raw.removeprefix(BOM)
    found = re.match(r'"((?:[^"]|"")*)"', raw)
    return found[1].replace('""', '"') + raw[found.end() :] if found else raw


class Rows:
    """Finds the one row of a student: by ids that the system gave, else by what the folder's name may be."""

    def __init__(self, sheet: Sheet, rows: Iterable[int], columns: dict[str, int]):
        self.found: dict[tuple[str, str], set[int]] = {}
        for row in rows:
            for key, column in columns.items():
                value = _same(sheet.value(row, column))
                if value:
                    self.found.setdefault((key, value), set()).add(row)

    def of(self, sure: Sequence[tuple[str, str]], guesses: Sequence[tuple[str, str]]) -> int | None:
        """The row, or None when there is none or more than one.

        `sure` are pairs of a key and a value of which the first that occurs decides; `guesses` have to agree.
        """
        for key, value in sure:
            rows = self.found.get((key, _same(value))) if value else None
            if rows:
                return next(iter(rows)) if len(rows) == 1 else None
        fits: set[int] = set()
        for key, value in guesses:
            fits |= self.found.get((key, _same(value)), set()) if value else set()
        return next(iter(fits)) if len(fits) == 1 else None


def _same(value: str) -> str:
    """A value in the one form in which equal ones are equal: composed letters, no capitals."""
    return unicodedata.normalize("NFC", value).casefold()


def spoken(heading: str) -> str:
    """A heading for comparing: no number in brackets at its end, lower case, single spaces."""
    heading = re.sub(r"\s*\(\d+\)\s*$", "", heading)
    return " ".join(re.findall(r"\w+", heading.casefold().replace("_", " ")))
