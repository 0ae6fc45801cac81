"""Moodle's CSV files.

- one assignment: the offline grading worksheet (Assignment → View all submissions → Upload grading worksheet) with
  Identifier ("Participant 123"), Full name, Email address, Grade, Maximum Grade, Last modified (grade); Moodle passes
  over a row with an empty grade;
- per exercise: a file for Grades → Import → CSV file, whose columns the instructor maps (e-mail address, ID number or
  user name to the user);
- with a template (the worksheet that Moodle gave) only the grades change; a row that Moodle would pass over
  (locked, or more than the maximum) is left as it is and listed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from autograder.export.grades import LATE, ChapterGrades
from autograder.export.identities import Identity
from autograder.export.outcome import LeftOut, Outcome
from autograder.export.template import Rows, Sheet
from mechanisms.errors import UsageError
from mechanisms.spreadsheet import number, table

PERSON = ("Full name", "Email address", "ID number", "Username")
WORKSHEET = ("Identifier", "Full name", "Email address", "Grade", "Maximum Grade", "Last modified (grade)")
_KEYS = {"full name": "name", "email address": "email", "email": "email", "username": "login", "id number": "sis"}


def moodle_worksheets(chapters: Sequence[ChapterGrades], identities: Mapping[str, Identity]) -> Outcome:
    """A worksheet of our own for each chapter."""
    outcome = Outcome()
    for grades in chapters:
        rows: list[list[object]] = [list(WORKSHEET)]
        unknown = 0
        for standing in grades.standings:
            who = identities.get(standing.student, Identity(standing.student))
            number = _participant(who, grades.slug)
            unknown += not number
            about = [f"Participant {number}" if number else "", who.name or who.student, _email(who)]
            rows.append([*about, standing.total, grades.most, ""])
            outcome.filled += standing.total is not None
        if unknown:
            outcome.warnings.append(
                f"{unknown} of {len(grades.standings)} students of {grades.slug} have no Moodle participant number; "
                "Moodle passes over them. Give its own worksheet with --template."
            )
        outcome.doubts(grades)
        outcome.texts[f"moodle-{grades.slug}.csv"] = table(rows)
    return outcome


def moodle_items(chapters: Sequence[ChapterGrades], identities: Mapping[str, Identity]) -> Outcome:
    """One file with a column per exercise of every chapter, for Moodle's gradebook import."""
    outcome = Outcome()
    columns = [
        (f"{grades.name}: {item}", grades.slug, item)
        for grades in chapters
        for item in [*grades.items, *([LATE] if grades.any_late else [])]
    ]
    by_student = {grades.slug: {standing.student: standing for standing in grades.standings} for grades in chapters}
    rows: list[list[object]] = [[*PERSON, *(column[0] for column in columns)]]
    unknown = 0
    for student in sorted({standing.student for grades in chapters for standing in grades.standings}):
        points: list[float | None] = []
        for _, slug, item in columns:
            standing = by_student[slug].get(student)
            value = (standing.late if item == LATE else standing.items.get(item)) if standing else None
            points.append(value)
        outcome.filled += sum(1 for value in points if value is not None)
        who = identities.get(student, Identity(student))
        about = [who.name or student, _email(who), who.sis_id, who.login]
        unknown += not any(about[1:])
        rows.append([*about, *points])
    if unknown:
        outcome.warnings.append(
            f"{unknown} students have no e-mail address, ID number or user name by which Moodle could find them; add "
            '"email", "sis_id" or "login" to course/lms.json.'
        )
    for grades in chapters:
        outcome.doubts(grades)
    outcome.texts["moodle-exercises.csv"] = table(rows)
    return outcome


def _participant(who: Identity, slug: str) -> str:
    """The participant number in a chapter's assignment, or nothing."""
    number = re.search(r"\d+$", who.participants.get(slug, ""))
    return number[0] if number else ""


def _email(who: Identity) -> str:
    return who.email or (who.student if "@" in who.student else "")


