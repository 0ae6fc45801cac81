"""`autograder sample-class`: students that are made up, graded as real ones would be."""

from __future__ import annotations

from typing import Annotated

import typer

from autograder.commands.grade import grade_chapters
from autograder.commands.output import INTERRUPTED, OK, AsJson, Slugs, chosen_chapters
from autograder.commands.report import write_all
from autograder.project import current


def sample_class(
    slugs: Slugs = None,
    again: Annotated[bool, typer.Option("--again", help="Grade everybody, changed or not.")] = False,
    as_json: AsJson = False,
) -> int:
    """Make the sample class, grade it, write its feedback and the class report.

    Exit code 0 also where somebody needs a person: one of the made-up students always does.
    """
    from autograder.course import release_chapter
    from autograder.engine.run import Order
    from autograder.sample_class import write_sample_class

    project = current()
    chapters = chosen_chapters(project, slugs)
    students: list[str] = []
    for chapter in chapters:
        release_chapter(project, chapter)
        students += write_sample_class(project, chapter)
    order = Order(tuple(dict.fromkeys(students)), again, reason="sample class")
    code = grade_chapters(project, chapters, order, as_json, report=as_json)
    if code == INTERRUPTED:
        return code
    return OK if as_json else write_all(project)
