"""Which cell of a submission is which: by its text first, then by its metadata.

- reads the marker comment `# exercise: ch02.scale_head` in a cell's source (`<!-- ... -->` in free text);
- falls back on nbgrader's grade id, the cell's own id, and at last on the function that the cell defines;
- writes all metadata anew from the release notebook, so nothing in the submission's metadata is believed;
- keeps one cell per identity (one that was worked on before an untouched stub, then the last);
- a cell into which several exercises were merged is run once and counts for each: `metadata.mechanisms.exercise`
  is the first of them and `metadata.mechanisms.also` lists the others;
- an exercise that was split over several cells keeps them all, in their order, before its check;
- a check line among other code is left out, and the check cell put back below; a lost check or setup cell too;
- names what could not be found, so that it is looked at by a person instead of scoring a silent 0;
- says which chapter's notebook it is when it is another one's.
"""

from __future__ import annotations

import ast
import copy
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbformat.v4 import new_code_cell, new_markdown_cell

from autograder.formats import MAGIC
from mechanisms.errors import BadNotebook

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from autograder.specs.base import Chapter

MARKER = re.compile(r"(?:#|<!--)[ \t]*exercise:[ \t]*(ch\d\d\.\w+)")
_MARK_LINE = re.compile(r"(?m)^[ \t]*(?:#|<!--)[ \t]*exercise:[ \t]*(ch\d\d)\.(\w+)")
_TEXT_MARK_LINE = re.compile(r"(?m)^[ \t]*<!--[ \t]*exercise:[ \t]*(ch\d\d)\.(\w+)")
_CHECK_LINE = re.compile(r"^[ \t]*check\([ \t]*(?P<name>\w+).*#[ \t]*exercise:[ \t]*(?P<chapter>ch\d\d)\.\w+")
_BARE_CHECK = re.compile(r"^[ \t]*check\([ \t]*(?P<name>\w+)[ \t]*\)[ \t]*(?:#.*)?$")
# How sure an identification is: higher wins, among equals the later cell wins.
BY_MARKER, BY_GRADE_ID, BY_CELL_ID, BY_FUNCTION = 4, 3, 2, 1

# Cells of ours that grading does not run: figures, demonstrations, predictions, and checks (these it makes itself).
SKIPPED = ("demo", "paper", "predict", "copy", "check")

Key = tuple[str, str]


@dataclass
class Matched:
    """A submission with our metadata. `lost` maps what was not found (exercise or question) to a sentence.

    With something lost the submission is partly matched (`results.PARTLY`).
    """

    notebook: NotebookNode
    notices: list[str] = field(default_factory=list)
    lost: dict[str, str] = field(default_factory=dict)


def role_of(cell: Any) -> str:
    """The role written in a cell's metadata by the build or by `match`."""
    return cell.metadata.get("mechanisms", {}).get("role", "")


def exercise_of(cell: Any) -> str:
    """The exercise (or free-text question) that a cell belongs to, or an empty string."""
    return cell.metadata.get("mechanisms", {}).get("exercise", "")


def exercises_of(cell: Any) -> list[str]:
    """Every exercise that a cell belongs to: more than one where a student merged their cells."""
    about = cell.metadata.get("mechanisms", {})
    return [name for name in (about.get("exercise", ""), *about.get("also", [])) if name]


def match(submission: NotebookNode, release: NotebookNode) -> Matched:
    """Identify every cell of `submission` against the `release` notebook; the submission itself is not changed.

    Raises BadNotebook when not a single exercise of the release can be found in it.
    """
    notebook = copy.deepcopy(submission)
    known = _Known(release)
    result = Matched(notebook)
    _mend_kinds(result, known)
    script = notebook.metadata.get("read_as") == "script"
    notebook.cells = [piece for cell in notebook.cells for piece in _parted(cell, known, script)]
    claims = _claims(notebook, known)
    chosen = _choose(claims, notebook, known, result)
    exercises = [name for role, name in known.graded if role == "solution"]
    if exercises and not any(("solution", name) in chosen for name in exercises):
        raise BadNotebook(_stranger(notebook, known))
    owners: dict[int, list[Key]] = {}
    for key in known.graded:
        if key in chosen:
            owners.setdefault(chosen[key], []).append(key)
    _write_metadata(notebook, known, owners, claims)
    places = _leave_out_checks(notebook, known)
    _restore(result, known, chosen, places)
    _unique_ids(notebook)
    for keys in owners.values():
        if len(keys) > 1:
            names = [name for _, name in keys]
            result.notices.append(f"{_listed(names)} stand in one cell; each of them counts.")
    return result