def fill_moodle(sheet: Sheet, grades: ChapterGrades, identities: Mapping[str, Identity], named: str = "") -> Outcome:
    """Fill Moodle's own worksheet in; `named` is the heading of its grade column where that is not "Grade".

    Raises UsageError when the file is no worksheet.
    """
    headings = [heading.casefold() for heading in sheet.header()]
    wanted = named.casefold() or "grade"
    if headings.count(wanted) != 1:
        there = ", ".join(f"'{heading}'" for heading in sheet.header()[:12])
        raise UsageError(
            f"The template has no single column '{named or 'Grade'}'; name it with "
            f"--column '{grades.number:02d}=HEADING'. There is: {there}."
        )
    column = headings.index(wanted)
    most = headings.index("maximum grade") if "maximum grade" in headings else None
    locked = headings.index("grade can be changed") if "grade can be changed" in headings else None
    body = range(1, len(sheet.rows))
    columns = {_KEYS[heading]: place for place, heading in enumerate(headings) if heading in _KEYS}
    rows, participants = Rows(sheet, body, columns), _participants(sheet, body)
    outcome, taken = Outcome(), {}
    outcome.doubts(grades)

    def leave(student: str, why: str) -> None:
        outcome.left_out.append(LeftOut(student, grades.slug, why))

    for standing in grades.standings:
        who = identities.get(standing.student)
        number_there = _participant(who, grades.slug) if who else ""
        row = _find(rows, participants, standing.student, who, number_there)
        points = standing.total
        if row is None:
            leave(standing.student, "no single row of the template fits this student")
            continue
        if taken.setdefault(row, standing.student) != standing.student:
            leave(standing.student, f"{taken[row]} fits the same row of the template; neither can be told apart")
            continue
        if points is None:
            continue
        limit = sheet.value(row, most) if most is not None else ""
        if locked is not None and sheet.value(row, locked).casefold() == "no":
            leave(standing.student, "Moodle says that this grade cannot be changed")
        elif column >= len(sheet.rows[row]):
            leave(standing.student, "the template's row is too short")
        elif _number(limit) is not None and points > _number(limit) + 1e-9:
            leave(standing.student, f"{number(points)} points are more than the maximum in Moodle, {limit}")
        else:
            sheet.fill(row, column, points, limit)
            outcome.filled += 1
    _check(outcome, sheet, grades, most)
    outcome.texts[f"moodle-{grades.slug}.csv"] = sheet.text()
    return outcome


def _check(outcome: Outcome, sheet: Sheet, grades: ChapterGrades, most: int | None) -> None:
    limits = {sheet.value(row, most) for row in range(1, len(sheet.rows))} if most is not None else set()
    other = sorted(limit for limit in limits if _number(limit) not in (None, grades.most))
    if other:
        outcome.warnings.append(
            f"The maximum in Moodle is {', '.join(other[:3])}, here it is {number(grades.most)}; points are exported "
            "as they are."
        )
    if sheet.formulas():
        outcome.warnings.append(
            f"{sheet.formulas()} cells of the template begin like a formula; they are Moodle's own and were kept."
        )


def _participants(sheet: Sheet, body: range) -> dict[str, set[int]]:
    """Rows by participant number: the first column, whatever word stands before the number."""
    found: dict[str, set[int]] = {}
    for row in body:
        number = re.search(r"(\d+)$", sheet.value(row, 0))
        if number:
            found.setdefault(number[1], set()).add(row)
    return found


def _find(
    rows: Rows, participants: Mapping[str, set[int]], student: str, who: Identity | None, number: str
) -> int | None:
    fits = participants.get(number) if number else None
    if fits:
        return next(iter(fits)) if len(fits) == 1 else None
    sure = [("email", who.email), ("login", who.login), ("sis", who.sis_id), ("name", who.name)] if who else []
    return rows.of(sure, [("email", student), ("login", student), ("sis", student), ("name", student)])


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None
