"""The command line of whoever runs the course: `autograder COMMAND`.

- exercises, sample-class, grade, summary, serve, bench: each does one thing and prints what it made;
- every foreseeable problem is one sentence on stderr, without a traceback;
- exit codes: 0 done; 1 finished, but something is not as it should be (stale files, a budget missed);
  2 an unknown option or command; 3 it could not be done, and the sentence says what to do; 130 interrupted.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from autograder.project import Project, current
from mechanisms.errors import CourseError

if TYPE_CHECKING:
    from autograder.nbg.results import Result
    from autograder.specs.base import Chapter

STALE, IMPOSSIBLE, INTERRUPTED = 1, 3, 130
EXIT_CODES = (
    "Exit codes: 0 done · 1 finished, but something is not as it should be · 2 unknown option · "
    "3 could not be done (one sentence says why) · 130 interrupted."
)
app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Build, grade and show the course.", epilog=EXIT_CODES
)
# The parent of every complaint about options; where it lives depends on typer's version.
_WrongWords = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")
out = Console(highlight=False, soft_wrap=True)
Slugs = Annotated[list[str] | None, typer.Argument(help="Chapters by slug or number; all of them when none is named.")]


def main() -> None:
    """The console script: runs the app and turns every foreseeable problem into one sentence."""
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        code = app(standalone_mode=False) or 0
    except CourseError as error:
        errors.print(escape(str(error)), style="red")
        code = IMPOSSIBLE
    except _WrongWords as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        errors.print("Interrupted; what was finished is kept.")
        code = INTERRUPTED
    except OSError as error:
        errors.print(escape(f"{error.filename or 'A file'}: {error.strerror or error}."), style="red")
        code = IMPOSSIBLE
    sys.exit(code if isinstance(code, int) else 0)


def _chapters(project: Project, slugs: Iterable[str] | None) -> list[Chapter]:
    chosen = [project.chapter(slug) for slug in slugs] if slugs else list(project.chapters.values())
    if not chosen:
        raise CourseError("There is no chapter yet: add a spec to autograder/specs/.")
    return chosen


def _shown(path: Path, project: Project) -> str:
    return escape(str(path.relative_to(project.root) if path.is_relative_to(project.root) else path))


@app.command(epilog=EXIT_CODES)
def exercises(
    slugs: Slugs = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when a file is stale.")] = False,
) -> int:
    """Generate exercises/ and the public check snapshots from solutions/."""
    from autograder.build.exercises import build_chapter
    from autograder.course import release_chapter

    project, stale = current(), 0
    for chapter in _chapters(project, slugs):
        built = build_chapter(project, chapter, check=check)
        if check:
            for path in built.changed:
                stale += 1
                out.print(f"{_shown(path, project)} is stale: run 'make exercises' and commit it.")
            continue
        release_chapter(project, chapter)
        for path in built.changed:
            out.print(f"wrote {_shown(path, project)}")
        out.print(f"{chapter.slug}: {len(built.changed)} written, {len(built.unchanged)} unchanged, no leak found")
    return STALE if stale else 0


@app.command("sample-class", epilog=EXIT_CODES)
def sample_class(
    slugs: Slugs = None,
    again: Annotated[bool, typer.Option("--again", help="Grade everybody, changed or not.")] = False,
) -> int:
    """Make the sample class, grade it with nbgrader, write its feedback and the class summary."""
    from autograder.course import release_chapter
    from autograder.sample_class import write_sample_class

    project = current()
    chapters = _chapters(project, slugs)
    for chapter in chapters:
        release_chapter(project, chapter)
        students = write_sample_class(project, chapter)
        _grade(project, chapter, students, again)
    return _summary(project)


@app.command(epilog=EXIT_CODES)
def grade(
    slugs: Slugs = None,
    again: Annotated[bool, typer.Option("--again", help="Grade everybody, changed or not.")] = False,
) -> int:
    """Grade everything in the course's submitted/ folder that changed, and write feedback and summary."""
    from autograder.course import release_chapter

    project = current()
    for chapter in _chapters(project, slugs):
        release_chapter(project, chapter)
        _grade(project, chapter, None, again)
    return _summary(project)


