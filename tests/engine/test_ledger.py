"""The writer: the gradebook holds what nbgrader's own autograde would have put there, and the trail tells why."""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
from dataclasses import replace
from datetime import datetime

import pytest
from nbgrader.api import Gradebook
from rows import ask, gradebook_rows
from standin import grade

from autograder.audit import account
from autograder.build.release import course_variable, nbgrader_api
from autograder.database import GradebookError, gradebook_url, knows_chapter, shown_url
from autograder.gradebook import Entry, Ledger, _late_penalties, read_history
from autograder.graded import Graded
from autograder.marks import student_marks
from autograder.nbg.results import read_result
from autograder.sample_class import write_sample_class

STUDENTS = ("anna", "partly-ben", "carla")


@pytest.fixture
def store(course, chapter):
    """Grade students with the stand-in and write them in one transaction."""

    def write(*students, reason="", change=None, print_="f"):
        entries = []
        for student in students:
            graded = grade(course, chapter, student)
            if change:
                change(graded)
            graded.result.fingerprint = print_
            entries.append(Entry(chapter, graded, print_, "v1", "a" * 64, "the tests", reason))
        with Ledger(course, [chapter]) as ledger:
            return ledger.write(entries)

    return write


def give_points(points):
    """Change a record's verdicts to these points."""

    def change(graded):
        for cell in graded.notebook["cells"]:
            name = cell["metadata"].get("nbgrader", {}).get("grade_id", "").removesuffix("-check")
            if name in points and cell["cell_type"] == "code":
                for output in cell["outputs"]:
                    output["data"]["text/plain"] = str(points[name])

    return change


@pytest.mark.slow
def test_the_same_rows_as_nbgraders_own_autograde(course, chapter, tmp_path):
    """Made-up students, both ways, then both ways again after a person gave marks and a deadline passed."""
    from autograder.engine.run import Order, grade_class

    students = ["perfect", "blank", "half-done", "lost-metadata"]
    for name in set(write_sample_class(course, chapter)) - set(students):
        shutil.rmtree(course.course / "submitted" / name)
    for number, student in enumerate(students):
        folder = course.submission(chapter, student).parent
        (folder / "timestamp.txt").write_text(f"2026-11-0{number + 2} 12:00:00 UTC\n")
        (folder / "picture.txt").write_text("not a notebook")
    other = replace(course, course=tmp_path.resolve() / "other")
    shutil.copytree(course.course, other.course)
    for project in (course, other):
        with Gradebook(gradebook_url(project)) as book:
            book.find_assignment(chapter.slug).duedate = datetime(2026, 11, 4, 12)
            book.db.commit()

    def both(again):
        assert grade_class(course, [chapter], Order(again=again)).graded == len(students)
        with course_variable(other.course):
            api = nbgrader_api(other.course)
            for student in students:
                assert api.autograde(chapter.slug, student)["success"]

    both(again=False)
    assert gradebook_rows(gradebook_url(course)) == gradebook_rows(gradebook_url(other))
    for project in (course, other):
        with Gradebook(gradebook_url(project)) as book:
            book.find_grade("why_spread", "toy", chapter.slug, "perfect").manual_score = 2.0
            book.find_grade("double-check", "toy", chapter.slug, "blank").manual_score = 1.5
            book.find_grade("double-check", "toy", chapter.slug, "blank").extra_credit = 0.5
            book.find_comment("why_spread", "toy", chapter.slug, "perfect").manual_comment = "Well said."
            book.grant_extension(chapter.slug, "half-done", days=30)
            book.db.commit()
    both(again=True)
    rows = gradebook_rows(gradebook_url(course))
    assert rows == gradebook_rows(gradebook_url(other))
    assert ("perfect", "toy", "why_spread", "SolutionCell", None, "Well said.") in rows["comments"]
    for student in students:
        ours, theirs = (project.autograded(chapter, student) for project in (course, other))
        assert {path.name for path in ours.parent.iterdir()} == {path.name for path in theirs.parent.iterdir()}
        assert stat.S_IMODE(ours.stat().st_mode) == stat.S_IMODE(theirs.stat().st_mode) == 0o444
        assert cells(ours) == cells(theirs)
    # nbgrader believes that both were autograded after they were handed in.
    with course_variable(course.course):
        assert nbgrader_api(course.course).get_autograded_students(chapter.slug) == set(students)


def cells(path):
    """A notebook's cells but for times and for what is drawn anew in each run."""
    return [(cell["cell_type"], cell["source"], cell["metadata"]) for cell in json.loads(path.read_text())["cells"]]


