"""One percent file per chapter: the source of its notebook and of its reference answers.

- reads a Jupytext percent file and checks that every cell says what it is (its role);
- turns it into an nbgrader notebook: metadata, points from the spec, ids that never change by chance;
- puts the text that all notebooks share above the first setup cell;
- replaces a line `{card scale_head}` by the card written in the spec;
- runs the setup and solution cells alone, which gives the reference functions (`load_reference`).

Text before the first `# %%` (a module docstring, a note to authors) belongs to the file, not to the notebook.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder.build.setup_cell import setup_text
from mechanisms import address
from mechanisms.errors import BuildError

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.specs.base import Chapter, Exercise

CODE_ROLES = ("setup", "solution", "check", "demo", "paper", "predict", "code")
TEXT_ROLES = ("text", "rubric", "paper", "demo")
BEGIN = "### BEGIN SOLUTION"
END = "### END SOLUTION"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
_HEADER = re.compile(r"^# %%(\s|$)")
_CARD = re.compile(r"^\{card[ \t]+(\w+)\}[ \t]*$", re.MULTILINE)
_MAGIC = re.compile(r"^(\s*)[%!].*$", re.MULTILINE)


@dataclass(frozen=True)
class SourceCell:
    """One cell of the percent file. `line` is where its text starts in the file (1-based)."""

    kind: str
    role: str
    text: str
    line: int
    exercise: str = ""
    points: float = 0.0
    tags: tuple[str, ...] = field(default=())


def read_source(path: Path) -> list[SourceCell]:
    """The cells of a percent file. Raises BuildError with the file and line of what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BuildError(f"The chapter's source {path.name} is missing from {path.parent.name}/.") from None
    lines = text.splitlines()
    headers = [number for number, line in enumerate(lines) if _HEADER.match(line)]
    if not headers:
        raise BuildError(f"{path.name} has no cell: it needs at least one line that starts with '# %%'.")
    import jupytext  # a quarter of a second, which grading need not wait for

    parsed = jupytext.reads("\n".join(lines[headers[0] :]) + "\n", fmt="py:percent").cells
    if len(parsed) != len(headers):
        raise BuildError(f"{path.name} has {len(headers)} '# %%' lines but reads as {len(parsed)} cells.")
    return [_source_cell(path, cell, header + 2) for cell, header in zip(parsed, headers, strict=True)]


def _source_cell(path: Path, cell: Any, line: int) -> SourceCell:
    known = {"role", "exercise", "id", "points", "tags", "lines_to_next_cell", "title", "cell_marker"}
    unknown = sorted(set(cell.metadata) - known)
    where = f"{path.name}, line {line - 1}"
    if unknown:
        raise BuildError(f"{where}: the cell header has the unknown word '{unknown[0]}'.")
    role = cell.metadata.get("role", "text" if cell.cell_type == "markdown" else "code")
    allowed = TEXT_ROLES if cell.cell_type == "markdown" else CODE_ROLES
    if role not in allowed:
        raise BuildError(f'{where}: role "{role}" is not one of {", ".join(allowed)}.')
    exercise = str(cell.metadata.get("exercise") or cell.metadata.get("id") or "")
    if role in ("solution", "check", "rubric") and not exercise:
        word = "id" if role == "rubric" else "exercise"
        raise BuildError(f'{where}: a {role} cell needs {word}="..." in its header.')
    return SourceCell(
        kind=cell.cell_type,
        role=role,
        text=cell.source,
        line=line,
        exercise=exercise,
        points=float(cell.metadata.get("points", 0)),
        tags=tuple(cell.metadata.get("tags", ())),
    )