class _Known:
    """What a release notebook holds, looked up in the ways that matching needs."""

    def __init__(self, release: NotebookNode):
        self.release = release
        self.graded: dict[Key, Any] = {
            (role_of(cell), exercise_of(cell)): cell
            for cell in release.cells
            if role_of(cell) in ("solution", "check", "rubric")
        }
        marks = [found for (role, _), cell in self.graded.items() for found in _MARK_LINE.findall(cell.source)]
        self.chapter = marks[0][0] if marks else ""
        self.by_grade_id = {cell.metadata["nbgrader"]["grade_id"]: key for key, cell in self.graded.items()}
        self.by_cell_id = {cell.id: key for key, cell in self.graded.items() if cell.get("id")}
        self.by_text = {(cell.cell_type, cell.source.strip()): cell for cell in release.cells}
        self.by_id = {cell.id: cell for cell in release.cells if cell.get("id")}
        self.stubs = {key: _bare(cell.source) for key, cell in self.graded.items() if key[0] == "solution"}

    def marked(self, source: str, role: str) -> list[str]:
        """The exercises or questions whose marker stands at the start of a line."""
        pattern = _TEXT_MARK_LINE if role == "rubric" else _MARK_LINE
        names = [name for chapter, name in pattern.findall(source) if chapter == self.chapter]
        return list(dict.fromkeys(name for name in names if (role, name) in self.graded))

    def check_of(self, line: str) -> str:
        """The exercise whose check a line is, or an empty string."""
        found = _CHECK_LINE.match(line) or _BARE_CHECK.match(line)
        return found["name"] if found and ("check", found["name"]) in self.graded else ""

    def is_ungraded(self, cell: Any) -> bool:
        """Whether a cell is, to the letter, one that was released without anything to answer in it."""
        original = self.by_text.get((cell.cell_type, cell.source.strip()))
        return original is not None and role_of(original) not in ("solution", "check", "rubric")


def _bare(source: str) -> str:
    """A text without what makes no difference: space at line ends and empty lines."""
    return "\n".join(line.rstrip() for line in source.splitlines() if line.strip())


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]


def _mend_kinds(result: Matched, known: _Known) -> None:
    """Code that stands in a text cell, and a written answer in a code cell, as happens with one wrong key."""
    cells = result.notebook.cells
    for number, cell in enumerate(cells):
        if cell.cell_type == "markdown" or known.marked(cell.source, "solution"):
            continue
        # In code, a marker further down may stand in a string.
        where = cell.source if cell.cell_type == "raw" else cell.source.lstrip().split("\n", 1)[0]
        names = known.marked(where, "rubric")
        if names:
            cells[number] = new_markdown_cell(cell.source, metadata=cell.metadata, id=cell.get("id"))
            result.notices.append(f"The answer to '{names[0]}' was no text cell; it was read as one.")
    in_code = {name for cell in cells if cell.cell_type == "code" for name in known.marked(cell.source, "solution")}
    for number, cell in enumerate(cells):
        first = cell.source.lstrip().split("\n", 1)[0]
        names = known.marked(first, "solution") if cell.cell_type != "code" and first.startswith("#") else []
        if names and names[0] not in in_code:
            cells[number] = new_code_cell(cell.source, metadata=cell.metadata, id=cell.get("id"))
            in_code.add(names[0])
            result.notices.append(f"The cell of {names[0]} was a text cell; it was read as code.")


