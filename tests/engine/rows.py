"""What a gradebook and a course directory hold, as plain data that two ways of grading can be compared by."""

from __future__ import annotations

import json

from sqlalchemy import create_engine, text

GRADES = """
SELECT sa.student_id, a.name AS chapter, n.name AS notebook, b.name AS cell, b.type, g.auto_score, g.manual_score,
       g.extra_credit, g.needs_manual_grade
FROM grade g JOIN base_cell b ON g.cell_id = b.id JOIN submitted_notebook sn ON g.notebook_id = sn.id
JOIN notebook n ON sn.notebook_id = n.id JOIN submitted_assignment sa ON sn.assignment_id = sa.id
JOIN assignment a ON sa.assignment_id = a.id ORDER BY 1, 2, 3, 4, 5
"""
COMMENTS = """
SELECT sa.student_id, n.name AS notebook, b.name AS cell, b.type, c.auto_comment, c.manual_comment
FROM comment c JOIN base_cell b ON c.cell_id = b.id JOIN submitted_notebook sn ON c.notebook_id = sn.id
JOIN notebook n ON sn.notebook_id = n.id JOIN submitted_assignment sa ON sn.assignment_id = sa.id ORDER BY 1, 2, 3, 4
"""
SUBMISSIONS = """
SELECT sa.student_id, a.name AS chapter, n.name AS notebook, sa.timestamp, sa.extension, sn.flagged,
       sn.late_submission_penalty
FROM submitted_notebook sn JOIN notebook n ON sn.notebook_id = n.id
JOIN submitted_assignment sa ON sn.assignment_id = sa.id JOIN assignment a ON sa.assignment_id = a.id ORDER BY 1, 2, 3
"""
STUDENTS = "SELECT id, first_name, last_name, email, lms_user_id FROM student ORDER BY 1"
TABLES = {"grades": GRADES, "comments": COMMENTS, "submissions": SUBMISSIONS, "students": STUDENTS}


def gradebook_rows(url: str) -> dict[str, list[tuple]]:
    """Every row that nbgrader's autograde writes, without the keys that are drawn at random."""
    engine = create_engine(url)
    try:
        with engine.connect() as db:
            return {name: [tuple(row) for row in db.execute(text(words))] for name, words in TABLES.items()}
    finally:
        engine.dispose()


def ask(url: str, words: str, **values) -> list[tuple]:
    """The rows of one query."""
    engine = create_engine(url)
    try:
        with engine.connect() as db:
            return [tuple(row) for row in db.execute(text(words), values)]
    finally:
        engine.dispose()


def check_course(project, chapter, students, url=None) -> None:
    """Assert what has to hold after any number of kills and one run to the end."""
    url = url or f"sqlite:///{project.course / 'gradebook.db'}"
    if url.startswith("sqlite"):
        assert ask(url, "PRAGMA integrity_check") == [("ok",)]
        assert ask(url, "PRAGMA foreign_key_check") == []
    trail = ask(url, "SELECT student, action, count(*) FROM mechanisms_audit GROUP BY student, action ORDER BY student")
    assert trail == [(student, "graded", 1) for student in sorted(students)]
    states = ask(url, "SELECT student FROM mechanisms_state WHERE pending IS NULL ORDER BY student")
    assert [student for (student,) in states] == sorted(students)
    rows = gradebook_rows(url)
    graded = {row[0]: {} for row in rows["submissions"]}
    for student, _, _, cell, _, points, *_ in rows["grades"]:
        if cell.endswith("-check"):
            graded[student][cell.removesuffix("-check")] = points
    for student in students:
        result = json.loads((project.course / "results" / chapter.slug / f"{student}.json").read_text("utf-8"))
        assert graded[student] == {name: exercise["points"] for name, exercise in result["exercises"].items()}
        assert json.loads(project.autograded(chapter, student).read_text("utf-8"))["cells"]
        assert project.feedback(chapter, student).read_text("utf-8").rstrip().endswith("</html>")
    assert len(rows["submissions"]) == len(students)
    leftover = [path for path in project.course.rglob("*") if path.name.endswith((".part", "-journal"))]
    assert leftover == []
