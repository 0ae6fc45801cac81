"""Which cell of a submission is which: by its text first, then by its metadata.

- reads the marker comment `# exercise: ch02.scale_head` in a cell's source (`<!-- ... -->` in free text);
- falls back on nbgrader's grade id, the cell's own id, and at last on the function that the cell defines;
- writes all metadata anew from the release notebook, so nothing in the submission's metadata is believed;
- keeps one cell per identity (the last), puts a lost check or setup cell back, and says what it did;
- names what could not be found, so that it is looked at by a person instead of scoring a silent 0.
"""

from __future__ import annotations

import ast
import copy
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbformat.v4 import new_code_cell

from mechanisms.errors import BadNotebook

if TYPE_CHECKING:
    from nbformat import NotebookNode

MARKER = re.compile(r"(?:#|<!--)[ \t]*exercise:[ \t]*(ch\d\d\.\w+)")
_CHECK_LINE = re.compile(r"^[ \t]*check\(.*#[ \t]*exercise:[ \t]*(ch\d\d\.\w+)", re.MULTILINE)
# How sure an identification is: higher wins, among equals the later cell wins.
BY_MARKER, BY_GRADE_ID, BY_CELL_ID, BY_FUNCTION = 4, 3, 2, 1


@dataclass
class Matched:
    """A submission with our metadata. `lost` maps what was not found (exercise or question) to a sentence."""

    notebook: NotebookNode
    notices: list[str] = field(default_factory=list)
    lost: dict[str, str] = field(default_factory=dict)


def role_of(cell: Any) -> str:
    """The role written in a cell's metadata by the build or by `match`."""
    return cell.metadata.get("mechanisms", {}).get("role", "")


def exercise_of(cell: Any) -> str:
    """The exercise (or free-text question) that a cell belongs to, or an empty string."""
    return cell.metadata.get("mechanisms", {}).get("exercise", "")


def match(submission: NotebookNode, release: NotebookNode) -> Matched:
    """Identify every cell of `submission` against the `release` notebook; the submission itself is not changed.

    Raises BadNotebook when not a single exercise of the release can be found in it.
    """
    notebook = copy.deepcopy(submission)
    graded = {
        (role_of(cell), exercise_of(cell)): cell
        for cell in release.cells
        if role_of(cell) in ("solution", "check", "rubric")
    }
    claims = _claims(notebook, release, graded)
    result = Matched(notebook)
    chosen = _choose(claims, result)
    exercises = [name for role, name in graded if role == "solution"]
    if exercises and not any(("solution", name) in chosen for name in exercises):
        raise BadNotebook(
            "None of the exercises could be found in this notebook (no marker comment, no metadata, no function "
            "of an exercise's name), so a person has to look at it."
        )
    owners = {index: key for key, index in chosen.items()}
    _write_metadata(notebook, release, owners, graded)
    _restore(result, release, graded, chosen)
    _unique_ids(notebook)
    return result


def _claims(notebook: NotebookNode, release: NotebookNode, graded: dict) -> list[tuple[int, tuple[str, str], int]]:
    """Every (cell index, identity, how sure)."""
    by_grade_id = {cell.metadata["nbgrader"]["grade_id"]: key for key, cell in graded.items()}
    by_cell_id = {cell.id: key for key, cell in graded.items() if cell.get("id")}
    claims = []
    for index, cell in enumerate(notebook.cells):
        grading = cell.metadata.get("nbgrader")
        grade_id = grading.get("grade_id") if isinstance(grading, dict) else None
        marked = _by_marker(cell, graded)
        if marked:
            claims.append((index, marked, BY_MARKER))
        elif isinstance(grade_id, str) and _fits(cell, by_grade_id.get(grade_id), graded):
            claims.append((index, by_grade_id[grade_id], BY_GRADE_ID))
        elif _fits(cell, by_cell_id.get(cell.get("id")), graded):
            claims.append((index, by_cell_id[cell["id"]], BY_CELL_ID))
        else:
            names = _functions(cell)
            claims += [(index, ("solution", name), BY_FUNCTION) for name in names if ("solution", name) in graded]
    return claims


def _fits(cell: Any, key: tuple[str, str] | None, graded: dict) -> bool:
    return key is not None and graded[key].cell_type == cell.cell_type


