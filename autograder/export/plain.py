"""A plain CSV file for every other system: one line per student and chapter, or per student and item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autograder.export.grades import LATE, ChapterGrades
from autograder.export.identities import Identity
from autograder.export.outcome import Outcome
from mechanisms.spreadsheet import table

COLUMNS = ("student", "name", "email", "chapter", "item", "points", "max_points", "status", "why_empty")


def plain_file(chapters: Sequence[ChapterGrades], identities: Mapping[str, Identity], per_exercise: bool) -> Outcome:
    """Totals, or with `per_exercise` each item, what lateness costs, and the total."""
    outcome = Outcome()
    rows: list[list[object]] = [list(COLUMNS)]
    for grades in chapters:
        for standing in grades.standings:
            who = identities.get(standing.student, Identity(standing.student))
            entries: list[tuple[str, float | None, float]] = []
            if per_exercise:
                entries = [(item, points, grades.items[item]) for item, points in standing.items.items()]
                if standing.late:
                    entries.append((LATE, standing.late, 0.0))
            entries.append(("total", standing.total, grades.most))
            for item, points, most in entries:
                why = "; ".join(standing.doubts) if points is None else ""
                about = [standing.student, who.name, who.email, grades.slug]
                rows.append([*about, item, points, most, standing.status, why])
                outcome.filled += points is not None
        outcome.doubts(grades)
    outcome.texts["grades.csv"] = table(rows)
    return outcome
