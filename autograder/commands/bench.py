"""`autograder bench`: how long notebooks, checks and grading take."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from autograder.commands.output import OK, STALE, AsJson, Slugs, chosen_chapters, finish, note, out
from autograder.project import Project, current
from mechanisms.errors import UsageError

if TYPE_CHECKING:
    from autograder.bench.grading import Race
    from autograder.bench.notebooks import Timing
    from autograder.specs.base import Chapter

LIGHT_AIM, CHAPTER_AIM = 15.0, 5.0


def bench(
    slugs: Slugs = None,
    grading: Annotated[
        bool, typer.Option("--grading", help="Race the grader against nbgrader as it comes (takes minutes).")
    ] = False,
    submissions: Annotated[int, typer.Option(min=2, help="How many submissions race.")] = 24,
    students: Annotated[
        int, typer.Option("--class", min=0, help="Grade a made-up class of so many and tell the driver's memory.")
    ] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Worker processes of the grader.")] = os.cpu_count() or 1,
    as_json: AsJson = False,
) -> int:
    """Time each chapter's solution notebook and checks, or the grading; exit 1 when something misses its aim."""
    if students:
        return _large(students, jobs, as_json)
    if grading:
        return _grading(slugs, submissions, jobs, as_json)
    from autograder.bench.notebooks import time_chapter

    timings = [time_chapter(current(), chapter) for chapter in chosen_chapters(current(), slugs)]
    over = [sentence for timing in timings for sentence in timing.over]
    if not as_json:
        for timing in timings:
            _table(timing)
    payload = {timing.chapter: {"total": timing.total, "checks": timing.checks} for timing in timings}
    finish({"notebooks": payload, "over": over}, as_json, over)
    return STALE if over else OK


def _table(timing: Timing) -> None:
    from autograder.bench.notebooks import CHECK_BUDGET, NOTEBOOK_BUDGET

    table = Table(title=f"Chapter {timing.chapter}", title_justify="left")
    table.add_column("what")
    table.add_column("seconds", justify="right")
    table.add_column("budget", justify="right")
    table.add_row("whole notebook, kernel start included", f"{timing.total:.1f}", f"{NOTEBOOK_BUDGET:g}")
    table.add_row("setup", f"{timing.setup:.1f}", "")
    for name, seconds in timing.checks.items():
        table.add_row(f"check({name})", f"{seconds:.2f}", f"{CHECK_BUDGET:g}")
    out.print(table)
    out.print("Slowest cells: " + "; ".join(f"{label} {seconds:.1f} s" for seconds, label in timing.slowest))


def _grading(slugs: list[str] | None, count: int, jobs: int, as_json: bool) -> int:
    from autograder.bench.grading import CELLS_LIMIT, race

    races: list[tuple[Race, float]] = []
    with tempfile.TemporaryDirectory(prefix="mechanisms-bench-") as folder:
        note.print(f"Racing over {count} light notebooks, twice; then each chapter. This takes minutes.")
        light, chapter, variables = _light(Path(folder))
        races.append((race(light, chapter, _copies(light, chapter, count), variables, jobs), LIGHT_AIM))
        for chapter in chosen_chapters(current(), slugs):
            project = Project(course=Path(folder) / chapter.slug)
            races.append((race(project, chapter, _samples(project, chapter, count), {}, jobs), CHAPTER_AIM))
    lines, missed = [], 0
    for found, aim in races:
        lines += _race_lines(found, aim, CELLS_LIMIT)
        missed += found.ratio < aim
    finish({"races": [found.as_json() | {"aim": aim} for found, aim in races]}, as_json, lines)
    return STALE if missed else OK


def _race_lines(found: Race, aim: float, limit: float) -> list[str]:
    gigabyte = 2**30
    return [
        f"{found.chapter}: {found.submissions} submissions, {found.cores} worker processes",
        f"  nbgrader as it comes {found.stock:.1f} s, peak memory {found.stock_memory / gigabyte:.2f} GB",
        f"  this grader          {found.ours:.1f} s, peak memory {found.our_memory / gigabyte:.2f} GB "
        f"({found.start:.1f} s of it is starting)",
        f"  throughput {found.ratio:.1f} times (aim {aim:g}); {found.running_ratio:.1f} times once it runs",
        f"  students' own cells, warm, divided by the processes: {found.cells / found.cores:.2f} s; "
        f"with their hidden cases {found.cells_and_cases / found.cores:.2f} s",
        f"  our running time over the first {found.over_cells:.1f} (aim {limit:g}), "
        f"over the second {found.over_cells_and_cases:.2f}",
        f"  and {found.over_together:.2f} over the second with as many processes at once ({found.together:.2f} s)",
        f"  beside its own code a submission costs {found.fixed:.2f} s of a process: within {limit:g} from "
        f"{found.enough:.2f} s of it on",
    ]


def _large(students: int, jobs: int, as_json: bool) -> int:
    from autograder.bench.large import GROWTH_LIMIT, grade_large

    with tempfile.TemporaryDirectory(prefix="mechanisms-bench-") as folder:
        note.print(f"Grading a made-up class of {students:,}.")
        light, chapter, variables = _light(Path(folder))
        found = grade_large(light, chapter, _copies(light, chapter, students), variables, jobs)
    megabyte = 2**20
    lines = [
        f"{found.students:,} students graded in {found.seconds:.0f} s by {found.cores} worker processes",
        f"  the driver's own memory: {found.early / megabyte:.0f} MB when a tenth was graded, then at most "
        f"{found.late / megabyte:.0f} MB ({found.growth:.2f} times; flat is up to {GROWTH_LIMIT:g})",
        f"  {found.peak / megabyte:.0f} MB while it writes the class report at the end; everything together at most "
        f"{found.everything / 2**30:.2f} GB",
    ]
    finish(found.as_json(), as_json, lines)
    return STALE if found.growth > GROWTH_LIMIT else OK


def _light(folder: Path) -> tuple[Project, Chapter, dict[str, str]]:
    from autograder.bench import light
    from autograder.course import release_chapter

    root = folder / "light"
    light.write_source(root)
    project = Project(root=root, course=root / "course", only={light.CHAPTER.slug: light.CHAPTER})
    release_chapter(project, light.CHAPTER)
    variables = {"MECHANISMS_PROJECT": "autograder.bench.light:project", "MECHANISMS_LIGHT": str(root)}
    return project, light.CHAPTER, variables


def _copies(project: Project, chapter: Chapter, count: int) -> dict[str, str]:
    """The same right notebook from so many students; each has hidden cases of its own."""
    from autograder.sample_class import sample_submissions

    return dict.fromkeys(
        (f"student-{number:03d}" for number in range(count)), sample_submissions(project, chapter)["perfect"]
    )


def _samples(project: Project, chapter: Chapter, count: int) -> dict[str, str]:
    """So many of the sample class: right, wrong and unfinished ones, all of them notebooks."""
    from autograder.course import release_chapter
    from autograder.sample_class import sample_submissions

    release_chapter(project, chapter)
    texts = {name: text for name, text in sample_submissions(project, chapter).items() if text.startswith("{")}
    if not texts:
        raise UsageError(f"The sample class of {chapter.slug} has no notebook.")
    # More than there are: some again, as a larger class would hold them; each name draws hidden cases of its own.
    rounds = range(1, -(-count // len(texts)) + 1)
    several = {(f"{name}-{again}" if again > 1 else name): text for again in rounds for name, text in texts.items()}
    return dict(list(several.items())[:count])