def _parted(cell: Any, known: _Known, script: bool) -> list[Any]:
    """The cell, cut where that changes nothing: between written answers, and between check lines.

    In a `script`, where the borders of cells are lost, also around what was released word for word.
    """
    if cell.cell_type == "markdown":
        lines = cell.source.split("\n")
        starts = [number for number, line in enumerate(lines) if known.marked(line, "rubric")]
        if len(starts) > 1:
            borders = [0, *starts[1:], len(lines)]
            texts = ["\n".join(lines[a:b]) for a, b in zip(borders, borders[1:], strict=False)]
            return [_piece(cell, text, number) for number, text in enumerate(texts)]
    elif cell.cell_type == "code":
        checks = _only_checks(cell.source, known)
        if len(checks) > 1:
            lines = [line for line in cell.source.split("\n") if known.check_of(line)]
            return [_piece(cell, line, number) for number, line in enumerate(lines)]
        if script:
            return [_piece(cell, text, number) for number, text in enumerate(_around_released(cell.source, known))]
    return [cell]


def _around_released(source: str, known: _Known) -> list[str]:
    """The text, cut where a released cell without an answer stands in it line by line."""
    texts = [source]
    for original in known.release.cells:
        lines = original.source.strip("\n").rstrip().split("\n")
        if original.cell_type != "code" or (role_of(original), exercise_of(original)) in known.graded or not lines[0]:
            continue
        for number, text in enumerate(texts):
            mine = [line.rstrip() for line in text.split("\n")]
            wanted = [line.rstrip() for line in lines]
            starts = (n for n in range(len(mine) - len(wanted) + 1) if mine[n] == wanted[0])
            at = next((n for n in starts if mine[n : n + len(wanted)] == wanted), None)
            if at is not None:
                parts = (mine[:at], lines, mine[at + len(wanted) :])
                texts[number : number + 1] = ["\n".join(part) for part in parts if any(line.strip() for line in part)]
                break
    return texts


def _piece(cell: Any, text: str, number: int) -> Any:
    piece = copy.deepcopy(cell)
    piece.source = text
    if number:
        piece.metadata = type(cell.metadata)({})
        piece["id"] = f"{str(cell.get('id'))[:50]}-{number}"
    return piece


def _only_checks(source: str, known: _Known) -> list[str]:
    """The exercises whose checks a cell holds, when it holds nothing else; comments do not count."""
    names = []
    for line in source.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name = known.check_of(line)
        if not name:
            return []
        names.append(name)
    return names


