"""Whose file it is, from the names that Canvas, Moodle and people give."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.archives.members import Member
from autograder.archives.senders import CANVAS, MOODLE, PLAIN, around, sender_of
from autograder.archives.table import safe, slug

CHAPTERS = {"90_toy", "toy", "90", "ch90"}


def sender(name, archives=(), skipped=0):
    return sender_of(Member(tuple(name.split("/")), archives=archives), skipped, CHAPTERS)


@pytest.mark.parametrize(
    ("name", "student", "user", "submission", "file", "late", "attempt"),
    [
        ("doejane_12345_67890_toy.ipynb", "doejane", "12345", "67890", "toy.ipynb", False, 0),
        ("doejane_LATE_12345_67890_toy.ipynb", "doejane", "12345", "67890", "toy.ipynb", True, 0),
        ("doejane_late_12345_67890_toy-1.ipynb", "doejane", "12345", "67890", "toy-1.ipynb", True, 1),
        ("doe--jane-late_12345_67890_toy-12.ipynb", "doe--jane", "12345", "67890", "toy-12.ipynb", True, 12),
        ("doejane_12345_67890_02_my_work 2026.ipynb", "doejane", "12345", "67890", "02_my_work 2026.ipynb", False, 0),
        ("o'neil_jr_1_2_a.ipynb", "o'neil_jr", "1", "2", "a.ipynb", False, 0),
        ("anon_AB12C_67890_toy.ipynb", "anon_AB12C", "AB12C", "67890", "toy.ipynb", False, 0),
        ("anon_AB12C_LATE_67890_toy.ipynb", "anon_AB12C", "AB12C", "67890", "toy.ipynb", True, 0),
        ("müllerzoë_5_6_toy.ipynb", "müllerzoë", "5", "6", "toy.ipynb", False, 0),
    ],
)
def test_canvas(name, student, user, submission, file, late, attempt):
    found = sender(name)
    assert (found.lms, found.key, found.name, found.user_id) == (CANVAS, user, student, user)
    assert (found.submission_id, found.file, found.late, found.attempt) == (submission, file, late, attempt)


@pytest.mark.parametrize(
    ("name", "student", "user", "file", "hints"),
    [
        ("Jane Doe_12345_assignsubmission_file_/toy.ipynb", "Jane Doe", "12345", "toy.ipynb", ()),
        ("Jane Doe_12345_assignsubmission_file/toy.ipynb", "Jane Doe", "12345", "toy.ipynb", ()),
        (
            "Jane Doe_12345_assignsubmission_file_/my/90_toy/toy.ipynb",
            "Jane Doe",
            "12345",
            "toy.ipynb",
            ("my", "90_toy"),
        ),
        ("Jane Doe_12345_assignsubmission_file_toy_2.ipynb", "Jane Doe", "12345", "toy_2.ipynb", ()),
        ("Zoë O'Neil-Müller_7_assignsubmission_file_/a.ipynb", "Zoë O'Neil-Müller", "7", "a.ipynb", ()),
        ("Group A-Jane Doe_7_assignsubmission_file_/a.ipynb", "Group A-Jane Doe", "7", "a.ipynb", ()),
        ("Jane Doe_7_assignsubmission_onlinetext_/onlinetext.html", "Jane Doe", "7", "onlinetext.html", ()),
        ("Participant_7_assignsubmission_file_/a.ipynb", "Participant 7", "7", "a.ipynb", ()),
    ],
)
def test_moodle(name, student, user, file, hints):
    found = sender(name)
    assert (found.lms, found.name, found.user_id, found.file, found.hints) == (MOODLE, student, user, file, hints)


def test_moodles_number_is_another_one_in_each_assignment_and_no_identity():
    first, second = (sender(f"Jane  Doe_{number}_assignsubmission_file_/a.ipynb") for number in (1, 2))
    assert first.key == second.key == "jane doe"
    anonymous = [sender(f"Participant_{number}_assignsubmission_file_/a.ipynb").key for number in (1, 2)]
    assert len(set(anonymous)) == 2


@pytest.mark.parametrize(
    ("name", "key", "hints"),
    [
        ("jane/work.ipynb", "jane", ()),
        ("jane/90_toy/work.ipynb", "jane", ("90_toy",)),
        ("90_toy/jane/work.ipynb", "jane", ("90_toy",)),
        ("jane/some/where/work.ipynb", "jane", ("some", "where")),
        ("jane.doe@uni.edu/toy.ipynb", "jane.doe@uni.edu", ()),
        ("jane.ipynb", "jane", ()),
        ("90_toy/jane.ipynb", "jane", ("90_toy",)),
        ("jane/hw_02_2026_final.ipynb", "jane", ()),
    ],
)
def test_a_plain_tree(name, key, hints):
    found = sender(name)
    assert (found.lms, found.key, found.hints) == (PLAIN, key, hints)


@pytest.mark.parametrize("name", ["toy.ipynb", "90_toy.ipynb", "toy (1).ipynb", "toy-copy.ipynb", "90_toy/toy.ipynb"])
def test_a_chapters_own_name_names_nobody(name):
    assert sender(name) is None


def test_a_students_own_zip():
    found = sender("doejane_1_2_work.zip/deep/toy.ipynb", archives=(0,))
    assert (found.lms, found.key, found.file) == (CANVAS, "1", "toy.ipynb")
    assert sender("jane.zip/toy.ipynb", archives=(0,)).key == "jane"
    assert sender("jane/work.zip/toy.ipynb", archives=(1,)).key == "jane"


@pytest.mark.parametrize(
    ("names", "stem", "count"),
    [
        (["submissions/jane/a.ipynb", "submissions/bob/a.ipynb"], "x", 1),
        (["hw2/jane.ipynb", "hw2/bob.ipynb"], "hw2", 1),
        (["hw2/doe_1_2_a.ipynb"], "x", 1),
        (["hw2/A B_1_assignsubmission_file_/a.ipynb"], "x", 1),
        (["a/b/jane/x.ipynb", "a/b/bob/x.ipynb"], "a", 2),
        (["90_toy/jane/x.ipynb"], "x", 1),
        (["jane/90_toy/x.ipynb", "jane/90_toy/y.ipynb"], "export-of-monday", 0),
        (["jane/x.ipynb"], "export-of-monday", 0),
        (["A B_1_assignsubmission_file_/a/x.ipynb", "A B_1_assignsubmission_file_/b/x.ipynb"], "x", 0),
        (["jane.ipynb", "bob/x.ipynb"], "x", 0),
        ([], "x", 0),
    ],
)
def test_folders_around_everything(names, stem, count):
    assert around([tuple(name.split("/")) for name in names], stem, CHAPTERS) == count


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Jane Doe", "jane-doe"),
        ("Zoë O'Neil-Müller", "zoe-o-neil-muller"),
        ("Zoe\u0308", "zoe"),
        ("../../etc/passwd", "etc-passwd"),
        ("-rf", "rf"),
    ],
)
def test_slugs(name, expected):
    assert slug(name) == expected and safe(expected)


@given(st.text(max_size=200))
def test_any_name_gives_a_safe_id(name):
    made = slug(name)
    assert safe(made) and made == made.casefold() and made.isascii() and len(made) <= 80


def test_names_that_lose_letters_stay_apart():
    assert len({slug(name) for name in ("王小明", "李小明", "Иван", "", "???")}) >= 4


@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=6), st.integers(0, 2))
def test_any_path_has_a_sender_or_none(parts, skipped):
    found = sender_of(Member(tuple(parts)), min(skipped, len(parts) - 1), CHAPTERS)
    assert found is None or (found.key and found.lms in (CANVAS, MOODLE, PLAIN))
