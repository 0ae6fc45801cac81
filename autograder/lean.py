"""Reading a notebook file of any size in little memory, and what can be saved of a broken one.

- reads the file piece by piece and keeps what grading needs: each cell's type, source, id and nbgrader's name for it;
- passes over outputs, attachments and widgets without ever holding them, however large they are;
- believes nothing: broken JSON, a cut-off file, wrong encodings and endless nesting end in what could be read;
- after a fault it looks for the next thing that is a cell and goes on, and counts what it had to leave out.

Nothing in here knows exercises. `read_cells` never raises for what stands in a file.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = 1 << 20
# No notebook that people write comes near these: they keep a hostile one from costing memory or minutes.
MAX_CELLS = 5_000
MAX_TEXT = 20 << 20
MAX_VALUE = 8 << 20
MAX_KEY = 1_000
MAX_STEPS = 20_000_000

_QUOTE = ord('"')
_SPACE = re.compile(rb"[ \t\r\n]*+")
_SCALAR = re.compile(rb"[^\s,\[\]{}\":]*+")
_STRING_REST = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
# What is inside a list or object, as far as nothing is nested in it more than twice: one step of the machine.
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_FLAT_0 = rb'(?:[^"\[\]{}]++|%s)*+' % _STRING
_FLAT_1 = rb'(?:[^"\[\]{}]++|%s|\[%s\]|\{%s\})*+' % (_STRING, _FLAT_0, _FLAT_0)
_FLAT = re.compile(rb'(?:[^"\[\]{}]++|%s|\[%s\]|\{%s\})*+' % (_STRING, _FLAT_1, _FLAT_1), re.DOTALL)
_CELL_START = re.compile(
    rb'\{\s{0,150}"(?:attachments|cell_type|collapsed|execution_count|id|input|language|level|metadata|outputs|source)"\s*:'
)
# nbgrader writes the kind once more into its own metadata.
_KIND_OR_SOURCE = re.compile(
    rb'(?P<inner>"nbgrader"\s{0,20}:\s{0,20}\{\s{0,80})?"cell_type"\s{0,20}:\s{0,20}"(?P<kind>code|markdown|raw)"'
    rb'|"(?:source|input)"\s{0,20}:'
)
_HALVES = re.compile("[\ud800-\udfff]")
_WANTED = ("cell_type", "source", "input", "code", "text", "metadata", "id", "level", "language")
_TEXTS = ("source", "input", "code", "text")


@dataclass
class LeanNotebook:
    """What was read: cells as plain dictionaries (`cell_type`, `source`, `id`, `grade_id`), in order.

    `found` says whether there was a list of cells at all, `damage` what was wrong with the file ("" when nothing),
    `skipped` how many cells could not be read, `recoded` whether bytes were read as Latin-1 that are not UTF-8.
    """

    cells: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    found: bool = False
    damage: str = ""
    skipped: int = 0
    recoded: bool = False
    text_size: int = 0


class _Broken(Exception):
    """The text is not the JSON that was expected at this place."""


class _CutOff(_Broken):
    """The file ends where something is still open."""


class _TooMuch(_Broken):
    """More than any notebook has."""


@contextmanager
def as_utf8(file: BinaryIO) -> Iterator[BinaryIO]:
    """`file` itself, or, when it is UTF-16 or UTF-32, a temporary copy of it in UTF-8."""
    encoding = wide_encoding(file.read(64))
    file.seek(0)
    if encoding is None:
        yield file
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    with tempfile.TemporaryFile() as copy:
        while data := file.read(CHUNK):
            copy.write(decoder.decode(data).encode("utf-8", "replace"))
        copy.seek(0)
        yield copy


def wide_encoding(first: bytes) -> str | None:
    """The name of the encoding when a file that starts with these bytes is UTF-16 or UTF-32, else None."""
    for mark, name in (
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if first.startswith(mark):
            return name
    # Without a mark: every second byte of ASCII text is zero.
    if len(first) >= 4 and first[1] == 0 and first[3] == 0 and first[0] and first[2]:
        return "utf-16-le"
    if len(first) >= 4 and first[0] == 0 and first[2] == 0 and first[1] and first[3]:
        return "utf-16-be"
    return None


def read_cells(file: BinaryIO) -> LeanNotebook:
    """The notebook in a file that is open for reading bytes (and can be sought in)."""
    book = LeanNotebook()
    with as_utf8(file) as text:
        scan = _Scan(text)
        try:
            scan.skip_mark()
            _read_top(scan, book)
        except _TooMuch as error:
            book.damage = str(error)
        except _Broken as error:
            book.damage = "it is cut off" if isinstance(error, _CutOff) else "it is damaged"
            # What is broken may have hidden what follows it, so nothing that was read so far is relied on.
            book.cells, book.skipped, book.text_size = [], 0, 0
            _salvage(text, book)
        else:
            if not book.cells:
                # A notebook inside something else, such as the answer of a server.
                _salvage(text, book)
    return book


def _read_top(scan: _Scan, book: LeanNotebook) -> None:
    if scan.peek() != b"{":
        raise _Broken
    for key in scan.members():
        if key == "cells":
            _read_list(scan, book)
        elif key == "worksheets" and scan.peek() == b"[":
            scan.take(b"[")
            for _ in scan.items():
                _read_worksheet(scan, book)
        elif key == "metadata":
            value = _decoded(scan.value(MAX_VALUE), book)
            book.metadata = value if isinstance(value, dict) else {}
        elif key == "ipynb" and scan.peek() == b"{":
            # What some editors hand out around a notebook.
            _read_top(scan, book)
        else:
            scan.value(0)


def _read_worksheet(scan: _Scan, book: LeanNotebook) -> None:
    if scan.peek() != b"{":
        scan.value(0)
        return
    for key in scan.members():
        if key == "cells":
            _read_list(scan, book)
        else:
            scan.value(0)


def _read_list(scan: _Scan, book: LeanNotebook) -> None:
    if scan.peek() != b"[":
        scan.value(0)
        return
    book.found = True
    scan.take(b"[")
    for _ in scan.items():
        if scan.peek() == b"{":
            _keep(_read_cell(scan, book), book)
        else:
            scan.value(0)
            book.skipped += 1


def _read_cell(scan: _Scan, book: LeanNotebook, wary: bool = False) -> dict[str, Any]:
    """One cell. A `wary` reader raises _Broken also when what it passes over is not JSON (of a few megabytes)."""
    cell = {}
    for key in scan.members():
        raw = scan.value(MAX_VALUE if wary or key in _WANTED else 0)
        if wary and raw is not None:
            _check(raw)
        if key in _WANTED:
            cell[key] = _decoded(raw, book)
    return cell


def _check(raw: bytes) -> None:
    try:
        json.loads(raw.decode("utf-8", "replace"), strict=False)
    except ValueError:
        raise _Broken from None
    except (RecursionError, MemoryError):
        return


def _keep(cell: dict[str, Any], book: LeanNotebook) -> None:
    """Add a cell in the one form that we use, or count it as left out."""
    kind = cell.get("cell_type")
    texts = [cell[name] for name in _TEXTS if name in cell]
    source = _joined(texts[0]) if texts else None
    if source is None or kind not in ("code", "markdown", "raw", "heading", "html"):
        book.skipped += 1
        return
    if len(book.cells) >= MAX_CELLS:
        raise _TooMuch(f"it has more than {MAX_CELLS:,} cells")
    book.text_size += len(source)
    if book.text_size > MAX_TEXT:
        raise _TooMuch(f"its cells hold more than {MAX_TEXT >> 20} MB of text")
    if kind == "heading":
        level = cell.get("level")
        source = "#" * (level if isinstance(level, int) and 1 <= level <= 6 else 1) + " " + source
    grading = cell.get("metadata")
    grading = grading.get("nbgrader") if isinstance(grading, dict) else None
    grade_id = grading.get("grade_id") if isinstance(grading, dict) else None
    book.cells.append(
        {
            "cell_type": {"heading": "markdown", "html": "markdown"}.get(kind, kind),
            "source": source,
            "id": cell.get("id") if isinstance(cell.get("id"), str) else "",
            "grade_id": grade_id if isinstance(grade_id, str) else "",
        }
    )


def _joined(source: Any) -> str | None:
    """A cell's text, which the format allows to be a list of lines; None when it is neither."""
    if source is None:
        return ""
    if isinstance(source, str):
        return plain_text(source)
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        # Some tools write the lines without their line ends.
        bare = len(source) > 1 and not any(line.endswith(("\n", "\r")) for line in source[:-1])
        return plain_text(("\n" if bare else "").join(source))
    return None


