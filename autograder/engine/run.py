"""Grading a class: what changed is graded, by many processes or a cluster, and written by this one.

- ``grade_class`` looks at every submission, leaves alone what did not change, and streams the rest through the
  workers into the `Ledger`; it keeps counts, not records, so its memory does not grow with the class;
- one driver at a time for a course, one writer to the gradebook: this process;
- whatever a killed run left half-way is finished first, without grading it again;
- a submission that cannot be graded for the grader's own fault ends as FAILED, for a person, and the batch goes on.
"""

from __future__ import annotations

import contextlib
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autograder.audit import account, now
from autograder.course import prepare_course
from autograder.engine.fingerprint import fingerprint, grader_version, submission_digest
from autograder.engine.lock import only_driver
from autograder.engine.nursery import Warm
from autograder.engine.pool import PIPELINE, Outcome, Task, grade_here, usable_cores
from autograder.gradebook import Entry, Ledger, State, failed
from autograder.graded import Graded, graded_from
from autograder.nbg.imports import imports_of
from autograder.nbg.results import FAILED, GRADED, PARTLY, Result, read_result
from autograder.sandbox.protections import protections
from mechanisms.errors import UsageError

if TYPE_CHECKING:
    from autograder.project import Project
    from autograder.specs.base import Chapter


@dataclass(frozen=True)
class Order:
    """What to grade and how. ``students`` None: all who handed in; ``jobs`` None: one process per usable core.

    ``again`` grades what did not change, too; ``trust`` allows grading without isolation where there is none;
    ``scheduler`` is the address of a Dask cluster; ``function`` names the grading function as "module:name".
    """

    students: tuple[str, ...] | None = None
    again: bool = False
    jobs: int | None = None
    trust: bool = False
    by: str = ""
    reason: str = ""
    scheduler: str = ""
    function: str = PIPELINE


@dataclass
class Tally:
    """What came of it: counts by chapter and status, and how many submissions need a person (new or from before).

    ``writing`` is the driver's own time for the submissions that were graded now, in seconds.
    """

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    graded: int = 0
    recovered: int = 0
    needs_person: int = 0
    seconds: float = 0.0
    writing: float = 0.0
    stopped: bool = False

    def add(self, slug: str, status: str) -> None:
        """Count one submission."""
        here = self.counts.setdefault(slug, {})
        here[status] = here.get(status, 0) + 1


class Watcher:
    """What a caller may want to see of a run; every method does nothing here."""

    def planned(self, changed: int, unchanged: int) -> None:
        """Before the first one is graded: how many will be."""

    def graded(self, result: Result) -> None:
        """After one submission was graded and written."""


@dataclass(frozen=True)
class _Due:
    """A submission that has to be graded, with the hashes of what it was when we looked."""

    chapter: Chapter
    student: str
    fingerprint: str
    version: str
    submission: str


def handed_in(project: Project, chapter: Chapter) -> list[str]:
    """The students with a folder for this chapter in course/submitted/, in order."""
    return [name for name in _folders(project, chapter) if _is_name(name)]


def grade_class(
    project: Project,
    chapters: list[Chapter],
    order: Order = Order(),
    watcher: Watcher | None = None,
) -> Tally:
    """Grade what changed in the chapters, which must have been released, and write everything that comes of it.

    Raises CourseError (one sentence) for what an instructor has to mend; what was graded before stays. An interrupt
    (SIGINT, SIGTERM) ends the run after the submissions that are ready; a second one ends it at once.
    """
    watcher = watcher or Watcher()
    started = time.monotonic()
    prepare_course(project)
    tally = Tally()
    with only_driver(project.course) as scratch, _interrupts() as stopping, Ledger(project, chapters) as ledger:
        tally.recovered = ledger.recover()
        due = [one for chapter in chapters for one in _due(project, chapter, order, ledger, tally)]
        watcher.planned(len(due), sum(here.get("unchanged", 0) for here in tally.counts.values()))
        tasks = (
            Task(one, one.chapter.slug, one.student, str(project.root), str(project.course), order.trust) for one in due
        )
        with contextlib.closing(_outcomes(project, order, tasks, due, scratch, stopping)) as outcomes:
            for ready in outcomes:
                _store(ready, order, ledger, tally, watcher)
        tally.stopped = stopping()
    tally.seconds = time.monotonic() - started
    return tally


def _outcomes(
    project: Project, order: Order, tasks: Iterator[Task], due: list[_Due], scratch: Any, stopping: Callable[[], bool]
) -> Iterator[list[Outcome]]:
    if order.scheduler:
        from autograder.engine.cluster import grade_there

        return grade_there(project, tasks, order.scheduler, function=order.function, stopping=stopping)
    jobs = max(1, min(order.jobs or usable_cores(), len(due)))
    warm = _warm(project, order, due) if due and order.function == PIPELINE else None
    return grade_here(tasks, jobs, function=order.function, scratch=scratch, stopping=stopping, warm=warm)