def test_nbgraders_formgrader_and_feedback_find_what_they_need(course, chapter, hand_in, store):
    hand_in(*STUDENTS)
    store(*STUDENTS)
    with course_variable(course.course):
        api = nbgrader_api(course.course)
        submissions = {entry["student"]: entry for entry in api.get_submissions(chapter.slug)}
        assert all(submissions[student]["autograded"] for student in STUDENTS)
        assert submissions["partly-ben"]["needs_manual_grade"]
        result = read_result(course, chapter.slug, "anna")
        assert submissions["anna"]["score"] == sum(exercise.points for exercise in result.exercises.values())
        course.feedback(chapter, "anna").unlink()
        assert api.generate_feedback(chapter.slug, "anna")["success"]
    assert course.feedback(chapter, "anna").exists()


def test_the_feedback_pages_marks_are_the_gradebooks(course, chapter, hand_in, store):
    """The writer hands the marks on instead of reading them again: they are the same ones."""
    hand_in(*STUDENTS)
    store(*STUDENTS)
    with Gradebook(gradebook_url(course)) as book:
        book.find_grade("double-check", "toy", chapter.slug, "anna").manual_score = 1.25
        book.find_comment("why_spread", "toy", chapter.slug, "anna").manual_comment = "Hm."
        book.db.commit()
    seen = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ledger, "_write_files", lambda self, chapter, graded, marks: seen.update({"marks": marks}))
        store("anna")
    assert seen["marks"] == student_marks(course, chapter, "anna")
    assert seen["marks"].cells["double-check"].manual == 1.25


def test_a_regrade_keeps_a_persons_marks_and_the_trail_says_what_changed(course, chapter, hand_in, store):
    hand_in("anna")
    store("anna", change=give_points({"double": 2, "describe": 3}))
    with Gradebook(gradebook_url(course)) as book:
        book.find_grade("describe-check", "toy", chapter.slug, "anna").manual_score = 7.0
        book.db.commit()
    store("anna", change=give_points({"double": 5, "describe": 3}), reason="the spec was wrong")
    first, second = read_history(course, "anna")
    assert (first.action, first.before, first.changes) == ("graded", None, [])
    assert (second.action, second.reason, second.by) == ("regraded", "the spec was wrong", "the tests")
    assert second.changes == ["double-check 2 to 5"]
    assert second.before["manual"] == second.after["manual"] == {"describe-check": 7.0}
    rows = {row[3]: row for row in gradebook_rows(gradebook_url(course))["grades"]}
    assert rows["describe-check"][5:] == (3.0, 7.0, None, 1)
    assert rows["double-check"][5:] == (5.0, None, None, 0)
    assert read_history(course, "anna", ["another"]) == [] and read_history(course, "nobody") == []


def test_the_trail_cannot_be_changed(course, chapter, hand_in, store):
    hand_in("anna")
    store("anna")
    for words in ("UPDATE mechanisms_audit SET reason = 'x'", "DELETE FROM mechanisms_audit"):
        with sqlite3.connect(course.course / "gradebook.db") as db, pytest.raises(sqlite3.Error, match="append-only"):
            db.execute(words)
    assert len(read_history(course, "anna")) == 1


def test_a_file_that_cannot_be_matched_takes_no_grade_away(course, chapter, hand_in, store):
    hand_in("anna")
    store("anna", change=give_points({"double": 5, "describe": 8}))
    hand_in("anna", "new", text="<html>")
    store("anna", "new")
    rows = gradebook_rows(gradebook_url(course))
    grades = {row[3]: (row[5], row[8]) for row in rows["grades"]}
    assert grades == {"double-check": (5.0, 1), "describe-check": (8.0, 1), "why_spread": (0.0, 1)}
    assert [row[0] for row in rows["submissions"]] == ["anna"]
    assert read_result(course, chapter.slug, "new").status == "cannot be matched"
    assert course.feedback(chapter, "new").exists()
    assert read_history(course, "anna")[-1].changes == ["status graded to cannot be matched"]


def test_what_the_gradebook_refuses_is_for_a_person_and_the_others_are_kept(course, chapter, hand_in, store):
    hand_in(*STUDENTS)

    def spoil(graded):
        if graded.result.student == "carla":
            give_points({"double": 99})(graded)

    results = store(*STUDENTS, change=spoil)
    assert [result.status for result in results] == ["graded", "partly matched", "failed"]
    assert "The gradebook refused its grades" in read_result(course, chapter.slug, "carla").needs_person[0]
    assert [row[0] for row in gradebook_rows(gradebook_url(course))["submissions"]] == ["anna", "partly-ben"]
    assert read_history(course, "carla")[0].after == {"status": "failed", "points": {}}


