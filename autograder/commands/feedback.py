"""`autograder feedback`: one page per student and notebook, from what was graded."""

from __future__ import annotations

from typing import Annotated

import typer

from autograder.commands.output import STALE, AsJson, Slugs, chosen_chapters, finish
from autograder.project import current
from mechanisms.errors import CourseError


def feedback(
    slugs: Slugs = None,
    student: Annotated[list[str] | None, typer.Option("--student", help="Only this student (may be repeated).")] = None,
    as_json: AsJson = False,
) -> int:
    """Write the feedback pages from the stored grades and the gradebook; exit 1 when somebody has no grade yet."""
    from autograder.feedback import write_feedback
    from autograder.marks import chapter_marks
    from autograder.nbg.results import results_folder
    from autograder.report import students_of

    project = current()
    written, missing, seen = [], [], set()
    for chapter in chosen_chapters(project, slugs):
        there = students_of(project, chapter)
        chosen = there if not student else [name for name in there if name in student]
        seen.update(chosen)
        graded = {path.stem for path in results_folder(project, chapter.slug).glob("*.json")}
        marks = chapter_marks(project, chapter) if chosen else {}
        for name in chosen:
            if name in graded:
                written.append(str(write_feedback(project, chapter, name, marks.get(name))))
            else:
                missing.append({"student": name, "chapter": chapter.slug})
    unknown = [name for name in student or [] if name not in seen]
    if unknown:
        raise CourseError(f"Nobody called {unknown[0]} handed in anything; the name is that of the student's folder.")
    if not written and not missing:
        raise CourseError("Nobody handed in anything yet: run 'autograder sample-class' for a class to look at.")
    lines = [f"  not graded yet: {entry['student']}, {entry['chapter']}" for entry in missing[:20]]
    if len(missing) > 20:
        lines.append(f"  … and {len(missing) - 20} more")
    lines.append(f"Feedback: {len(written)} pages in {project.course / 'feedback'}")
    finish({"written": written, "not_graded": missing}, as_json, lines)
    return STALE if missing else 0
