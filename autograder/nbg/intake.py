"""Reading what was handed in, before nbgrader sees it.

- opens a submission only when it is a plain file, never through a link, and reads one of any size in little memory;
- reads notebooks of every format version and in every encoding, and what can be saved of a damaged one;
- reads Python scripts and Markdown texts that were made from a notebook (`autograder.formats`);
- says in one sentence what is wrong with a file that is no notebook (empty, a web page, no cells);
- finds the file among what a student handed in: by its name, and by what stands in it (`find_submission`);
- matches the notebook's cells to the exercises (`identity.match`) and collects what a person should know.

Nothing in a file makes these functions raise anything but BadNotebook.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import nbformat
from nbformat import NotebookNode

from autograder.formats import cells_of, decoded, other_kind
from autograder.lean import LeanNotebook, read_cells, wide_encoding
from autograder.nbg.identity import Matched, match, role_of
from mechanisms.errors import BadNotebook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from autograder.specs.base import Chapter

MEGABYTE = 1 << 20
# Outputs are passed over unread, so a file's size costs time only (about a second for 200 MB).
SIZE_LIMIT = 4096 * MEGABYTE
TEXT_LIMIT = 8 * MEGABYTE
SUFFIXES = (".ipynb", ".py", ".md", ".markdown", ".qmd", ".rmd", ".json", ".txt")
MAX_FILES = 2_000
MAX_DEPTH = 8
_IDENT = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_FORMS = {"script": "a Python script", "markdown": "a Markdown text"}


@dataclass
class Intake:
    """A submission that can be graded, with sentences about what is odd in it."""

    matched: Matched
    notices: list[str] = field(default_factory=list)


def read_notebook(path: Path) -> tuple[NotebookNode, list[str]]:
    """The notebook in a file and sentences about what was odd.

    The notebook is nbformat 4.5 with types, sources, ids and nbgrader's grade ids only: outputs and other metadata
    are never read. Its `metadata.read_as` is "notebook", "script" or "markdown".
    Raises BadNotebook with one sentence when the file cannot be graded.
    """
    try:
        with _opened(path) as file:
            return _read(path, file)
    except OSError as error:
        raise BadNotebook(f"{shown_name(path)} cannot be read ({error.strerror or error}); ask for it again.") from None


def shown_name(path: Path) -> str:
    """A file's name as it may stand in a sentence: one line, printable, not too long."""
    name = "".join(letter if letter.isprintable() else "?" for letter in path.name)
    return name if len(name) <= 100 else f"{name[:60]}…{name[-30:]}"


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The file, open for reading; links, folders, pipes and devices are refused without waiting for them."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        others = sorted(path.parent.glob("*.ipynb"))
        hint = f" (there is {shown_name(others[0])}: rename it if it is the one)" if others else ""
        raise BadNotebook(f"{shown_name(path)} was not handed in{hint}.") from None
    if not stat.S_ISREG(status.st_mode):
        raise BadNotebook(f"{shown_name(path)} is a link or a folder, not a file; ask for the notebook itself.")
    if status.st_size > SIZE_LIMIT:
        size = status.st_size / MEGABYTE
        raise BadNotebook(f"{shown_name(path)} has {size:,.0f} MB; ask for a copy with its outputs cleared.")
    flags = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise BadNotebook(f"{shown_name(path)} is a link or a folder, not a file; ask for the notebook itself.")
        yield file


def _read(path: Path, file: BinaryIO) -> tuple[NotebookNode, list[str]]:
    start = file.read(1 << 16)
    file.seek(0)
    size = os.fstat(file.fileno()).st_size
    if not start.strip() and size <= len(start):
        raise BadNotebook(f"{shown_name(path)} is an empty file; ask for it again.")
    kind = other_kind(start)
    if kind:
        raise BadNotebook(f"{shown_name(path)} is not a notebook (it is not valid JSON but {kind}); ask for it again.")
    seen = start.decode(wide_encoding(start) or "latin-1", "replace").lstrip("\ufeff\u00ef\u00bb\u00bf \t\r\n")
    if seen.startswith("{") or '"cell_type"' in seen:
        book = read_cells(file)
        if book.cells or seen.startswith("{"):
            return _from_json(path, book)
        file.seek(0)
    if size <= TEXT_LIMIT and not seen.startswith("["):
        text, recoded = decoded(file.read())
        form, cells = cells_of(text, path.suffix.lower())
        if cells:
            notices = [f"It was handed in as {_FORMS[form]}, not as a notebook; its cells were told apart by its text."]
            return _notebook(cells, form), notices + _encoding_notice(recoded)
    why = "it has no list of cells" if start.strip() in (b"[]", b"null") else "it is not valid JSON"
    raise BadNotebook(f"{shown_name(path)} is not a notebook ({why}); ask for it again.")