def _grade(project: Project, chapter: Chapter, students: list[str] | None, again: bool) -> list[Result]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from autograder.grading import grade_class, handed_in

    who = students if students is not None else handed_in(project, chapter)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    started, counts = time.monotonic(), {}
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task(f"Grading {chapter.slug}", total=len(who))

        def progress(student: str, state: str) -> None:
            if state == "grading":
                bar.update(task, description=f"Grading {escape(student)}")
                return
            counts[state] = counts.get(state, 0) + 1
            bar.advance(task)
            if state != "unchanged":
                bar.console.print(f"  {escape(student)}: {state}")

        results = grade_class(project, chapter, who, again, progress)
    told = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "nobody handed in"
    out.print(f"{chapter.slug}: {told} ({time.monotonic() - started:.1f} s)")
    return results


@app.command(epilog=EXIT_CODES)
def summary() -> int:
    """Write the class summary (HTML, JSON, CSV) from what was graded."""
    return _summary(current())


def _summary(project: Project) -> int:
    from autograder.grading import handed_in
    from autograder.summary import summarise, write_summary

    parts = []
    for chapter in project.chapters.values():
        students = handed_in(project, chapter)
        if students:
            parts.append(summarise(project, chapter, students))
    if not parts:
        raise CourseError("Nobody handed in anything yet: run 'autograder sample-class' for a class to look at.")
    paths = write_summary(project, parts)
    for part in parts:
        for row in part.rows:
            for sentence in row.needs_person:
                out.print(f"  needs a person: {escape(row.student)}: {escape(sentence)}")
    out.print(f"Class summary: {escape(str(paths[0]))} (also .json, .csv)")
    out.print(f"Feedback:      {escape(str(project.course / 'feedback'))}")
    return 0


@app.command(epilog=EXIT_CODES)
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1 (0 picks a free one).")] = 8000,
) -> int:
    """Serve book, feedback and class summary on this computer until Ctrl-C."""
    from autograder.serve import CourseServer

    project = current()
    built = [project.book / "index.html", project.course / "summary.html"]
    if not any(path.exists() for path in built):
        raise CourseError("There is nothing to serve yet: run 'make course' first.")
    with CourseServer(project, port) as server:
        out.print(f"Book, feedback and class summary: {server.address} (Ctrl-C ends)")
        for path, command in zip(built, ("make book", "autograder sample-class"), strict=True):
            if not path.exists():
                out.print(f"  {_shown(path, project)} is not built yet: {command}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            out.print("Stopped.")
    return 0


@app.command(epilog=EXIT_CODES)
def bench(slugs: Slugs = None) -> int:
    """Time each chapter's solution notebook and each of its checks in a real kernel; exit 1 when over budget."""
    from rich.table import Table

    from autograder.bench import CHECK_BUDGET, NOTEBOOK_BUDGET, time_chapter

    project, over = current(), []
    for chapter in _chapters(project, slugs):
        timing = time_chapter(project, chapter)
        table = Table(title=f"Chapter {chapter.slug}", title_justify="left")
        table.add_column("what")
        table.add_column("seconds", justify="right")
        table.add_column("budget", justify="right")
        table.add_row("whole notebook, kernel start included", f"{timing.total:.1f}", f"{NOTEBOOK_BUDGET:g}")
        table.add_row("setup", f"{timing.setup:.1f}", "")
        for name, seconds in timing.checks.items():
            table.add_row(f"check({name})", f"{seconds:.2f}", f"{CHECK_BUDGET:g}")
        out.print(table)
        out.print("Slowest cells: " + "; ".join(f"{label} {seconds:.1f} s" for seconds, label in timing.slowest))
        over += timing.over
    for sentence in over:
        out.print(f"[red]{escape(sentence)}[/red]")
    return STALE if over else 0


if __name__ == "__main__":
    main()
