"""Checking a notebook outside any course directory: for its own author.

- finds the chapter by the exercises that the notebook names;
- runs it as the grader would and judges it on the public cases, those of `check` in the notebook;
- needs no course secret, no release in a course directory and no isolation (it is used where there is some).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import nbformat

from autograder.build.source import load_reference
from autograder.nbg.identity import match
from autograder.nbg.intake import read_notebook
from autograder.nbg.reference import ChapterReference
from autograder.nbg.results import Result
from autograder.pipeline import restore_locked, warm_parent
from autograder.session import record, run_notebook
from autograder.specs.cases import PUBLIC
from mechanisms.errors import BadNotebook, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.project import Project
    from autograder.specs.base import Chapter


class PublicReference(ChapterReference):
    """A chapter's references with the public cases in place of a student's hidden ones."""

    def __init__(self, project: Project, chapter: Chapter):
        self.chapter = chapter
        self.secret = ""
        self.namespace = load_reference(project.solution(chapter), chapter)

    def seed(self, student: str) -> str:
        """The seed of the public cases, for everybody."""
        return PUBLIC


def check_notebook(project: Project, path: Path, slug: str | None = None) -> Result:
    """Run the notebook at ``path`` and judge it on the public cases.

    ``slug`` names the chapter. Raises BadNotebook when the file is no notebook of the course, UsageError for an
    unknown chapter.
    """
    notebook, notices = read_notebook(path)
    chapter, matched = _matched(project, notebook, [project.chapter(slug)] if slug else list(project.chapters.values()))
    ready = matched.notebook
    ready.metadata["mechanisms"] = {"notices": notices + matched.notices, "lost": matched.lost}
    restore_locked(ready, nbformat.read(project.exercise(chapter), as_version=4))
    hidden = PublicReference(project, chapter).hidden("")
    run = run_notebook(ready, hidden, warm_parent(project, chapter, trust=True), chapter.limits)
    return record(chapter, "", ready, hidden, run)[0]


def _matched(project: Project, notebook: nbformat.NotebookNode, chapters: list[Chapter]) -> tuple:
    best = None
    for chapter in chapters:
        try:
            release = nbformat.read(project.exercise(chapter), as_version=4)
        except OSError:
            raise UsageError(
                f"The notebook of {chapter.slug} is not built: run 'autograder exercises' first."
            ) from None
        try:
            matched = match(notebook, release)
        except BadNotebook:
            continue
        if best is None or len(matched.lost) < len(best[1].lost):
            best = (chapter, matched)
    if best is None:
        names = ", ".join(chapter.slug for chapter in chapters)
        raise BadNotebook(f"No exercise of {names} was found in this notebook.")
    return best