def plain_text(text: str) -> str:
    """Text with line feeds only, and without halves of characters that no file can hold."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.encode("utf-8", "replace").decode("utf-8") if _HALVES.search(text) else text


def _decoded(raw: bytes | None, book: LeanNotebook) -> Any:
    """The value of a piece of JSON; None when it is none (or too long, or too deep)."""
    if raw is None:
        return None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        book.recoded = True
        text = raw.decode("cp1252", "replace")
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError, MemoryError):
        return None


def _salvage(file: BinaryIO, book: LeanNotebook) -> None:
    """Add every cell that can still be read, and, between those, every text that says it is a cell's.

    What is read again and again is bounded by a few times the file's size.
    """
    places = list(_places(file))
    budget = 3 * file.seek(0, os.SEEK_END) + 64 * CHUNK
    done = 0
    try:
        for place in places:
            if place < done or budget <= 0:
                continue
            scan = _Scan(file, place, budget)
            try:
                cell = _read_cell(scan, book, wary=True)
            except _Broken:
                continue
            finally:
                budget -= scan.where() - place
            if "cell_type" in cell and any(name in cell for name in _TEXTS):
                _rescue(file, done, place, book)
                _keep(cell, book)
                book.found = True
                done = scan.where()
        _rescue(file, done, None, book)
    except _TooMuch as error:
        book.damage = str(error)


def _places(file: BinaryIO) -> Iterator[int]:
    """Where something starts that may be a cell."""
    scan = _Scan(file)
    for _ in range(4 * MAX_CELLS):
        if scan.find(_CELL_START) is None:
            return
        yield scan.where()
        scan.step()


def _rescue(file: BinaryIO, start: int, stop: int | None, book: LeanNotebook) -> None:
    """Cells of which only the kind and the text can be read, between two places."""
    scan = _Scan(file, start)
    kind = None
    for _ in range(4 * MAX_CELLS):
        match = scan.find(_KIND_OR_SOURCE)
        if match is None or (stop is not None and scan.where() >= stop):
            break
        scan.step(len(match[0]))
        if match["inner"]:
            continue
        if match["kind"]:
            book.skipped += kind is not None
            kind = match["kind"].decode()
        elif kind is not None:
            try:
                source = _decoded(scan.value(MAX_VALUE), book)
            except _Broken:
                break
            if _joined(source) is not None:
                _keep({"cell_type": kind, "source": source}, book)
                book.found, kind = True, None
    book.skipped += kind is not None


class _Scan:
    """A place in a text of JSON that is read piece by piece."""

    def __init__(self, file: BinaryIO, start: int = 0, budget: int | None = None):
        self._file = file
        self._start = start
        self._buffer = b""
        self._at = 0
        self._left = budget
        self._steps = 0

    def skip_mark(self) -> None:
        """Step over a byte order mark."""
        self._more()
        if self._buffer.startswith(codecs.BOM_UTF8):
            self._at = len(codecs.BOM_UTF8)

    def where(self) -> int:
        """The place in the file, in bytes."""
        return self._start + self._at

    def step(self, size: int = 1) -> None:
        """Go on by some bytes that were seen."""
        self._at += size

    def _more(self) -> bool:
        """Drop what is done with and read on; False at the end."""
        self._file.seek(self._start + len(self._buffer))
        data = self._file.read(CHUNK) if self._left is None or self._left > 0 else b""
        if not data:
            return False
        if self._left is not None:
            self._left -= len(data)
        self._start += self._at
        self._buffer = self._buffer[self._at :] + data
        self._at = 0
        return True

    def _count(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise _TooMuch("it is nested beyond reason")

    def peek(self) -> bytes:
        """The next byte that is no space. Raises _CutOff at the end."""
        while True:
            self._at = _SPACE.match(self._buffer, self._at).end()
            if self._at < len(self._buffer):
                return self._buffer[self._at : self._at + 1]
            if not self._more():
                raise _CutOff

    def take(self, byte: bytes) -> None:
        """Step over one byte that has to stand here."""
        if self.peek() != byte:
            raise _Broken
        self._at += 1

    def items(self):
        """One turn for each item of a list whose bracket was taken; the caller reads the item."""
        if self.peek() == b"]":
            self.take(b"]")
            return
        while True:
            self._count()
            yield
            if self.peek() == b"]":
                self.take(b"]")
                return
            self.take(b",")
            if self.peek() == b"]":
                # A comma too many, as hand-edited files have it.
                self.take(b"]")
                return

    def members(self):
        """The keys of an object, one by one; the caller reads each value."""
        self.take(b"{")
        if self.peek() == b"}":
            self.take(b"}")
            return
        while True:
            self._count()
            if self.peek() != b'"':
                raise _Broken
            raw = self.value(MAX_KEY)
            self.take(b":")
            self.peek()
            yield _key(raw)
            if self.peek() == b"}":
                self.take(b"}")
                return
            self.take(b",")
            if self.peek() == b"}":
                self.take(b"}")
                return

    def value(self, limit: int) -> bytes | None:
        """Step over one value; its bytes, or None when it has more than `limit` of them."""
        keep = _Piece(limit)
        first = self.peek()
        if first == b'"':
            self._at += 1
            keep.add(b'"', 0, 1)
            self._string(keep)
        elif first in b"[{":
            self._container(keep)
        else:
            self._scalar(keep)
        return keep.bytes()

    def _scalar(self, keep: _Piece) -> None:
        length = 0
        while True:
            end = _SCALAR.match(self._buffer, self._at).end()
            length += end - self._at
            keep.add(self._buffer, self._at, end)
            self._at = end
            if end < len(self._buffer) or not self._more():
                break
        if not length:
            raise _Broken

    def _string(self, keep: _Piece) -> None:
        """The rest of a string after its first quote."""
        while True:
            end = _STRING_REST.match(self._buffer, self._at).end()
            keep.add(self._buffer, self._at, end)
            self._at = end
            if end < len(self._buffer) and self._buffer[end : end + 1] == b'"':
                keep.add(b'"', 0, 1)
                self._at += 1
                return
            # Either nothing is left, or a backslash whose other half comes with the next piece.
            if not self._more():
                raise _CutOff

    def _container(self, keep: _Piece) -> None:
        depth = 0
        while True:
            if depth:
                end = _FLAT.match(self._buffer, self._at).end()
                keep.add(self._buffer, self._at, end)
                self._at = end
            if self._at == len(self._buffer):
                if not self._more():
                    raise _CutOff
                continue
            self._count()
            byte = self._buffer[self._at]
            keep.add(self._buffer, self._at, self._at + 1)
            self._at += 1
            if byte == _QUOTE:
                self._string(keep)
                continue
            depth += 1 if byte in b"[{" else -1
            if depth == 0:
                return

    def find(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """Go to the next place where `pattern` (shorter than 200 bytes) stands; None when there is none."""
        while True:
            match = pattern.search(self._buffer, self._at)
            if match:
                self._at = match.start()
                return match
            self._at = max(self._at, len(self._buffer) - 200)
            if not self._more():
                return None


class _Piece:
    """Bytes that are kept until there are too many of them."""

    def __init__(self, limit: int):
        self._limit = limit
        self._parts: list[bytes] | None = []
        self._size = 0

    def add(self, data: bytes, start: int, end: int) -> None:
        """Keep `data[start:end]`, which is not even copied when it is not kept."""
        if self._parts is None:
            return
        self._size += end - start
        if self._size > self._limit:
            self._parts = None
        else:
            self._parts.append(data[start:end])

    def bytes(self) -> bytes | None:
        return None if self._parts is None else b"".join(self._parts)


def _key(raw: bytes | None) -> str:
    try:
        return str(json.loads(raw.decode("utf-8"), strict=False)) if raw else ""
    except ValueError:
        return ""
