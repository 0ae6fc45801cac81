"""`autograder grade`: grades what changed in submitted/, writes feedback and report; `--history` shows the audit trail.

Exit codes: 0 everybody is graded; 1 somebody still needs a person (of this run or an earlier one); 3 it could not be
done; 130 interrupted, and what was finished is kept.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from autograder.commands.output import INTERRUPTED, OK, STALE, AsJson, Slugs, chosen_chapters, finish, note, out
from autograder.project import Project, current
from autograder.sandbox.start import early
from mechanisms.errors import CourseError

if TYPE_CHECKING:
    from rich.console import Console

    from autograder.engine.run import Order, Tally
    from autograder.nbg.results import Result
    from autograder.specs.base import Chapter

Students = Annotated[list[str] | None, typer.Option("--student", help="Only this student (may be repeated).")]
# Lines about submissions that need a person; the report has all of them.
LINES = 50
# Seconds between two lines about the progress where there is no terminal to draw a bar on.
QUIET = 30.0


def grade(
    slugs: Slugs = None,
    again: Annotated[bool, typer.Option("--again", "--regrade", help="Grade what did not change, too.")] = False,
    student: Students = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Worker processes; one per usable core when not given.")
    ] = None,
    scheduler: Annotated[
        str, typer.Option("--scheduler", help="Grade on a Dask cluster: tcp://HOST:8786, or tls://HOST:8786.")
    ] = "",
    gradebook: Annotated[str, typer.Option("--gradebook", help="The gradebook's database, as a URL.")] = "",
    trust: Annotated[
        bool,
        typer.Option("--trust-submissions", help="Run submissions without isolation where this machine has none."),
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why it is graded, for the audit trail.")] = "",
    by: Annotated[str, typer.Option("--by", help="Who grades, for the audit trail; else your account's name.")] = "",
    history: Annotated[str, typer.Option("--history", metavar="STUDENT", help="Only show this audit trail.")] = "",
    as_json: AsJson = False,
) -> int:
    """Grade everything in the course's submitted/ folder that changed, and write feedback and report."""
    if not scheduler and not history and sys.platform == "linux":
        early()  # it imports on one core what takes longest, while this process does the rest on another
    from autograder.engine.run import Order, ensure_handed_in

    if gradebook:
        os.environ["MECHANISMS_GRADEBOOK"] = gradebook
    project = current()
    chapters = chosen_chapters(project, slugs)
    if not slugs and not history:
        chapters = _handed_in(project, chapters)
    if history:
        return _show_history(project, history, [chapter.slug for chapter in chapters] if slugs else None, as_json)
    if student:
        ensure_handed_in(project, chapters, student)
    order = Order(tuple(student) if student else None, again, jobs, trust, by, reason, scheduler)
    return grade_chapters(project, chapters, order, as_json)


def grade_chapters(
    project: Project, chapters: list[Chapter], order: Order, as_json: bool = False, report: bool = True
) -> int:
    """Release and grade chapters with a progress bar, write the report, tell what came of it; the exit code."""
    from autograder.course import release_chapter
    from autograder.engine.run import grade_class, odd_names

    for chapter in chapters:
        release_chapter(project, chapter)
    odd = [name for chapter in chapters for name in odd_names(project, chapter)]
    console = note if as_json else out
    with _Shown(console, chapters) as shown:
        tally = grade_class(project, chapters, order, shown)
    lines = [f"A folder in submitted/ has a name that no student can have: {ascii(name)}; rename it." for name in odd]
    lines += shown.left_out()
    lines += _closing(tally, chapters)
    if tally.stopped:
        lines.append("Interrupted; what was finished is kept. Run the same command again to go on.")
    elif report:
        _write_report(project)
    finish(_payload(tally, shown, odd), as_json, lines)
    if tally.stopped:
        return INTERRUPTED
    return STALE if tally.needs_person or odd else OK


def _handed_in(project: Project, chapters: list[Chapter]) -> list[Chapter]:
    """The chapters that somebody handed in: the others need not be released. Raises CourseError when there is none."""
    from autograder.engine.run import odd_names
    from autograder.report import students_of

    there = [chapter for chapter in chapters if students_of(project, chapter) or odd_names(project, chapter)]
    if not there:
        raise CourseError(
            f"Nobody handed in anything yet in {project.course}: 'autograder collect ARCHIVE' puts submissions there, "
            "'autograder sample-class' makes a class to look at."
        )
    return there