def check_source(path: Path, cells: list[SourceCell], chapter: Chapter) -> None:
    """Raise BuildError when the file and the chapter's spec do not fit each other."""
    names = [exercise.name for exercise in chapter.exercises]
    for role in ("solution", "check"):
        found = [cell.exercise for cell in cells if cell.role == role]
        for name in names:
            if found.count(name) != 1:
                raise BuildError(f"{path.name} needs exactly one {role} cell for {name}; it has {found.count(name)}.")
        strangers = [name for name in found if name not in names]
        if strangers:
            raise BuildError(f"{path.name} has a {role} cell for {strangers[0]}, which the spec does not know.")
    if not any(cell.role == "setup" for cell in cells):
        raise BuildError(f"{path.name} has no setup cell.")
    for cell in cells:
        where = f"{path.name}, line {cell.line}"
        marker = f"# exercise: {marker_id(chapter, cell.exercise)}"
        if cell.role == "solution" and cell.text.split("\n", 1)[0].strip() != marker:
            raise BuildError(f"{where}: the first line of this solution cell must be '{marker}'.")
        if cell.role == "check" and cell.text.strip() != f"check({cell.exercise})  {marker}":
            raise BuildError(f"{where}: this cell must read 'check({cell.exercise})  {marker}'.")
        if cell.role in ("solution", "rubric") and not solution_regions(cell.text):
            raise BuildError(f"{where}: this {cell.role} cell has no {BEGIN} ... {END} region.")
        if cell.role == "rubric" and cell.points <= 0:
            raise BuildError(f"{where}: this rubric cell needs points=... above zero in its header.")


def solution_regions(text: str) -> list[list[str]]:
    """The lines between each pair of solution markers (mark schemes count too). Raises BuildError when one is open."""
    regions: list[list[str]] = []
    inside = False
    for line in text.splitlines():
        if re.search(r"BEGIN (SOLUTION|MARK SCHEME)", line):
            if inside:
                raise BuildError("A solution region begins inside another one.")
            regions.append([])
            inside = True
        elif re.search(r"END (SOLUTION|MARK SCHEME)", line):
            inside = False
        elif inside:
            regions[-1].append(line)
    if inside:
        raise BuildError("A solution region is never closed.")
    return regions


def build_notebook(path: Path, chapter: Chapter) -> nbformat.NotebookNode:
    """The nbgrader source notebook of a chapter, solutions included; the same bytes for the same input."""
    cells = read_source(path)
    check_source(path, cells, chapter)
    by_name = {exercise.name: exercise for exercise in chapter.exercises}
    counts: dict[tuple[str, str], int] = {}
    built = []
    for cell in cells:
        key = (cell.role, cell.exercise)
        counts[key] = counts.get(key, 0) + 1
        if cell.role == "setup" and counts[key] == 1:
            cell = replace(cell, text=setup_text() + cell.text.lstrip("\n"))
        built.append(_notebook_cell(cell, cell_id(chapter, *key, counts[key]), chapter, by_name))
    about = {"chapter": chapter.slug}
    metadata = {"kernelspec": dict(KERNEL), "language_info": {"name": "python"}, "mechanisms": about}
    notebook = new_notebook(cells=built, metadata=metadata)
    notebook.nbformat_minor = 5
    return notebook


def cell_id(chapter: Chapter, role: str, exercise: str, ordinal: int) -> str:
    """An id that depends on what the cell is and on nothing else (12 hex digits)."""
    return hashlib.sha256(f"{chapter.slug}|{role}|{exercise}|{ordinal}".encode()).hexdigest()[:12]


def _notebook_cell(cell: SourceCell, ident: str, chapter: Chapter, specs: dict[str, Exercise]) -> Any:
    metadata: dict[str, Any] = {"mechanisms": {"role": cell.role}}
    if cell.exercise:
        metadata["mechanisms"]["exercise"] = cell.exercise
    if cell.tags:
        metadata["tags"] = list(cell.tags)
    grading = _nbgrader_metadata(cell, specs)
    if grading:
        metadata["nbgrader"] = grading
    text = cell.text
    if cell.kind == "markdown":
        text = _CARD.sub(lambda found: card(chapter, specs, found.group(1)), text)
        if cell.role == "rubric":
            text = f"<!-- exercise: {marker_id(chapter, cell.exercise)} -->\n{text}"
        return new_markdown_cell(text, metadata=metadata, id=ident)
    return new_code_cell(text, metadata=metadata, id=ident)