def _warm(project: Project, order: Order, due: list[_Due]) -> Warm:
    """What the process has to have loaded from which workers and sandboxes are forked."""
    chapters = {one.chapter.slug: one.chapter for one in due}.values()
    models = dict.fromkeys(name for chapter in chapters for name in chapter.models)
    for_cases = dict.fromkeys(name for chapter in chapters for name in chapter.case_models)
    imports = dict.fromkeys(line for chapter in chapters for line in imports_of(project.release(chapter)))
    isolated = not order.trust or protections().enough
    covered = (project.course, project.root / "solutions")
    return Warm(tuple(models), isolated, covered, tuple(imports), tuple(for_cases))


def _due(project: Project, chapter: Chapter, order: Order, ledger: Ledger, tally: Tally) -> Iterator[_Due]:
    """The submissions of one chapter that have to be graded; the others are counted."""
    try:
        version = grader_version(project, chapter)
    except FileNotFoundError:
        raise UsageError(f"Nothing was released for {chapter.slug}: run 'autograder release' first.") from None
    there = handed_in(project, chapter)
    if order.students is not None:
        there = [student for student in there if student in set(order.students)]
    states = ledger.states(chapter.slug)
    tally.counts.setdefault(chapter.slug, {})
    for student in there:
        folder = project.submission(chapter, student).parent
        submission = submission_digest(folder)
        print_ = fingerprint(project, version, student, submission)
        old = None if order.again else _still_good(project, chapter, student, states.get(student), print_)
        if old is None:
            yield _Due(chapter, student, print_, version, submission)
        else:
            tally.add(chapter.slug, "unchanged")
            tally.needs_person += bool(old.needs_person)


def _still_good(project: Project, chapter: Chapter, student: str, state: State | None, print_: str) -> Result | None:
    """The record of a submission that need not be graded again, or None. A lost feedback page is written again."""
    if state is None or state.fingerprint != print_ or state.status == FAILED:
        return None
    result = read_result(project, chapter.slug, student)
    if result is None or result.fingerprint != print_:
        return None
    if result.status in (GRADED, PARTLY) and not project.autograded(chapter, student).exists():
        return None
    if not project.feedback(chapter, student).exists():
        from autograder.feedback import write_feedback

        write_feedback(project, chapter, student)
    return result


def _store(ready: list[Outcome], order: Order, ledger: Ledger, tally: Tally, watcher: Watcher) -> None:
    began = time.monotonic()
    by = order.by or account()
    entries = []
    for outcome in ready:
        due: _Due = outcome.task.key
        graded = _record(outcome, due)
        graded.result.fingerprint, graded.result.version = due.fingerprint, due.version
        graded.result.graded_at = graded.result.graded_at or now()
        entries.append(Entry(due.chapter, graded, due.fingerprint, due.version, due.submission, by, order.reason))
    results = ledger.write(entries)
    tally.writing += time.monotonic() - began
    for result in results:
        tally.graded += 1
        tally.add(result.chapter, result.status)
        tally.needs_person += bool(result.needs_person)
        watcher.graded(result)


def _record(outcome: Outcome, due: _Due) -> Graded:
    """What a worker sent, or the record of a submission that could not be graded."""
    if outcome.graded is None:
        return failed(due.chapter, due.student, outcome.problem)
    try:
        graded = graded_from(outcome.graded)
    except (KeyError, TypeError, ValueError, AttributeError):
        return failed(due.chapter, due.student, "The grader sent something that is no record; grade it again.")
    if (graded.result.student, graded.result.chapter) != (due.student, due.chapter.slug):
        return failed(due.chapter, due.student, "The grader sent the record of somebody else; grade it again.")
    return graded


@contextlib.contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Turn the first SIGINT or SIGTERM into a wish to stop; the second one interrupts whatever is going on.

    Outside the main thread, where Python has no signals, nothing ever asks to stop.
    """
    asked = False

    def ask(number: int, frame: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = {}
    with contextlib.suppress(ValueError):
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, ask)
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def odd_names(project: Project, chapter: Chapter) -> list[str]:
    """Folders in submitted/ whose names cannot be a student's: no text, too long, or with control characters."""
    return [name for name in _folders(project, chapter) if not _is_name(name) and not name.startswith(".")]


def _folders(project: Project, chapter: Chapter) -> list[str]:
    found = (project.course / "submitted").glob(f"*/{chapter.slug}")
    return sorted(path.parent.name for path in found if path.is_dir())


def _is_name(name: str) -> bool:
    """Whether a folder's name can be a student's: the gradebook keeps 128 characters of text."""
    return not name.startswith(".") and len(name) <= 128 and not re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", name)


def ensure_handed_in(project: Project, chapters: list[Chapter], students: list[str]) -> None:
    """Raise UsageError for a student who handed in none of the chapters."""
    there = {student for chapter in chapters for student in handed_in(project, chapter)}
    for student in students:
        if student not in there:
            slugs = ", ".join(chapter.slug for chapter in chapters)
            raise UsageError(f"{student} handed in nothing for {slugs}.")
