"""Grading one submission, from the file that was handed in to a record that can be stored.

- ``grade_submission`` reads, matches, runs in the sandbox, judges; it writes nothing and never raises for what a
  student handed in;
- the same session (`autograder.session`) is behind nbgrader's own autograde, so that verdicts agree on every path.
"""

from __future__ import annotations

import atexit
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import nbformat

from autograder.graded import Graded
from autograder.nbg.harmless import harmless
from autograder.nbg.identity import role_of
from autograder.nbg.imports import imports_of
from autograder.nbg.intake import find_submission, take_in
from autograder.nbg.links import refuse_links
from autograder.nbg.reference import chapter_reference
from autograder.nbg.results import UNMATCHED, Result
from autograder.sandbox.protections import protections
from autograder.sandbox.warm import WarmParent
from autograder.session import record, run_notebook, write_outputs
from mechanisms.errors import BadNotebook, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from nbformat import NotebookNode

    from autograder.project import Project
    from autograder.specs.base import Chapter


def grade_submission(project: Project, chapter: Chapter, student: str, *, trust: bool = False) -> Graded:
    """Grade what one student handed in for one chapter.

    Runs in any process that may know the references; its warm parent (`warm_parent`) is started at the first call
    and kept. ``trust`` allows running without isolation where this machine has none. Raises
    `mechanisms.errors.CourseError` only for what an instructor has to mend (nothing released, no isolation).
    """
    started = time.monotonic()
    release = read_release(project, chapter)
    try:
        taken = take_in(handed_in_file(project, chapter, student), release)
    except BadNotebook as error:
        result = Result(student, chapter.slug, status=UNMATCHED, needs_person=[str(error)])
        return Graded(_stamped(result, started))
    notebook = taken.matched.notebook
    notebook.metadata["mechanisms"] = {
        "chapter": chapter.slug,
        "notices": taken.notices,
        "lost": taken.matched.lost,
    }
    restore_locked(notebook, release)
    result, flagged = run_and_record(project, chapter, student, notebook, trust=trust)
    return Graded(_stamped(result, started), nbformat.from_dict(notebook), flagged)


def run_and_record(
    project: Project, chapter: Chapter, student: str, notebook: NotebookNode, *, trust: bool = False
) -> tuple[Result, tuple[str, ...]]:
    """Run a matched notebook, put outputs and verdicts into it, and return its record and flagged grade ids."""
    parent = warm_parent(project, chapter, trust=trust)  # first: the first one warms up while the reference runs
    hidden = chapter_reference(project, chapter).hidden(student)
    run = run_notebook(notebook, hidden, parent, chapter.limits)
    write_outputs(notebook, hidden, run)
    harmless(notebook, read_release(project, chapter))
    result, flagged = record(chapter, student, notebook, hidden, run)
    notebook.metadata["mechanisms"]["flagged"] = list(flagged)
    return result, flagged


def handed_in_file(project: Project, chapter: Chapter, student: str) -> Path:
    """The file to grade. Raises BadNotebook when there is none, or when a link leads to it."""
    expected = project.submission(chapter, student)
    refuse_links(expected)
    return find_submission(expected.parent, chapter, read_release(project, chapter))


def read_release(project: Project, chapter: Chapter) -> NotebookNode:
    """The released notebook. Raises UsageError when the chapter was not released into this course."""
    path = project.release(chapter)
    try:
        return _release(path, path.stat().st_mtime_ns)
    except OSError:
        raise UsageError(f"Nothing was released for {chapter.slug}: run 'autograder release' first.") from None


@lru_cache(maxsize=32)
def _release(path: Path, _: int) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def restore_locked(notebook: NotebookNode, release: NotebookNode) -> None:
    """Give every check cell the text that was released: what stands there is never the student's."""
    texts = {cell.id: cell.source for cell in release.cells if role_of(cell) == "check"}
    for cell in notebook.cells:
        if role_of(cell) == "check" and cell.id in texts:
            cell.source = texts[cell.id]


_parents: dict[tuple[bool, tuple[str, ...]], WarmParent] = {}
_shared: list[tuple[WarmParent, frozenset[str]]] = []


def adopt(parent: WarmParent, models: Iterable[str]) -> None:
    """Use a warm parent that others use as well, for chapters that need no other models than it has loaded."""
    _shared[:] = [(parent, frozenset(models))]


def warm_parent(project: Project, chapter: Chapter, *, trust: bool = False) -> WarmParent:
    """This process's warm parent, started when there is none. Raises NoSandbox.

    ``trust`` is used only where the machine gives no isolation.
    """
    isolated = not trust or protections().enough
    for parent, models in _shared:
        if parent.alive and parent.isolated == isolated and models.issuperset(chapter.models):
            return parent
    key = (isolated, tuple(chapter.models))
    parent = _parents.get(key)
    if parent is None or not parent.alive:
        parent = _parents[key] = WarmParent(
            chapter.models,
            isolated,
            covered=(project.course, project.root / "solutions"),
            imports=imports_of(project.release(chapter)),
            case_models=chapter.case_models,
        )
    return parent


def stop_parents() -> None:
    """End the warm parents of this process; the next submission starts a new one."""
    while _shared:
        _shared.pop()[0].stop()
    while _parents:
        _parents.popitem()[1].stop()


atexit.register(stop_parents)


def _stamped(result: Result, started: float) -> Result:
    result.seconds = round(time.monotonic() - started, 3)
    result.graded_at = datetime.now(UTC).isoformat(timespec="seconds")
    return result