def _by_marker(cell: Any, graded: dict) -> tuple[str, str] | None:
    found = [mark.split(".", 1)[1] for mark in MARKER.findall(cell.source)]
    if not found:
        return None
    if cell.cell_type != "code":
        return next((("rubric", name) for name in found if ("rubric", name) in graded), None)
    checks = [mark.split(".", 1)[1] for mark in _CHECK_LINE.findall(cell.source)]
    solutions = [name for name in found if name not in checks or found.count(name) > checks.count(name)]
    for role, names in (("solution", solutions), ("check", checks)):
        for name in names:
            if (role, name) in graded:
                return role, name
    return None


def _functions(cell: Any) -> list[str]:
    """Names of the functions that a code cell defines at its top level (magics are ignored)."""
    if cell.cell_type != "code":
        return []
    try:
        tree = ast.parse(re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", cell.source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return re.findall(r"(?m)^def[ \t]+(\w+)[ \t]*\(", cell.source)
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _choose(claims: list[tuple[int, tuple[str, str], int]], result: Matched) -> dict[tuple[str, str], int]:
    best: dict[tuple[str, str], tuple[int, int]] = {}
    for index, key, sure in claims:
        if key not in best or (sure, index) >= best[key]:
            best[key] = (sure, index)
    for key, (sure, _) in best.items():
        copies = sum(1 for _, other, strength in claims if other == key and strength == sure)
        what = {"solution": "cell", "check": "check cell", "rubric": "answer cell"}[key[0]]
        if copies > 1 and sure > BY_FUNCTION:
            result.notices.append(f"The {what} of {key[1]} is there {copies} times; the last one counts.")
        if key[0] == "solution" and sure == BY_FUNCTION:
            result.notices.append(f"The cell of {key[1]} had lost its marker and was found by the function's name.")
    return {key: index for key, (_, index) in best.items()}


def _write_metadata(notebook: NotebookNode, release: NotebookNode, owners: dict, graded: dict) -> None:
    by_text = {(cell.cell_type, cell.source.strip()): cell for cell in release.cells}
    by_id = {cell.id: cell for cell in release.cells if cell.get("id")}
    used = set()
    for index, cell in enumerate(notebook.cells):
        if index in owners:
            original = graded[owners[index]]
        else:
            original = by_text.get((cell.cell_type, cell.source.strip())) or by_id.get(cell.get("id"))
            if original is not None and (role_of(original) in ("solution", "check", "rubric") or original.id in used):
                original = None
        if original is None or original.cell_type != cell.cell_type:
            role = "copy" if _CHECK_LINE.search(cell.source) else "student"
            cell.metadata = type(cell.metadata)({"mechanisms": {"role": role}})
            continue
        used.add(original.id)
        cell.metadata = copy.deepcopy(original.metadata)
        cell["id"] = original.id


def _restore(result: Matched, release: NotebookNode, graded: dict, chosen: dict[tuple[str, str], int]) -> None:
    cells = result.notebook.cells
    for (role, name), original in graded.items():
        if (role, name) in chosen:
            continue
        if role == "solution":
            result.lost[name] = f"No cell with the function {name} was found."
        elif role == "rubric":
            result.lost[name] = f"No cell with the answer to the question '{name}' was found."
        else:
            places = [n for n, cell in enumerate(cells) if exercise_of(cell) == name and role_of(cell) == "solution"]
            cells.insert(places[-1] + 1 if places else len(cells), copy.deepcopy(original))
            result.notices.append(f"The check cell of {name} was missing and was put back.")
    for cell in reversed(release.cells):
        if role_of(cell) == "setup" and not any(role_of(mine) == "setup" and mine.id == cell.id for mine in cells):
            cells.insert(0, new_code_cell(cell.source, metadata=copy.deepcopy(cell.metadata), id=cell.id))
            result.notices.append("The setup cell was missing or rewritten, so the original one was run first.")


def _unique_ids(notebook: NotebookNode) -> None:
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    ours = {cell.id for cell in notebook.cells if role_of(cell) not in ("student", "copy")}
    seen: set[str] = set()
    for number, cell in enumerate(notebook.cells):
        ident = cell.get("id")
        taken = seen | ours if role_of(cell) in ("student", "copy") else seen
        if not isinstance(ident, str) or not re.fullmatch(r"[\w-]{1,64}", ident) or ident in taken:
            cell["id"] = f"added-{number}"
        seen.add(cell["id"])
