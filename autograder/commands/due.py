"""`autograder due`: when a chapter is due, and who has longer."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.commands.output import OK, AsJson, finish
from autograder.project import current
from mechanisms.errors import CourseError, UsageError

if TYPE_CHECKING:
    from nbgrader.api import Gradebook

    from autograder.specs.base import Chapter


def due(
    chapter: Annotated[str, typer.Argument(help="The chapter, by slug or number.")],
    when: Annotated[
        str, typer.Argument(help="'2026-11-30 23:59 +0100' (UTC without a zone), or 'never'; shown when not given.")
    ] = "",
    student: Annotated[str, typer.Option("--student", help="Give this student more time.")] = "",
    days: Annotated[float, typer.Option("--days", min=0, help="So many days more; 0 takes them back.")] = 0,
    as_json: AsJson = False,
) -> int:
    """Set or show when a chapter is due, or give a student more days; takes effect when work is graded (again)."""
    from autograder.database import gradebook_url, knows_chapter

    project = current()
    found = project.chapter(chapter)
    if student and when:
        raise UsageError("The due date is everybody's; --student NAME --days N is one student's: give one of the two.")
    if not knows_chapter(project, found.slug):
        raise UsageError(
            f"{found.slug} is not in the gradebook yet: run 'autograder release {found.number:02d}' first."
        )
    date = _moment(when) if when and when != "never" else None
    from nbgrader.api import Gradebook

    with Gradebook(gradebook_url(project)) as gradebook:
        if student:
            _extend(gradebook, found, student, days)
        elif when:
            gradebook.update_or_create_assignment(found.slug, duedate=date)
        there = gradebook.find_assignment(found.slug).duedate
    told = f"{there:%Y-%m-%d %H:%M} UTC" if there else "never"
    lines = [f"{found.slug} is due {told}" if there else f"{found.slug} has no due date"]
    if student:
        lines.append(f"{student} has {days:g} days more")
    if student or when:
        lines.append(f"What is graded already changes with: autograder grade {found.number:02d} --again")
    finish({"chapter": found.slug, "due": told, "student": student, "days": days if student else None}, as_json, lines)
    return OK


def _moment(text: str) -> datetime:
    """A date as nbgrader stores it: UTC, without a zone. Raises UsageError.

    nbgrader's own reading of dates takes "23:59 +0100" for an offset of a hundred seconds.
    """
    plain = re.sub(r"\s*UTC$", "+00:00", re.sub(r"\s+(?=[+-]\d\d:?\d\d$)", "", text.strip()))
    try:
        found = datetime.fromisoformat(plain)
    except ValueError:
        found = None
    if found is None or not re.search(r"\d[T ]\d", plain):
        raise UsageError(f"'{text}' is no date and time; write it as '2026-11-30 23:59 +0100'.")
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def _extend(gradebook: Gradebook, chapter: Chapter, student: str, days: float) -> None:
    from nbgrader.api import MissingEntry

    try:
        gradebook.grant_extension(chapter.slug, student, days=days)
    except MissingEntry:
        raise CourseError(
            f"The gradebook has nothing of '{student}' in {chapter.slug}; grade it first, then give more days."
        ) from None
