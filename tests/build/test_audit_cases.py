"""The audit of hidden cases: silent where a spec keeps its word, and not where it does not."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from autograder.project import REPOSITORY, current

sys.path.append(str(REPOSITORY / "tools"))
import audit_cases  # found only once the line above has put its folder on the path

EXERCISE = "utilisation"


@pytest.fixture
def chapter():
    """A chapter whose cases cost next to nothing."""
    return current().chapter("09")


def spoilt(chapter, **changes):
    """The chapter with its exercise's first mistake changed."""
    exercises = list(chapter.exercises)
    place = [exercise.name for exercise in exercises].index(EXERCISE)
    first, *others = exercises[place].mistakes
    mistakes = (dataclasses.replace(first, **changes), *others)
    exercises[place] = dataclasses.replace(exercises[place], mistakes=mistakes)
    return dataclasses.replace(chapter, exercises=tuple(exercises))


def test_a_spec_that_keeps_its_word_gives_no_finding(chapter):
    assert audit_cases.audit(current(), chapter, "a secret", 6, EXERCISE) == []


def test_a_mistake_that_earns_more_is_found(chapter):
    first = chapter.exercise(EXERCISE).mistakes[0]
    [found] = audit_cases.audit(current(), spoilt(chapter, points=first.points - 1), "a secret", 6, EXERCISE)
    assert found.bad and found.points == {first.points: 6} and f"{first.points:g} (6x)" in str(found)


def takes_one_peak_for_all(flops_per_sequence, batch, steps, n_gpus, peaks, precision, measured_days):
    days = flops_per_sequence * batch * steps / (n_gpus * peaks["tf32"] * 1e12) / 86_400
    return {"analytic_days": days, "utilisation": days / measured_days}


def test_a_mistake_that_has_the_name_of_another_is_found(chapter):
    second = chapter.exercise(EXERCISE).mistakes[1]
    assert second.name == "takes_tf32_for_half"
    twin = spoilt(chapter, fn=takes_one_peak_for_all, points=second.points)
    [found] = audit_cases.audit(current(), twin, "a secret", 4, EXERCISE)
    assert found.bad and found.mistake is second and found.names == {"takes_one_peak_for_all": 4}


def test_the_command_ends_with_0_where_all_is_well(capsys):
    assert audit_cases.main(["09", "--exercise", EXERCISE, "--students", "3"]) == 0
    assert capsys.readouterr().out.startswith("09_pretraining_budgets: ")