def _nbgrader_metadata(cell: SourceCell, specs: dict[str, Exercise]) -> dict[str, Any] | None:
    base = {"schema_version": 3, "cell_type": cell.kind, "task": False}
    if cell.role == "solution":
        return base | {"grade": False, "grade_id": cell.exercise, "locked": False, "solution": True}
    if cell.role == "check":
        points = specs[cell.exercise].points
        graded = {"grade": True, "grade_id": f"{cell.exercise}-check", "locked": True, "solution": False}
        return base | graded | {"points": points}
    if cell.role == "rubric":
        graded = {"grade": True, "grade_id": cell.exercise, "locked": False, "solution": True}
        return base | graded | {"points": cell.points}
    return None


def marker_id(chapter: Chapter, name: str) -> str:
    """The identity that stands in the text of a cell, such as "ch02.scale_head"; free-text questions have one too."""
    return f"ch{chapter.number:02d}.{name}"


def card(chapter: Chapter, specs: dict[str, Exercise], name: str) -> str:
    """The card of an exercise as markdown. Raises BuildError for a name that the spec does not know."""
    if name not in specs:
        raise BuildError(f"{{card {name}}} names no exercise of chapter {chapter.slug}.")
    about = specs[name].card
    dots = "●" * about.difficulty + "○" * (5 - about.difficulty)
    number = [exercise.name for exercise in chapter.exercises].index(name) + 1
    points = specs[name].points
    return "\n".join(
        [
            f"### Exercise {chapter.number}.{number}: {about.title}",
            "",
            f"**Difficulty** {dots} ({about.difficulty} of 5) · **about {about.minutes} minutes** · "
            f"**{points:g} point{'' if points == 1 else 's'}**",
            "",
            f"**Why it matters.** {about.why}",
            "",
            f"**In the paper.** {about.paper}",
            "",
            " · ".join(links(chapter, name)),
        ]
    )


def links(chapter: Chapter, name: str) -> list[str]:
    """Where an exercise's card leads, as Markdown links: its notebook in Colab, its place in the book, the paper."""
    notebook = address.colab(f"exercises/{chapter.slug}/{chapter.notebook}.ipynb")
    found = [f"[Open this notebook in Colab]({notebook})"]
    if chapter.page:
        found.append(f"[In the book]({address.documentation()}/{chapter.page}#{name.replace('_', '-')})")
    if chapter.paper:
        found.append(f"[The paper]({chapter.paper})")
    return found


def load_reference(path: Path, chapter: Chapter) -> dict[str, Any]:
    """Run the setup and solution cells, nothing else, and return their namespace.

    Raises BuildError when a cell does not run or when an exercise's function is missing afterwards.
    """
    cells = read_source(path)
    check_source(path, cells, chapter)
    namespace: dict[str, Any] = {"__name__": f"reference_{chapter.slug}", "__file__": str(path)}
    for cell in cells:
        if cell.role not in ("setup", "solution"):
            continue
        text = _MAGIC.sub(r"\1pass", cell.text)
        try:
            code = compile("\n" * (cell.line - 1) + text, str(path), "exec", dont_inherit=True)
            exec(code, namespace)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            raise BuildError(f"{path.name}, line {cell.line}: this {cell.role} cell does not run ({what}).") from error
    missing = [exercise.name for exercise in chapter.exercises if not callable(namespace.get(exercise.name))]
    if missing:
        raise BuildError(f"{path.name} defines no function {missing[0]}, which the spec asks for.")
    return namespace


def write_notebook(notebook: nbformat.NotebookNode) -> str:
    """A notebook as text, keys sorted, one line feed at the end: the same text for the same notebook."""
    return nbformat.writes(notebook, version=4, sort_keys=True, ensure_ascii=False, indent=1) + "\n"