def _from_json(path: Path, book: LeanNotebook) -> tuple[NotebookNode, list[str]]:
    name = shown_name(path)
    if not book.cells:
        if book.skipped and not book.damage:
            raise BadNotebook(f"{name} is not a valid notebook (none of its cells can be read); ask for it again.")
        if book.damage:
            why = f"it is not valid JSON: {book.damage}"
        else:
            why = "its list of cells is empty" if book.found else "it has no list of cells"
        raise BadNotebook(f"{name} is not a notebook ({why}); ask for it again.")
    notices = []
    left_out = f"{book.skipped} cell{'s' if book.skipped != 1 else ''} could not be read"
    if book.damage:
        rest = left_out if book.skipped else "all that was found of it was read"
        notices.append(f"The file is damaged ({book.damage}): {len(book.cells)} cells were read, {rest}.")
    elif book.skipped:
        notices.append(f"{left_out[:1].upper()}{left_out[1:]} and were left out.")
    kernel = book.metadata.get("kernelspec")
    if not (isinstance(kernel, dict) and kernel.get("name")):
        notices.append("The notebook names no kernel; it was run with the course's own (python3).")
    return _notebook(book.cells, "notebook"), notices + _encoding_notice(book.recoded)


def _encoding_notice(recoded: bool) -> list[str]:
    return ["The file is not UTF-8; it was read as Latin-1."] if recoded else []


def _notebook(cells: list[dict[str, Any]], form: str) -> NotebookNode:
    nodes = []
    seen: set[str] = set()
    for number, cell in enumerate(cells):
        ident = cell["id"]
        if not _IDENT.fullmatch(ident) or ident in seen:
            ident = _free(f"cell-{number}", seen)
        seen.add(ident)
        kind = cell["cell_type"]
        # nbformat's own makers of cells validate each of them, which takes longer than all the rest of reading.
        node = NotebookNode(
            id=ident,
            cell_type=kind,
            source=cell["source"],
            metadata=nbformat.from_dict({"nbgrader": {"grade_id": cell["grade_id"]}} if cell["grade_id"] else {}),
        )
        if kind == "code":
            node.update(execution_count=None, outputs=[])
        nodes.append(node)
    return NotebookNode(cells=nodes, metadata=NotebookNode(read_as=form), nbformat=4, nbformat_minor=5)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "-"
    return name


def take_in(path: Path, release: NotebookNode) -> Intake:
    """Read and match one submission. Raises BadNotebook when a person has to look at it first."""
    notebook, notices = read_notebook(path)
    matched = match(notebook, release)
    return Intake(matched, notices + matched.notices)


def notebook_files(folder: Path) -> list[Path]:
    """The plain files below a folder that may be notebooks, nearest and then by name; links are never followed."""
    found: list[Path] = []
    level = [folder]
    for _ in range(MAX_DEPTH):
        below: list[Path] = []
        for place in level:
            try:
                entries = sorted(os.scandir(place), key=lambda entry: entry.name)
            except OSError:
                continue
            for entry in entries:
                if entry.name.startswith(".") or entry.name == "__MACOSX":
                    continue
                if entry.is_dir(follow_symlinks=False):
                    below.append(place / entry.name)
                elif entry.is_file(follow_symlinks=False) and entry.name.lower().endswith(SUFFIXES):
                    found.append(place / entry.name)
                if len(found) + len(below) >= MAX_FILES:
                    return found
        level = below
    return found


def find_submission(folder: Path, chapter: Chapter, release: NotebookNode) -> Path:
    """The file in a student's folder for a chapter that is to be graded.

    That is the one with the expected name, when exercises of the chapter are in it; otherwise the one, in this
    folder or below it, in which most of them are, and among equals the one with most of them worked on, then the
    newest. Raises BadNotebook with one sentence when there is none; a file that stands alone under the expected name
    is given back unread.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise BadNotebook(f"Nothing was handed in for {chapter.slug}.")
    expected = folder / f"{chapter.notebook}.ipynb"
    others = [path for path in notebook_files(folder) if path != expected and path.name != "timestamp.txt"]
    reason = None
    if os.path.lexists(expected):
        if not others:
            # The usual case, in which the file is read once, by whoever asked.
            return expected
        try:
            take_in(expected, release)
        except BadNotebook as error:
            reason = error
        else:
            return expected
    best: tuple[tuple, Path] | None = None
    for path in others:
        try:
            worth = _worth(path, release)
        except BadNotebook as error:
            if path.suffix.lower() in (".ipynb", ".py"):
                reason = reason or error
            continue
        if best is None or worth > best[0]:
            best = (worth, path)
    if best is not None:
        return best[1]
    raise reason or BadNotebook(f"No notebook was handed in for {chapter.slug}; ask for it.")


def _worth(path: Path, release: NotebookNode) -> tuple[int, int, float]:
    matched = take_in(path, release).matched
    stubs = {cell.source.strip() for cell in release.cells if role_of(cell) in ("solution", "rubric")}
    done = [cell for cell in matched.notebook.cells if role_of(cell) in ("solution", "rubric")]
    worked = sum(cell.source.strip() not in stubs for cell in done)
    return (-len(matched.lost), worked, path.lstat().st_mtime)
