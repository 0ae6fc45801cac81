"""A gradebook in PostgreSQL: the same rows, the same trail, the same survival, on a server of the tests' own."""

from __future__ import annotations

import os

import pytest
from postgres import programs, running
from rows import ask, check_course, gradebook_rows
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from standin import grade

from autograder.course import release_chapter
from autograder.database import GradebookError, gradebook_url, knows_chapter
from autograder.engine.run import Order, grade_class
from autograder.gradebook import Entry, Ledger, read_history
from autograder.marks import student_marks

STUDENTS = ("anna", "partly-ben", "carla")


@pytest.fixture(scope="module")
def server():
    """A server's URL without a database's name."""
    if programs() is None:
        pytest.skip("no PostgreSQL server is installed")
    with running() as known:
        yield f"postgresql://{known['PGUSER']}@/{{name}}?host={known['PGHOST']}"


@pytest.fixture
def database(server, course, chapter, monkeypatch):
    """A fresh database with the chapter released into it: its URL as a person would write it."""
    name = f"course_{os.urandom(4).hex()}"
    admin = create_engine(server.format(name="postgres").replace("postgresql:", "postgresql+psycopg:"))
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    url = server.format(name=name)
    monkeypatch.setenv("MECHANISMS_GRADEBOOK", url)
    assert not knows_chapter(course, chapter.slug)
    assert release_chapter(course, chapter) is True and release_chapter(course, chapter) is False
    return url


def test_the_same_rows_as_in_sqlite(course, chapter, hand_in, database, monkeypatch):
    hand_in(*STUDENTS)
    order = Order(function="standin:grade", reason="the first time")
    assert grade_class(course, [chapter], order).graded == 3
    url = gradebook_url(course)
    check_course(course, chapter, STUDENTS, url)
    assert read_history(course, "anna")[0].reason == "the first time"
    assert student_marks(course, chapter, "anna").cells["double-check"].auto is not None
    in_postgres = gradebook_rows(url)
    assert grade_class(course, [chapter], order).counts == {"90_toy": {"unchanged": 3}}
    monkeypatch.delenv("MECHANISMS_GRADEBOOK")
    assert grade_class(course, [chapter], Order(function="standin:grade", again=True)).graded == 3
    in_sqlite = gradebook_rows(gradebook_url(course))
    assert gradebook_url(course).startswith("sqlite") and in_sqlite == in_postgres


def test_the_trail_cannot_be_changed(course, chapter, hand_in, database):
    hand_in("anna")
    grade_class(course, [chapter], Order(function="standin:grade"))
    engine = create_engine(gradebook_url(course))
    for words in (
        "UPDATE mechanisms_audit SET reason = 'x'",
        "DELETE FROM mechanisms_audit",
        "TRUNCATE mechanisms_audit",
    ):
        with engine.connect() as db, pytest.raises(DBAPIError, match="append-only"):
            db.execute(text(words.format("mechanisms_audit")))
    engine.dispose()
    assert len(read_history(course, "anna")) == 1


def test_a_second_driver_anywhere_is_refused(course, chapter, database):
    with Ledger(course, [chapter]), pytest.raises(GradebookError, match="from somewhere else"):
        Ledger(course, [chapter])
    Ledger(course, [chapter]).close()


def test_what_was_committed_is_not_graded_again(course, chapter, hand_in, database):
    """A kill between the commit and the files: the next run writes the files, and the trail keeps one line."""
    hand_in(*STUDENTS)
    child = os.fork()
    if child == 0:
        try:
            Ledger._write_files = lambda *_: os.kill(os.getpid(), 9)
            with Ledger(course, [chapter]) as ledger:
                graded = grade(course, chapter, "anna")
                ledger.write([Entry(chapter, graded, "f", "v1", "a" * 64, "the tests")])
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
    url = gradebook_url(course)
    assert ask(url, "SELECT count(*) FROM mechanisms_state WHERE pending IS NOT NULL") == [(1,)]
    assert not course.feedback(chapter, "anna").exists()
    with Ledger(course, [chapter]) as ledger:
        assert ledger.recover() == 1
        entries = []
        for student in STUDENTS[1:]:
            entries.append(Entry(chapter, grade(course, chapter, student), "f", "v1", "a" * 64, "the tests"))
        ledger.write(entries)
    check_course(course, chapter, STUDENTS, url)


def test_a_record_that_cannot_be_written_leaves_the_others(course, chapter, hand_in, database):
    """The transaction of both is undone, then each is written alone."""
    hand_in("anna", "ben")
    with Ledger(course, [chapter]) as ledger:
        entries = []
        for student in ("anna", "ben"):
            graded = grade(course, chapter, student)
            entries.append(Entry(chapter, graded, "f", "v1", "a" * 64, "the tests"))
        entries[1].graded.notebook["cells"][-1]["metadata"]["nbgrader"] = {"grade": True, "grade_id": "x"}
        results = ledger.write(entries)
    assert [result.status for result in results] == ["graded", "failed"]
    assert [row[0] for row in gradebook_rows(gradebook_url(course))["submissions"]] == ["anna"]