def _write_report(project: Project) -> None:
    """The class report of all chapters that somebody handed in, also of those that were not graded now."""
    from autograder.report import gather, students_of, write_report

    there = {chapter.slug: students_of(project, chapter) for chapter in project.chapters.values()}
    parts = [gather(project, chapter, there[slug]) for slug, chapter in project.chapters.items() if there[slug]]
    if parts:
        write_report(project, parts)


def _closing(tally: Tally, chapters: list[Chapter]) -> list[str]:
    lines = []
    for chapter in chapters:
        counts = tally.counts.get(chapter.slug, {})
        told = ", ".join(f"{count:,} {state}" for state, count in sorted(counts.items())) or "nobody handed in"
        lines.append(f"{chapter.slug}: {told}")
    if tally.recovered:
        lines.append(f"{tally.recovered:,} graded by an earlier run that was cut off, and now written")
    if tally.graded:
        each = 1000 * tally.writing / tally.graded
        lines.append(f"{tally.graded:,} graded in {_duration(tally.seconds)}; writing took {each:.0f} ms for each")
    if tally.needs_person:
        word = "needs" if tally.needs_person == 1 else "need"
        lines.append(f"{tally.needs_person:,} {word} a person: see 'autograder report'")
    return lines


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _payload(tally: Tally, shown: _Shown, odd: list[str]) -> dict[str, Any]:
    return {
        "chapters": tally.counts,
        "graded": tally.graded,
        "recovered": tally.recovered,
        "interrupted": tally.stopped,
        "needs_person": tally.needs_person,
        "told": shown.told,
        "odd_folders": [ascii(name) for name in odd],
        "seconds": round(tally.seconds, 3),
        "writing_seconds": round(tally.writing, 3),
    }


class _Shown:
    """A bar with an estimate of the time left, and one line for each submission that needs a person.

    Where there is no terminal, a line now and then stands for the bar. Only the first lines are kept, so that a class
    of a thousand broken files neither floods the screen nor the memory.
    """

    def __init__(self, console: Console, chapters: list[Chapter]):
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self.console = console
        self.told: list[dict[str, str]] = []
        self.over = 0
        self.done = self.total = 0
        self.started = self.last = time.monotonic()
        left = TimeRemainingColumn(compact=True)
        words = TextColumn("{task.description}")
        columns = (words, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left:"), left)
        self.bar = Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal, speed_estimate_period=120
        )
        name = chapters[0].slug if len(chapters) == 1 else f"{len(chapters)} chapters"
        self.task = self.bar.add_task(f"Grading {escape(name)}", total=None)

    def __enter__(self) -> _Shown:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def planned(self, changed: int, unchanged: int) -> None:
        """How many submissions are graded now."""
        self.total = changed
        self.bar.update(self.task, total=changed)

    def graded(self, result: Result) -> None:
        """One more; a line when it needs a person."""
        self.done += 1
        self.bar.advance(self.task)
        if result.needs_person:
            self._tell(result)
        if not self.console.is_terminal and time.monotonic() - self.last > QUIET:
            self.last = time.monotonic()
            left = (self.last - self.started) / self.done * (self.total - self.done)
            self.console.print(f"  {self.done:,} of {self.total:,} graded, about {_duration(left)} left")

    def _tell(self, result: Result) -> None:
        if len(self.told) >= LINES:
            self.over += 1
            return
        why = " ".join(result.needs_person)
        self.told.append({"student": result.student, "chapter": result.chapter, "status": result.status, "why": why})
        self.console.print(escape(f"  {_plain(result.student)}: {result.status}. {_plain(why)}"))

    def left_out(self) -> list[str]:
        """A line about the lines that were not shown."""
        return [f"  … and {self.over:,} more that need a person"] if self.over else []


def _plain(text: str) -> str:
    """A name or a sentence on one line, without control characters: a file name may hold anything."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _show_history(project: Project, student: str, slugs: list[str] | None, as_json: bool) -> int:
    from autograder.gradebook import read_history

    found = read_history(project, student, slugs)
    lines = []
    for line in found:
        changes = "; ".join(line.changes) or ("no change" if line.before else _total(line.after))
        why = f", because: {line.reason}" if line.reason else ""
        lines.append(f"{line.at}  {line.chapter}  {line.action} by {line.by}: {line.after['status']}, {changes}{why}")
        lines.append(f"    grader {line.grader}, submission {line.submission[:16]}")
    if not found:
        lines.append(f"There is no line about {student} in the audit trail.")
    payload = {"student": student, "lines": [{**vars(line), "changes": line.changes} for line in found]}
    finish(payload, as_json, [_plain(line) for line in lines])
    return OK


def _total(after: dict[str, Any]) -> str:
    points = [value for value in after.get("points", {}).values() if value is not None]
    return f"{sum(points):g} points" if points else "no points"
