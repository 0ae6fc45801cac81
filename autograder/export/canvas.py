"""Canvas's gradebook file (Grades → Import).

- columns Student, ID, SIS User ID, SIS Login ID, Section, then one per assignment or exercise, and the row
  "Points Possible"; Canvas finds an assignment by the number in brackets after its name, else by its name, and
  offers to make one that it does not know;
- with a template (Canvas's own export) only the cells of our assignments change: rows, ids, other columns, quotes
  and line ends stay; a student without points keeps what Canvas holds, because Canvas deletes on an empty cell;
- "N/A" (not assigned) and "EX" (excused) are Canvas's own words and stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from autograder.export.columns import find_column, find_item, heading_of
from autograder.export.grades import LATE, ChapterGrades, Standing
from autograder.export.identities import Identity
from autograder.export.outcome import LeftOut, Outcome
from autograder.export.template import Rows, Sheet
from mechanisms.errors import UsageError
from mechanisms.spreadsheet import number, table

STUDENT = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
POSSIBLE = "    Points Possible"
_OWN = {"student", "lastname", "firstname", "id", "sis user id", "sis login id", "integration id", "root account",
        "section"}  # fmt: skip
_TOTALS = ("current score", "current points", "current grade", "final score", "final points", "final grade",
           "override score", "override grade", "override status")  # fmt: skip
_CANVAS_SAYS = {"N/A": "not assigned in Canvas", "EX": "excused in Canvas"}


def canvas_file(
    chapters: Sequence[ChapterGrades],
    identities: Mapping[str, Identity],
    per_exercise: bool,
    named: Mapping[str, str],
) -> Outcome:
    """A gradebook file of our own, for a course where no template is at hand."""
    outcome = Outcome()
    columns = [column for grades in chapters for column in _columns(grades, per_exercise, named)]
    students = sorted({standing.student for grades in chapters for standing in grades.standings})
    by_student = {grades.slug: {standing.student: standing for standing in grades.standings} for grades in chapters}
    rows: list[list[object]] = [[*STUDENT, *(heading for heading, _, _, _ in columns)]]
    rows.append([POSSIBLE, "", "", "", "", *(most for _, most, _, _ in columns)])
    for student in students:
        who = identities.get(student, Identity(student))
        points = [_points(by_student[slug].get(student), item) for _, _, slug, item in columns]
        outcome.filled += sum(1 for value in points if value is not None)
        login = who.login or who.email or ("" if who.canvas_id else student)
        rows.append([who.name or student, who.canvas_id, who.sis_id, login, who.section, *points])
    for grades in chapters:
        outcome.doubts(grades)
    if outcome.left_out:
        outcome.warnings.append(
            "Canvas takes an empty cell for no score, also where it holds one already; with --template such cells "
            "keep what Canvas holds."
        )
    outcome.texts["canvas.csv"] = table(rows)
    return outcome


def _columns(
    grades: ChapterGrades, per_exercise: bool, named: Mapping[str, str]
) -> Iterator[tuple[str, float, str, str]]:
    """Heading, points possible, chapter and item ("" for the total) of each column of a chapter."""
    heading = heading_of(grades, named) or grades.name
    if not per_exercise:
        yield heading, grades.most, grades.slug, ""
        return
    for item, most in grades.items.items():
        yield f"{heading}: {item}", most, grades.slug, item
    if grades.any_late:
        yield f"{heading}: {LATE}", 0.0, grades.slug, LATE


def _points(standing: Standing | None, item: str) -> float | None:
    if standing is None:
        return None
    if item == LATE:
        return standing.late
    return standing.items.get(item) if item else standing.total


def fill_canvas(
    sheet: Sheet,
    chapters: Sequence[ChapterGrades],
    identities: Mapping[str, Identity],
    per_exercise: bool,
    named: Mapping[str, str],
) -> Outcome:
    """Fill Canvas's own export in; raises UsageError when it is none or a chapter has no column in it."""
    headings = sheet.header()
    if len(headings) < 4 or "section" not in {heading.casefold() for heading in headings} or "ID" not in headings:
        raise UsageError("The template is no gradebook that Canvas exported: it has no columns ID and Section.")
    first = [row for row in range(1, len(sheet.rows)) if "Points Possible" in sheet.value(row, 0)]
    possible = first[0] if first else None
    free = [
        column for column, heading in enumerate(headings)
        if heading and heading.casefold() not in _OWN
        and not any(total in heading.casefold() for total in _TOTALS)
        and (possible is None or "read only" not in sheet.value(possible, column))
    ]  # fmt: skip
    after = 1 if possible is None else possible + 1
    rows = _rows(sheet, headings, after)
    outcome = Outcome()
    taken: dict[int, str] = {}
    for grades in chapters:
        outcome.doubts(grades)
        columns = _template_columns(outcome, headings, free, grades, per_exercise, named)
        for item, column in columns.items():
            most = grades.items.get(item, grades.most if not item else 0.0)
            there = sheet.value(possible, column) if possible is not None else ""
            if _differs(there, most):
                outcome.warnings.append(
                    f"{headings[column]} has {there} points possible in Canvas and {number(most)} here; "
                    "points are exported as they are."
                )
        missing = []
        for standing in grades.standings:
            row = rows.of(*_keys(standing.student, identities.get(standing.student)))
            if row is None:
                missing.append(standing.student)
                continue
            if taken.setdefault(row, standing.student) != standing.student:
                why = f"{taken[row]} and this student both fit one row of the template; neither can be told apart"
                outcome.left_out.append(LeftOut(standing.student, grades.slug, why))
                continue
            for item, column in columns.items():
                _fill(sheet, outcome, grades, standing, item, row, column, like=sheet.value(possible or 0, column))
        for student in missing:
            outcome.left_out.append(LeftOut(student, grades.slug, "no single row of the template fits this student"))
    if sheet.formulas():
        outcome.warnings.append(
            f"{sheet.formulas()} cells of the template begin like a formula; they are Canvas's own and were kept."
        )
    outcome.texts["canvas.csv"] = sheet.text()
    return outcome


