"""Checking a notebook outside any course directory: for its own author.

- finds the chapter by the exercises that the notebook names;
- runs it as the grader would and judges it on hidden cases drawn from a seed of one's own, or on the public ones;
- gives the record and the feedback page that a student of a course would get;
- needs no course secret, no release in a course directory and no isolation (it is used where there is some).
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import nbformat

from autograder.build.source import load_reference
from autograder.feedback.page import feedback_html
from autograder.nbg.harmless import harmless
from autograder.nbg.identity import match
from autograder.nbg.intake import read_notebook
from autograder.nbg.pool import CasePool
from autograder.nbg.reference import ChapterReference, HiddenExercise
from autograder.pipeline import restore_locked, warm_parent
from autograder.session import record, run_notebook, write_outputs
from autograder.specs.cases import PUBLIC
from mechanisms.errors import BadNotebook, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.nbg.results import Result
    from autograder.project import Project
    from autograder.specs.base import Chapter

YOU = "you"


@dataclass(frozen=True)
class Checked:
    """One's own notebook, graded: the record, the seed of its cases, and the feedback page as HTML."""

    result: Result
    seed: str
    page: str


def new_seed() -> str:
    """A seed for hidden cases that nobody has seen, short enough to be typed again."""
    return secrets.token_hex(4)


def check_notebook(project: Project, path: Path, slug: str | None = None, seed: str = PUBLIC) -> Checked:
    """Run the notebook at ``path`` and judge it on the cases of ``seed``.

    ``slug`` names the chapter. Raises BadNotebook when the file is no notebook of the course, UsageError for an
    unknown chapter.
    """
    notebook, notices = read_notebook(path)
    chapters = [project.chapter(slug)] if slug else list(project.chapters.values())
    chapter, release, matched = _matched(project, notebook, chapters)
    ready = matched.notebook
    ready.metadata["mechanisms"] = {"notices": notices + matched.notices, "lost": matched.lost}
    restore_locked(ready, release)
    hidden = _cases(project, chapter, seed)
    run = run_notebook(ready, hidden, warm_parent(project, chapter, trust=True), chapter.limits)
    write_outputs(ready, hidden, run)
    harmless(ready, release)
    result, _ = record(chapter, YOU, ready, hidden, run)
    result.graded_at = datetime.now(UTC).isoformat(timespec="seconds")
    given = frozenset(cell.source for cell in release.cells)
    page = feedback_html(project, chapter, result, json.loads(nbformat.writes(ready)), None, given=given)
    return Checked(result, seed, page)


def _cases(project: Project, chapter: Chapter, seed: str) -> dict[str, HiddenExercise]:
    """The public cases as they are, or those that a seed of one's own draws, by exercise."""
    if seed != PUBLIC:
        return ChapterReference(project, chapter, seed).hidden(YOU)
    pool = CasePool(chapter, load_reference(project.solution(chapter), chapter), PUBLIC)
    return {exercise.name: HiddenExercise(exercise, pool.entry(exercise, None)) for exercise in chapter.exercises}


def _matched(project: Project, notebook: nbformat.NotebookNode, chapters: list[Chapter]) -> tuple:
    """The chapter, its released notebook and the match that lost the fewest cells."""
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
        if best is None or len(matched.lost) < len(best[2].lost):
            best = (chapter, release, matched)
    if best is None:
        names = ", ".join(chapter.slug for chapter in chapters)
        raise BadNotebook(f"No exercise of {names} was found in this notebook.")
    return best
