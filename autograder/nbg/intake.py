"""Reading what was handed in, before nbgrader sees it.

- opens a submission only when it is a plain file of a sensible size;
- says in one sentence what is wrong with a file that is no notebook (empty, not JSON, no cells);
- matches the notebook's cells to the exercises (`identity.match`) and collects what a person should know.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import nbformat

from autograder.nbg.identity import Matched, match
from mechanisms.errors import BadNotebook

if TYPE_CHECKING:
    from pathlib import Path

MEGABYTE = 1 << 20
SIZE_LIMIT = 50 * MEGABYTE


@dataclass
class Intake:
    """A submission that can be graded, with sentences about what is odd in it."""

    matched: Matched
    notices: list[str] = field(default_factory=list)


def read_notebook(path: Path) -> tuple[nbformat.NotebookNode, list[str]]:
    """The notebook in a file (any nbformat 4 or older) and sentences about what was odd.

    Raises BadNotebook with one sentence when the file cannot be graded.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise BadNotebook(f"{path.name} is a link or a folder, not a file; ask for the notebook itself.")
    if not path.exists():
        others = sorted(other.name for other in path.parent.glob("*.ipynb"))
        hint = f" (there is {others[0]}: rename it if it is the one)" if others else ""
        raise BadNotebook(f"{path.name} was not handed in{hint}.")
    size = path.stat().st_size
    if size > SIZE_LIMIT:
        raise BadNotebook(f"{path.name} has {size / MEGABYTE:.0f} MB; ask for a copy with its outputs cleared.")
    content = path.read_bytes()
    if not content.strip():
        raise BadNotebook(f"{path.name} is an empty file; ask for it again.")
    try:
        data = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise BadNotebook(f"{path.name} is not a notebook (it is not valid JSON); ask for it again.") from None
    if not isinstance(data, dict) or not ("cells" in data or "worksheets" in data):
        raise BadNotebook(f"{path.name} is not a notebook (it has no list of cells); ask for it again.")
    notices = []
    metadata = data.get("metadata")
    kernel = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    if not (isinstance(kernel, dict) and kernel.get("name")):
        notices.append("The notebook names no kernel; it was run with the course's own (python3).")
    return _parse(path, data), notices


def _parse(path: Path, data: dict) -> nbformat.NotebookNode:
    """Repair what editors are known to drop (ids, kernel, metadata), then let nbformat judge the rest."""
    try:
        if "cells" in data:
            data["metadata"] = {}
            data["nbformat"], data["nbformat_minor"] = 4, 5
            for number, cell in enumerate(data["cells"]):
                cell["metadata"] = cell.get("metadata") if isinstance(cell.get("metadata"), dict) else {}
                cell.setdefault("id", f"cell-{number}")
                if isinstance(cell.get("source"), list):
                    cell["source"] = "".join(cell["source"])
                if cell["cell_type"] == "code":
                    cell["outputs"], cell["execution_count"] = [], None
            notebook = nbformat.from_dict(data)
            ids = [cell.id for cell in notebook.cells]
            if len(set(ids)) < len(ids):
                for number, cell in enumerate(notebook.cells):
                    cell["id"] = cell.id if ids.index(cell.id) == number else f"again-{number}"
        else:
            notebook = nbformat.convert(nbformat.from_dict(data), 4)
        nbformat.validate(notebook)
    except Exception as error:
        raise BadNotebook(f"{path.name} is not a valid notebook; ask for it again ({_first_line(error)}).") from None
    return notebook


def _first_line(error: Exception) -> str:
    text = str(getattr(error, "message", "") or error).strip() or type(error).__name__
    return text.splitlines()[0][:120]


def take_in(path: Path, release: nbformat.NotebookNode) -> Intake:
    """Read and match one submission. Raises BadNotebook when a person has to look at it first."""
    notebook, notices = read_notebook(path)
    matched = match(notebook, release)
    return Intake(matched, notices + matched.notices)
