"""The same submission, graded again and again: the same verdicts, to the last word."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from autograder.pipeline import grade_submission, stop_parents
from autograder.sample_class import write_sample_class

RUNS = 20
TIMES = ("seconds", "cell_seconds", "graded_at")


@pytest.fixture
def verdicts(course, chapter):
    """Everything that is said of a student but how long it took."""
    yield lambda student: {
        name: value
        for name, value in asdict(grade_submission(course, chapter, student).result).items()
        if name not in TIMES
    }
    stop_parents()


@pytest.mark.slow
def test_twenty_runs_give_the_same_verdicts(course, chapter, verdicts):
    students = write_sample_class(course, chapter)
    first = {student: verdicts(student) for student in students}
    assert len({str(verdict["exercises"]) for verdict in first.values()}) > 5, "a class in which little differs"
    # A new warm process half way: nothing may hang on the one that happened to be there.
    for run in range(1, RUNS):
        if run == RUNS // 2:
            stop_parents()
        for student in students:
            assert verdicts(student) == first[student], f"run {run + 1} of {student}"