def _rows(sheet: Sheet, headings: Sequence[str], after: int) -> Rows:
    keys = {"student": "name", "id": "id", "sis user id": "sis", "sis login id": "login"}
    columns = {keys[heading.casefold()]: column for column, heading in enumerate(headings)
               if heading.casefold() in keys}  # fmt: skip
    return Rows(sheet, range(after, len(sheet.rows)), columns)


def _keys(student: str, who: Identity | None) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What surely names a student in Canvas, and what the folder's name may mean."""
    sure = []
    if who is not None:
        sure = [("id", who.canvas_id), ("sis", who.sis_id), ("login", who.login), ("login", who.email)]
        sure.append(("name", who.name))
    return sure, [("login", student), ("sis", student), ("id", student), ("name", student)]


def _template_columns(
    outcome: Outcome,
    headings: Sequence[str],
    free: Sequence[int],
    grades: ChapterGrades,
    per_exercise: bool,
    named: Mapping[str, str],
) -> dict[str, int]:
    if not per_exercise:
        return {"": find_column(headings, free, grades, heading_of(grades, named))}
    items = [*grades.items, *([LATE] if grades.any_late else [])]
    found = {item: find_item(headings, free, grades, item) for item in items}
    columns = {item: column for item, column in found.items() if column is not None}
    if not columns:
        raise UsageError(
            f"The template has no columns for the exercises of {grades.slug}; import a file made without --template "
            f"first (Canvas then makes them: '{grades.name}: {items[0]}'), or leave out --per-exercise."
        )
    outcome.warnings += [
        f"The template has no column for {item} of {grades.slug}." for item in items if item not in columns
    ]
    return columns


def _fill(
    sheet: Sheet,
    outcome: Outcome,
    grades: ChapterGrades,
    standing: Standing,
    item: str,
    row: int,
    column: int,
    like: str,
) -> None:
    points = _points(standing, item)
    if points is None:
        return
    there = sheet.value(row, column)
    if there.upper() in _CANVAS_SAYS:
        outcome.left_out.append(LeftOut(standing.student, grades.slug, _CANVAS_SAYS[there.upper()]))
    elif column >= len(sheet.rows[row]):
        outcome.left_out.append(LeftOut(standing.student, grades.slug, "the template's row is too short"))
    else:
        sheet.fill(row, column, points, like)
        outcome.filled += 1


def _differs(there: str, most: float) -> bool:
    try:
        return abs(float(there.replace(",", ".")) - most) > 1e-6
    except ValueError:
        return False
