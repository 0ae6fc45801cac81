"""What nbgrader's gradebook holds about one chapter: marks, comments and late penalties, read only.

- the gradebook is opened for reading and never changed;
- one query per chapter, so that a class of a thousand costs a second;
- a mark says whether it stands or still waits for a person.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.project import Project
    from autograder.specs.base import Chapter


@dataclass
class Mark:
    """One graded cell. `waiting` says that a person has to mark it, or to look at it again after a regrade."""

    auto: float | None = None
    manual: float | None = None
    extra: float | None = None
    waiting: bool = True

    @property
    def score(self) -> float | None:
        """The points, extra credit included; a person's mark goes before the grader's. None: nobody gave any."""
        given = self.auto if self.manual is None else self.manual
        return None if given is None else given + (self.extra or 0.0)

    @property
    def standing(self) -> float | None:
        """The points if they stand, None while the cell waits for a person."""
        return None if self.waiting else self.score


@dataclass
class Marks:
    """One submission in the gradebook: marks and comments by grade id, and the points taken off for lateness."""

    cells: dict[str, Mark] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    penalty: float = 0.0

    def of_exercise(self, name: str) -> Mark | None:
        """The mark of an exercise (nbgrader keeps it under the name of its check cell)."""
        return self.cells.get(f"{name}-check")


def chapter_marks(project: Project, chapter: Chapter, student: str | None = None) -> dict[str, Marks]:
    """The gradebook's marks of one chapter by student (of one student when `student` is given)."""
    from nbgrader.api import Assignment, BaseCell, Comment, Grade, SubmittedAssignment, SubmittedNotebook

    found: dict[str, Marks] = {}
    with _gradebook(project) as session:
        if session is None:
            return found

        def of_chapter(query: Any) -> Any:
            query = query.join(SubmittedAssignment, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
            query = query.join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
            query = query.filter(Assignment.name == chapter.slug)
            return query if student is None else query.filter(SubmittedAssignment.student_id == student)

        who = SubmittedAssignment.student_id
        penalties = session.query(who, SubmittedNotebook.late_submission_penalty).select_from(SubmittedNotebook)
        for name, penalty in of_chapter(penalties):
            found.setdefault(name, Marks()).penalty += penalty or 0.0
        columns = (Grade.auto_score, Grade.manual_score, Grade.extra_credit, Grade.needs_manual_grade)
        grades = session.query(who, BaseCell.name, *columns).select_from(Grade)
        grades = grades.join(BaseCell, Grade.cell_id == BaseCell.id)
        grades = grades.join(SubmittedNotebook, Grade.notebook_id == SubmittedNotebook.id)
        for name, cell, auto, manual, extra, waits in of_chapter(grades):
            waiting = bool(waits) or (auto is None and manual is None)
            found.setdefault(name, Marks()).cells[cell] = Mark(auto, manual, extra, waiting)
        comments = session.query(who, BaseCell.name, Comment.manual_comment).select_from(Comment)
        comments = comments.join(BaseCell, Comment.cell_id == BaseCell.id)
        comments = comments.join(SubmittedNotebook, Comment.notebook_id == SubmittedNotebook.id)
        for name, cell, text in of_chapter(comments):
            if text and text.strip():
                found.setdefault(name, Marks()).comments[cell] = text
    return found


def student_marks(project: Project, chapter: Chapter, student: str) -> Marks | None:
    """The gradebook's marks of one submission, or None when it holds none."""
    return chapter_marks(project, chapter, student).get(student)


@contextmanager
def _gradebook(project: Project) -> Iterator[Any]:
    """A database session on the gradebook, or None when there is no gradebook yet. Raises GradebookError.

    nbgrader's own Gradebook object would create missing tables and start a program to stamp its version: a reader
    needs neither.
    """
    from sqlalchemy import create_engine, inspect
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
    from sqlalchemy.orm import Session

    from autograder.database import BUSY, GradebookError, gradebook_url, shown_url

    url = gradebook_url(project)
    file = url.startswith("sqlite:")
    if file and not os.path.exists(url.removeprefix("sqlite:///")):
        yield None
        return
    try:
        # The writer's engine takes the write lock at once; a reader only waits while somebody writes.
        engine = create_engine(url, connect_args={"timeout": BUSY} if file else {})
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise GradebookError(f"{shown_url(url)} is no gradebook that can be opened ({error}).") from None
    try:
        with Session(engine) as session:
            yield session if inspect(engine).has_table("grade") else None
    except OperationalError as error:
        why = str(error.orig or error).strip().splitlines()[0]
        raise GradebookError(f"The gradebook {shown_url(url)} cannot be read: {why}.") from None
    finally:
        engine.dispose()
