"""`autograder export`: points into Canvas, Moodle or a plain CSV file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.commands.output import STALE, AsJson, Slugs, chosen_chapters, finish
from autograder.project import current
from mechanisms.errors import CourseError, UsageError
from mechanisms.files import atomic_write

if TYPE_CHECKING:
    from autograder.export import Outcome
    from autograder.project import Project

_SHOWN = 20


class Form(StrEnum):
    """Where the points go."""

    canvas = "canvas"
    moodle = "moodle"
    csv = "csv"


def export(
    form: Annotated[Form, typer.Argument(help="canvas, moodle, or csv (plain).")],
    slugs: Slugs = None,
    per_exercise: Annotated[bool, typer.Option("--per-exercise", help="A column for each exercise.")] = False,
    template: Annotated[
        Path | None, typer.Option("--template", help="The file that Canvas or Moodle exported; only grades change.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The file to write (default: in course/export/).")] = None,
    column: Annotated[
        list[str] | None, typer.Option("--column", help="CHAPTER=HEADING: the chapter's column in the gradebook.")
    ] = None,
    looked_at: Annotated[
        bool, typer.Option("--looked-at", help="Also export what asked for a person's look and has all its points.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Write points for Canvas, Moodle or anything else; exit 1 when something had to be left empty."""
    from autograder.export import chapter_grades
    from autograder.report import students_of

    project = current()
    chapters = []
    for chapter in chosen_chapters(project, slugs):
        students = students_of(project, chapter)
        if students:
            chapters.append(chapter_grades(project, chapter, students, looked_at))
    if not chapters:
        raise CourseError("Nobody handed in anything yet, so there is nothing to export.")
    outcome = _made(project, form, chapters, per_exercise, template, column)
    paths = _write(project, outcome, out)
    lines = [f"  warning: {warning}" for warning in outcome.warnings]
    lines += [f"  left empty: {entry.student}, {entry.chapter}: {entry.why}" for entry in outcome.left_out[:_SHOWN]]
    if len(outcome.left_out) > _SHOWN:
        lines.append(f"  … and {len(outcome.left_out) - _SHOWN} more (all of them with --json)")
    lines += [f"wrote {path}" for path in paths]
    lines.append(f"{_many(outcome.filled, 'cell')} filled, {_many(len(outcome.left_out), 'reason')} to leave one empty")
    finish({"files": [str(path) for path in paths], **outcome.as_json()}, as_json, lines)
    return STALE if outcome.left_out else 0


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _made(
    project: Project,
    form: Form,
    chapters: list,
    per_exercise: bool,
    template: Path | None,
    column: list[str] | None,
) -> Outcome:
    from autograder import export as to
    from autograder.export.columns import heading_of
    from autograder.export.template import read_sheet

    identities, named = to.read_identities(project), to.named_columns(column)
    if template is None:
        if form is Form.canvas:
            return to.canvas_file(chapters, identities, per_exercise, named)
        if form is Form.moodle:
            return (to.moodle_items if per_exercise else to.moodle_worksheets)(chapters, identities)
        return to.plain_file(chapters, identities, per_exercise)
    sheet = read_sheet(template)
    if form is Form.canvas:
        return to.fill_canvas(sheet, chapters, identities, per_exercise, named)
    if form is Form.csv:
        raise UsageError("--template goes with canvas and moodle; a plain CSV file has none.")
    if per_exercise or len(chapters) != 1:
        raise UsageError("A Moodle worksheet is that of one assignment: name one chapter, without --per-exercise.")
    return to.fill_moodle(sheet, chapters[0], identities, heading_of(chapters[0], named))


def _write(project: Project, outcome: Outcome, out: Path | None) -> list[Path]:
    """Write the files; each is replaced as a whole. Raises UsageError when --out cannot hold several."""
    if out is not None and len(outcome.texts) > 1:
        raise UsageError(f"There are {len(outcome.texts)} files to write: leave out --out, or name one chapter.")
    folder = project.course / "export"
    paths = []
    for name, text in outcome.texts.items():
        path = out if out is not None else folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        paths.append(atomic_write(path, text.encode("utf-8", "surrogateescape")))
    return paths
