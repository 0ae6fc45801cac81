"""`autograder check NOTEBOOK`: one's own notebook, run from top to bottom and graded as a course would grade it."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from autograder.commands.output import OK, STALE, AsJson, finish, note
from autograder.project import current
from mechanisms.errors import CannotWrite, DiskFull, UsageError
from mechanisms.files import atomic_write


def check(
    notebook: Annotated[Path, typer.Argument(help="The notebook to check, your own.")],
    chapter: Annotated[
        str | None, typer.Option("--chapter", help="Which chapter it is, when that is not plain.")
    ] = None,
    seed: Annotated[
        str, typer.Option("--seed", help="Draw the hidden cases of this seed; a new one is made when none is given.")
    ] = "",
    public: Annotated[
        bool, typer.Option("--public", help="Use the public cases, those that check(...) in the notebook uses.")
    ] = False,
    feedback: Annotated[
        Path | None,
        typer.Option("--feedback", help="Where to write the feedback page (default: beside the notebook)."),
    ] = None,
    show: Annotated[
        bool | None,
        typer.Option("--open/--no-open", help="Open the feedback page in a browser (default: when in a terminal)."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Grade a notebook of your own on hidden cases and write its feedback page; exit 1 when an exercise does not pass.

    It is isolated where the machine can do that, and run as it is elsewhere: only for what you trust.
    """
    from autograder.selfcheck import check_notebook, new_seed
    from autograder.specs.cases import PUBLIC

    if seed and public:
        raise UsageError("Give --seed or --public, not both: the public cases have no seed of yours.")
    checked = check_notebook(current(), notebook, chapter, PUBLIC if public else seed or new_seed())
    result = checked.result
    lines = []
    for name, exercise in result.exercises.items():
        lines.append(f"{name}: {exercise.points:g} of {exercise.max_points:g} points ({exercise.state})")
        if exercise.sentence and exercise.state != "passed":
            lines.append(f"  {exercise.sentence}")
        if exercise.below:
            lines.append(f"  {exercise.below_sentence.replace('`', '')}")
    lines += [f"Note: {notice}" for notice in [*result.notices, *result.needs_person]]
    total = sum(exercise.points for exercise in result.exercises.values())
    maximum = sum(exercise.max_points for exercise in result.exercises.values())
    cases = "the public cases" if public else f"hidden cases (--seed {checked.seed} draws the same again)"
    lines.append(f"{result.chapter}: {total:g} of {maximum:g} points on {cases}, {result.cell_seconds:.1f} s of cells")
    if result.free_text:
        more = sum(result.free_text.values())
        lines.append(f"Free text, {more:g} points more, is for a person to mark: nothing here counts it.")
    page = _written(feedback or notebook.with_name(f"{notebook.stem}.feedback.html"), checked.page)
    if page:
        lines.append(f"Feedback: {page}")
    rows = {
        name: {"points": entry.points, "max_points": entry.max_points, "state": entry.state, "sentence": entry.sentence}
        for name, entry in result.exercises.items()
    }
    payload = {"chapter": result.chapter, "points": total, "max_points": maximum, "exercises": rows}
    payload |= {"notices": result.notices, "needs_person": result.needs_person, "python": sys.version.split()[0]}
    payload |= {"cases": "public" if public else "hidden", "seed": checked.seed, "feedback": str(page or "")}
    finish(payload, as_json, lines)
    if page and (show if show is not None else sys.stdout.isatty() and not as_json):
        webbrowser.open(page.resolve().as_uri())
    return OK if all(entry.state == "passed" for entry in result.exercises.values()) else STALE


def _written(path: Path, page: str) -> Path | None:
    """The page's path, or None with a sentence when it cannot be written: the points are worth more than the page."""
    try:
        return atomic_write(path, page)
    except (CannotWrite, DiskFull) as error:
        note.print(escape(f"{error} The points stand; --feedback names another place for the page."))
        return None
