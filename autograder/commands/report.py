"""`autograder report`: the class report from what was graded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from autograder.commands.output import AsJson, Slugs, chosen_chapters, finish
from autograder.project import current
from mechanisms.errors import CourseError

if TYPE_CHECKING:
    from autograder.project import Project


def report(slugs: Slugs = None, as_json: AsJson = False) -> int:
    """Write the class report (report.html, .csv, .json) from what was graded."""
    return write_all(current(), slugs, as_json)


def write_all(project: Project, slugs: Iterable[str] | None = None, as_json: bool = False) -> int:
    """Write the report of the chapters named, or of every chapter that somebody handed in.

    Raises CourseError when nobody handed in anything.
    """
    from autograder.report import gather, students_of, write_report

    parts = []
    for chapter in chosen_chapters(project, slugs):
        students = students_of(project, chapter)
        if students:
            parts.append(gather(project, chapter, students))
    if not parts:
        raise CourseError("Nobody handed in anything yet: run 'autograder sample-class' for a class to look at.")
    paths = write_report(project, parts)
    person = [
        {"student": row.student, "chapter": part.slug, "why": sentence}
        for part in parts
        for row in part.rows
        for sentence in row.needs_person
    ]
    payload = {
        "files": [str(path) for path in paths],
        "feedback": str(project.course / "feedback"),
        "chapters": {part.slug: {"students": len(part.rows), "graded": len(part.graded)} for part in parts},
        "needs_person": person,
    }
    lines = [f"  needs a person: {entry['student']}: {entry['why']}" for entry in person[:20]]
    if len(person) > 20:
        lines.append(f"  … and {len(person) - 20} more, in the report")
    lines += [f"Class report: {paths[0]} (also .csv, .json)", f"Feedback:     {project.course / 'feedback'}"]
    finish(payload, as_json, lines)
    return 0
