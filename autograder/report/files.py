"""The report's three files: report.html, report.csv and report.json in the course directory.

- CSV: one line per student, chapter and item (exercise or free-text question), safe in a spreadsheet;
- JSON: everything that the page shows, one row per student and chapter and line, for other programs;
- each file is replaced as a whole, so a reader never sees half of one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from autograder.report.page import report_html
from mechanisms.files import atomic_write
from mechanisms.spreadsheet import table

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.project import Project
    from autograder.report.gather import ChapterReport

COLUMNS = ("student", "chapter", "status", "item", "points", "max_points", "state", "mistake", "needs_person")


def write_report(project: Project, chapters: Sequence[ChapterReport]) -> list[Path]:
    """Write the three files and return their paths, the page first."""
    project.course.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC).astimezone()
    contents = {
        "report.html": report_html(chapters, f"{now:%Y-%m-%d %H:%M}"),
        "report.csv": table(_lines(chapters)),
        "report.json": report_json(chapters, now.isoformat(timespec="seconds")),
    }
    # A folder's name may hold bytes that are no UTF-8; they are written as escapes.
    return [
        atomic_write(project.course / name, content.encode("utf-8", "backslashreplace"))
        for name, content in contents.items()
    ]


def _lines(chapters: Sequence[ChapterReport]) -> Iterator[tuple]:
    yield COLUMNS
    for chapter in chapters:
        items = {**chapter.maxima, **chapter.questions}
        for row in chapter.rows:
            person = " ".join(row.needs_person)
            for item, most in items.items():
                points = row.scores.get(item, row.manual.get(item))
                state = row.states.get(item, "to mark" if item in row.unmarked else "")
                sentences = chapter.sentences.get(item, {})
                mistake = sentences.get(row.mistakes.get(item, ""), "")
                yield row.student, chapter.slug, row.status, item, points, most, state, mistake, person
            if row.penalty:
                yield row.student, chapter.slug, row.status, "late penalty", -row.penalty, 0, "", "", person


def report_json(chapters: Sequence[ChapterReport], made: str) -> str:
    """The report as JSON: `made` (ISO time) and `chapters`, each with its rows, one row a line."""
    parts = []
    for chapter in chapters:
        about = {
            "slug": chapter.slug,
            "title": chapter.title,
            "max_points": chapter.maxima,
            "titles": chapter.titles,
            "free_text": chapter.questions,
            "mistakes": chapter.sentences,
        }
        rows = ",\n".join(json.dumps(vars(row), ensure_ascii=False) for row in chapter.rows)
        parts.append(json.dumps(about, ensure_ascii=False)[:-1] + f', "rows": [\n{rows}\n]}}')
    return f'{{"made": {json.dumps(made)}, "chapters": [\n' + ",\n".join(parts) + "\n]}\n"