def test_an_unreadable_time_stamp_is_told(course, chapter, hand_in, store):
    hand_in("anna")
    (course.submission(chapter, "anna").parent / "timestamp.txt").write_text("yesterday or so")
    (result,) = store("anna")
    assert result.notices == ["The time in timestamp.txt cannot be read, so nobody looked at whether it was late."]


def test_a_late_hand_in_costs_what_the_configured_plugin_says(course, chapter, hand_in, store, monkeypatch):
    with Gradebook(gradebook_url(course)) as book:
        book.find_assignment(chapter.slug).duedate = datetime(2026, 11, 4, 12)
        book.db.commit()
    hand_in("early", "late")
    for student, day in (("early", 3), ("late", 5)):
        (course.submission(chapter, student).parent / "timestamp.txt").write_text(f"2026-11-0{day} 12:00:00 UTC")
    for setting in ("per_day", "most"):
        monkeypatch.setattr(_late_penalties().plugin_inst, setting, 1.0)
    store("early", "late", change=give_points({"double": 4, "describe": 8}))
    rows = {row[0]: row[6] for row in gradebook_rows(gradebook_url(course))["submissions"]}
    assert rows == {"early": None, "late": 12.0}
    with Gradebook(gradebook_url(course)) as book:
        book.grant_extension(chapter.slug, "late", days=2)
    store("late", change=give_points({"double": 4, "describe": 8}))
    assert {row[0]: row[6] for row in gradebook_rows(gradebook_url(course))["submissions"]} == {
        "early": None,
        "late": None,
    }
    assert read_history(course, "late")[0].after["penalty"] == 12.0


def test_files_beside_the_notebook_follow_and_go(course, chapter, hand_in, store):
    hand_in("anna")
    folder = course.submission(chapter, "anna").parent
    (folder / "figures").mkdir()
    (folder / "figures" / "one.png").write_bytes(b"png")
    (folder / "link.png").symlink_to(course.course / "gradebook.db")
    (course.source(chapter).parent / "data.csv").write_text("1,2")
    store("anna")
    beside = course.autograded(chapter, "anna").parent
    assert {path.relative_to(beside).as_posix() for path in beside.rglob("*") if path.is_file()} == {
        "toy.ipynb", "figures/one.png", "data.csv"
    }  # fmt: skip
    (folder / "figures" / "one.png").unlink()
    store("anna")
    assert not (beside / "figures" / "one.png").exists()


def test_a_record_of_another_kind_of_database_is_one_sentence(course, chapter, monkeypatch, tmp_path):
    for url, words in (
        ("nonsense", "is no gradebook that can be opened"),
        ("oracle://a:secret@host/x", "is no gradebook that can be opened"),
        (f"sqlite:///{tmp_path / 'none.db'}", "run 'autograder release' first"),
        ("postgresql://someone:secret@127.0.0.1:1/x", "cannot be used"),
    ):
        monkeypatch.setenv("MECHANISMS_GRADEBOOK", url)
        with pytest.raises(GradebookError, match=words) as raised:
            Ledger(course, [chapter])
        assert "secret" not in str(raised.value) and "\n" not in str(raised.value)
    assert "secret" not in shown_url("postgresql://someone:secret@127.0.0.1:1/x")


def test_a_gradebook_without_the_chapter(course, chapter, monkeypatch, tmp_path):
    with Gradebook(f"sqlite:///{tmp_path / 'empty.db'}"):
        pass
    monkeypatch.setenv("MECHANISMS_GRADEBOOK", f"sqlite:///{tmp_path / 'empty.db'}")
    assert not knows_chapter(course, chapter.slug)
    with pytest.raises(GradebookError, match="is not in the gradebook yet"):
        Ledger(course, [chapter])


def test_who_it_was(monkeypatch):
    monkeypatch.setenv("LOGNAME", "somebody-else")
    assert account() and account() != "somebody-else"


def test_a_large_record_survives_the_database(course, chapter, hand_in, store):
    hand_in("anna")

    def grow(graded: Graded):
        graded.notebook["cells"][0]["source"] = "x" * 5_000_000

    store("anna", change=grow)
    assert "".join(json.loads(course.autograded(chapter, "anna").read_text())["cells"][0]["source"]) == "x" * 5_000_000
    assert ask(gradebook_url(course), "SELECT count(*) FROM mechanisms_state WHERE pending IS NULL") == [(1,)]
