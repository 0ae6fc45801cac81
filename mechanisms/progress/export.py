"""A file for a teacher: what one machine noted, as CSV or JSON.

- ``export(chapters, "progress.csv")`` writes one row for each exercise, those not begun included;
- a CSV holds nothing that a spreadsheet would run: a text that might start a formula gets an apostrophe in front.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mechanisms.errors import UsageError
from mechanisms.files import atomic_write
from mechanisms.progress.overview import ChapterState
from mechanisms.spreadsheet import table

COLUMNS = (
    "chapter",
    "exercise",
    "title",
    "state",
    "best",
    "points",
    "checks",
    "first_check",
    "last_check",
    "all_points",
)


def export(chapters: Sequence[ChapterState], path: str | os.PathLike) -> Path:
    """Write the file and return its path. Raises UsageError for a wrong name, CourseError if it cannot be written."""
    target = Path(path).expanduser()
    ending = target.suffix.lower()
    if ending not in (".csv", ".json"):
        raise UsageError(f"{target.name} should end in .csv (for a spreadsheet) or .json.")
    if target.is_dir():
        raise UsageError(f"{target} is a folder: give the name of a file, such as progress.csv.")
    atomic_write(target, as_csv(chapters) if ending == ".csv" else as_json(chapters))
    return target


def as_csv(chapters: Sequence[ChapterState]) -> str:
    """One row for each exercise, below a row of names. Times are UTC; "all_points" is when all were first earned."""
    rows = [
        (
            chapter.slug,
            one.name,
            one.title,
            one.state,
            one.best,
            one.points,
            one.attempts,
            one.first,
            one.last,
            one.full,
        )
        for chapter in chapters
        for one in chapter.exercises
    ]
    return table([COLUMNS, *rows])


def as_json(chapters: Sequence[ChapterState]) -> str:
    """The same and the predictions, by chapter."""
    tree = {
        "about": "What one machine noted of its own checks, on the cases that everybody sees. Not a grade.",
        "chapters": [
            {
                "chapter": chapter.slug,
                "best": chapter.best,
                "points": chapter.points,
                "exercises": [asdict(one) | {"state": one.state} for one in chapter.exercises],
                "predictions": [asdict(one) for one in chapter.questions if one.choice],
            }
            for chapter in chapters
        ],
    }
    return json.dumps(tree, indent=1, ensure_ascii=False) + "\n"