def _has_code(source: str, known: _Known) -> bool:
    """Whether there is anything to run in a cell besides checks."""
    lines = [line for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return any(not known.check_of(line) for line in lines)


def _claims(notebook: NotebookNode, known: _Known) -> list[tuple[int, Key, int]]:
    """Every (cell index, identity, how sure)."""
    claims = []
    for index, cell in enumerate(notebook.cells):
        mine = [(key, BY_MARKER) for key in _by_marker(cell, known)]
        if not mine:
            grading = cell.metadata.get("nbgrader")
            grade_id = grading.get("grade_id") if isinstance(grading, dict) else None
            by_name = known.by_grade_id.get(grade_id) if isinstance(grade_id, str) else None
            ident = cell.get("id")
            by_id = known.by_cell_id.get(ident) if isinstance(ident, str) else None
            if _fits(cell, by_name, known):
                mine = [(by_name, BY_GRADE_ID)]
            elif _fits(cell, by_id, known):
                mine = [(by_id, BY_CELL_ID)]
        if not known.is_ungraded(cell):
            claimed = {key for key, _ in mine}
            keys = [("solution", name) for name in _functions(cell)]
            mine += [(key, BY_FUNCTION) for key in keys if key in known.graded and key not in claimed]
        claims += [(index, key, sure) for key, sure in mine]
    return claims


def _fits(cell: Any, key: Key | None, known: _Known) -> bool:
    """Whether what the metadata says can be: the same kind of cell, and no code of the student's in a check cell."""
    if key is None or known.graded[key].cell_type != cell.cell_type:
        return False
    return key[0] != "check" or not _has_code(cell.source, known)


def _by_marker(cell: Any, known: _Known) -> list[Key]:
    if cell.cell_type == "markdown":
        return [("rubric", name) for name in known.marked(cell.source, "rubric")]
    if cell.cell_type != "code":
        return []
    checks = _only_checks(cell.source, known)
    if checks and any(_CHECK_LINE.match(line) for line in cell.source.splitlines()):
        return [("check", checks[0])]
    return [("solution", name) for name in known.marked(cell.source, "solution")]


def _functions(cell: Any) -> list[str]:
    """Names of the functions that a code cell defines at its top level (magics are ignored)."""
    if cell.cell_type != "code":
        return []
    try:
        tree = ast.parse(MAGIC.sub(r"\1pass", cell.source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return re.findall(r"(?m)^def[ \t]+(\w+)[ \t]*\(", cell.source)
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _choose(
    claims: list[tuple[int, Key, int]], notebook: NotebookNode, known: _Known, result: Matched
) -> dict[Key, int]:
    """The cell of each identity."""
    best: dict[Key, tuple[tuple, int]] = {}
    for index, key, sure in claims:
        cell = notebook.cells[index]
        worked_on = key[0] == "solution" and _bare(cell.source) != known.stubs[key]
        defines = sure == BY_MARKER and key[1] in _functions(cell)
        rank = (worked_on, sure, defines, index)
        if key not in best or rank > best[key][0]:
            best[key] = (rank, sure)
    for key, (rank, sure) in best.items():
        same = [n for n, other, strength in claims if other == key and strength == sure]
        stubs = [n for n in same if key[0] == "solution" and _bare(notebook.cells[n].source) == known.stubs[key]]
        what = {"solution": "cell", "check": "check cell", "rubric": "answer cell"}[key[0]]
        if len(same) > 1 and sure > BY_FUNCTION:
            counts = "the one that was worked on" if len(stubs) == len(same) - 1 and rank[0] else "the last one"
            result.notices.append(f"The {what} of {key[1]} is there {len(same)} times; {counts} counts.")
        if key[0] == "solution" and sure == BY_FUNCTION and not _beside_others(claims, rank[-1]):
            result.notices.append(f"The cell of {key[1]} had lost its marker and was found by the function's name.")
    return {key: rank[-1] for key, (rank, _) in best.items()}


def _beside_others(claims: list[tuple[int, Key, int]], index: int) -> bool:
    """Whether a cell has another identity too, of which it is surer (the cells were merged)."""
    return any(n == index and sure > BY_FUNCTION for n, _, sure in claims)


def _write_metadata(
    notebook: NotebookNode, known: _Known, owners: dict[int, list[Key]], claims: list[tuple[int, Key, int]]
) -> None:
    used = set()
    marked = {index: key for index, key, sure in claims if key[0] == "solution" and sure == BY_MARKER}
    for index, cell in enumerate(notebook.cells):
        if index in owners:
            original = known.graded[owners[index][0]]
        else:
            original = known.by_text.get((cell.cell_type, cell.source.strip())) or known.by_id.get(cell.get("id"))
            if original is not None and (role_of(original) in ("solution", "check", "rubric") or original.id in used):
                original = None
        if original is None or original.cell_type != cell.cell_type:
            # An untouched stub beside the answer would undo it; a second check has nothing to say.
            stub = index in marked and _bare(cell.source) == known.stubs[marked[index]]
            role = "copy" if stub or _only_checks(cell.source, known) else "student"
            cell.metadata = type(cell.metadata)({"mechanisms": {"role": role}})
            continue
        used.add(original.id)
        cell.metadata = copy.deepcopy(original.metadata)
        cell["id"] = original.id
        also = [name for _, name in owners.get(index, [])[1:]]
        if also:
            cell.metadata["mechanisms"]["also"] = also


def _leave_out_checks(notebook: NotebookNode, known: _Known) -> dict[str, Any]:
    """Take the check lines out of cells that hold other code; the last such cell of each exercise.

    A check that fails raises, and would keep the rest of its cell from running.
    """
    places = {}
    for cell in notebook.cells:
        if cell.cell_type != "code" or role_of(cell) not in ("solution", "student"):
            continue
        lines = cell.source.split("\n")
        for number, line in enumerate(lines):
            name = known.check_of(line)
            if name:
                places[name] = cell
                indent = line[: len(line) - len(line.lstrip())]
                lines[number] = f"{indent}pass  # {line.strip()}"
        cell.source = "\n".join(lines)
    return places


def _restore(result: Matched, known: _Known, chosen: dict[Key, int], places: dict[str, Any]) -> None:
    cells = result.notebook.cells
    for (role, name), original in known.graded.items():
        if (role, name) in chosen:
            continue
        if role == "solution":
            result.lost[name] = f"No cell with the function {name} was found."
        elif role == "rubric":
            result.lost[name] = f"No cell with the answer to the question '{name}' was found."
        else:
            cells.insert(_place_of_check(cells, name, places.get(name)), copy.deepcopy(original))
            result.notices.append(f"The check cell of {name} was missing and was put back.")
    ours = [cell.id for cell in cells if role_of(cell) == "setup"]
    setups = [cell for cell in known.release.cells if role_of(cell) == "setup"]
    first_answer = next((n for n, cell in enumerate(cells) if role_of(cell) == "solution"), len(cells))
    for cell in reversed(setups):
        if cell.id not in ours:
            cells.insert(0, new_code_cell(cell.source, metadata=copy.deepcopy(cell.metadata), id=cell.id))
            first_answer += 1
            result.notices.append("The setup cell was missing or rewritten, so the original one was run first.")
            continue
        at = next(n for n, mine in enumerate(cells) if role_of(mine) == "setup" and mine.id == cell.id)
        if at > first_answer:
            cells.insert(0, cells.pop(at))
            first_answer += 1
            result.notices.append("The setup cell stood below an exercise; it was run first.")


def _place_of_check(cells: list[Any], name: str, beside: Any) -> int:
    """Below the cell where the check line stood, the exercise's own cell, and the student's cells that follow it."""
    places = [n for n, cell in enumerate(cells) if cell is beside or name in exercises_of(cell)]
    if not places:
        return len(cells)
    at = last = places[-1]
    while at + 1 < len(cells) and role_of(cells[at + 1]) not in ("solution", "check"):
        at += 1
        if cells[at].cell_type == "code" and role_of(cells[at]) == "student":
            last = at
    return last + 1


def _unique_ids(notebook: NotebookNode) -> None:
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    ours = {cell.id for cell in notebook.cells if role_of(cell) not in ("student", "copy")}
    seen: set[str] = set()
    for number, cell in enumerate(notebook.cells):
        ident = cell.get("id")
        taken = seen | ours if role_of(cell) in ("student", "copy") else seen
        if not isinstance(ident, str) or not re.fullmatch(r"[\w-]{1,64}", ident, re.ASCII) or ident in taken:
            cell["id"] = next(name for name in _names(number) if name not in seen and name not in ours)
        seen.add(cell["id"])


def _names(number: int) -> Iterable[str]:
    yield f"added-{number}"
    for again in range(1, 1_000_000):
        yield f"added-{number}-{again}"


def _stranger(notebook: NotebookNode, known: _Known) -> str:
    """The sentence for a notebook in which nothing of the chapter stands."""
    others = chapters_named(notebook)
    others.pop(known.chapter, None)
    if others:
        number = others.most_common(1)[0][0].removeprefix("ch")
        return (
            f"This is the notebook of chapter {number}, not of chapter {known.chapter.removeprefix('ch')}; "
            "a person has to look at it (it may have been handed in in the wrong place)."
        )
    return (
        "None of the exercises could be found in this notebook (no marker comment, no metadata, no function "
        "of an exercise's name), so a person has to look at it."
    )


def chapters_named(notebook: NotebookNode) -> Counter[str]:
    """How often the marker comments name each chapter ("ch02")."""
    found = Counter()
    for cell in notebook.cells:
        found.update(mark.split(".")[0] for mark in set(MARKER.findall(cell.source)))
    return found


def which_chapter(notebook: NotebookNode, chapters: Iterable[Chapter]) -> Chapter | None:
    """The chapter whose exercises stand in a notebook: by marker comments, else by grade ids and functions."""
    chapters = list(chapters)
    named = chapters_named(notebook)
    marked = [(named[f"ch{chapter.number:02d}"], -n) for n, chapter in enumerate(chapters)]
    if marked and max(marked)[0]:
        return chapters[-max(marked)[1]]
    if named:
        return None
    words = Counter()
    for cell in notebook.cells:
        grading = cell.metadata.get("nbgrader")
        grade_id = grading.get("grade_id") if isinstance(grading, dict) else None
        words.update({*_functions(cell), *([grade_id] if isinstance(grade_id, str) else [])})
    counts = [(sum(words[exercise.name] > 0 for exercise in c.exercises), -n) for n, c in enumerate(chapters)]
    return chapters[-max(counts)[1]] if counts and max(counts)[0] else None
