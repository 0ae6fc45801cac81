"""From a course directory to a student's feedback page.

- reads the record, the executed notebook, the release and the gradebook; what is missing or broken is left out;
- writes course/feedback/STUDENT/SLUG/NOTEBOOK.html as a whole, and no other file.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from autograder.feedback.page import feedback_html
from autograder.marks import Marks, student_marks
from autograder.nbg.results import FAILED, UNMATCHED, read_result
from mechanisms.errors import UsageError
from mechanisms.files import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.project import Project
    from autograder.specs.base import Chapter

_ASK = object()


def write_feedback(project: Project, chapter: Chapter, student: str, marks: Any = _ASK) -> Path:
    """Write one student's page and return its path.

    `marks` are the gradebook's marks of this submission where the caller has them already (`Marks` or None).
    Raises UsageError when the submission was never graded or the name is no folder name.
    """
    path = project.feedback(chapter, student)
    if not path.resolve().is_relative_to((project.course / "feedback").resolve()):
        raise UsageError(f"'{student}' cannot be the name of a student's folder.")
    page = feedback_page(project, chapter, student, marks)
    path.parent.mkdir(parents=True, exist_ok=True)
    return atomic_write(path, page)


def feedback_page(project: Project, chapter: Chapter, student: str, marks: Marks | None | Any = _ASK) -> str:
    """One student's page as HTML. Raises UsageError when the submission was never graded."""
    result = read_result(project, chapter.slug, student)
    if result is None:
        raise UsageError(f"{student} has no grade in {chapter.slug} yet: run 'autograder grade {chapter.slug}' first.")
    if marks is _ASK:
        marks = student_marks(project, chapter, student)
    notebook, received = None, []
    if result.status in (UNMATCHED, FAILED):
        received = _received(project, chapter, student)
    else:
        notebook = _notebook(project.autograded(chapter, student))
    given = _released(project.release(chapter))
    return feedback_html(project, chapter, result, notebook, marks, given=given, received=received)


def _notebook(path: Path) -> dict[str, Any] | None:
    """An executed notebook as JSON, or None when it is not there or cannot be read."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def _released(path: Path) -> frozenset[str]:
    """The sources of the released notebook's cells."""
    try:
        return _sources(path, path.stat().st_mtime_ns)
    except OSError:
        return frozenset()


@lru_cache(maxsize=32)
def _sources(path: Path, changed: int) -> frozenset[str]:
    cells = (_notebook(path) or {}).get("cells", [])
    sources = (cell.get("source", "") for cell in cells)
    return frozenset("".join(source) for source in sources)


def _received(project: Project, chapter: Chapter, student: str) -> list[str]:
    """What lies in the student's folder, one line per file; links are named, not followed."""
    folder = project.submission(chapter, student).parent
    lines = []
    for path in sorted(folder.rglob("*"))[:200]:
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            lines.append(f"{name} (a link)")
        elif path.is_file():
            size = path.stat().st_size
            lines.append(f"{name} ({size / 1000:,.0f} kB)" if size >= 1000 else f"{name} ({size} bytes)")
    return lines
