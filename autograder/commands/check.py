"""`autograder check NOTEBOOK`: one's own notebook, run from top to bottom and checked on the public cases."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from autograder.commands.output import OK, STALE, AsJson, finish
from autograder.project import current


def check(
    notebook: Annotated[Path, typer.Argument(help="The notebook to check, your own.")],
    chapter: Annotated[
        str | None, typer.Option("--chapter", help="Which chapter it is, when that is not plain.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Run a notebook of your own and check every exercise on the public cases; exit 1 when one does not pass.

    It is isolated where the machine can do that, and run as it is elsewhere: only for what you trust.
    """
    from autograder.selfcheck import check_notebook

    result = check_notebook(current(), notebook, chapter)
    lines = []
    for name, exercise in result.exercises.items():
        lines.append(f"{name}: {exercise.points:g} of {exercise.max_points:g} points ({exercise.state})")
        if exercise.sentence and exercise.state != "passed":
            lines.append(f"  {exercise.sentence}")
    lines += [f"Note: {notice}" for notice in [*result.notices, *result.needs_person]]
    total = sum(exercise.points for exercise in result.exercises.values())
    maximum = sum(exercise.max_points for exercise in result.exercises.values())
    lines.append(
        f"{result.chapter}: {total:g} of {maximum:g} points on the public cases, {result.cell_seconds:.1f} s of cells"
    )
    rows = {
        name: {"points": entry.points, "max_points": entry.max_points, "state": entry.state, "sentence": entry.sentence}
        for name, entry in result.exercises.items()
    }
    payload = {"chapter": result.chapter, "points": total, "max_points": maximum, "exercises": rows}
    payload |= {"notices": result.notices, "python": sys.version.split()[0]}
    finish(payload, as_json, lines)
    return OK if all(entry.state == "passed" for entry in result.exercises.values()) else STALE
