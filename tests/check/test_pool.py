"""The pool of hidden cases: every student's own choice, the answers made once for all, and as an eager build gives."""

from __future__ import annotations

import copy
import dataclasses

import numpy
import pytest
import tiny

from autograder.build.snapshots import build_exercise
from autograder.nbg.pool import CasePool
from autograder.specs import cases
from mechanisms.check.compare import compare
from mechanisms.check.verdict import judge

SCALE = tiny.CHAPTER.exercise("scale_rows")


@pytest.fixture
def pool():
    return CasePool(tiny.CHAPTER, tiny.NAMESPACE, "material")


def inputs(entry):
    return [case["inputs"] for case in entry["cases"]]


def test_a_choice_has_distinct_cases_of_each_group_and_differs_between_students():
    group = SCALE.groups[0]
    found = [tuple(cases.chosen(SCALE, group, cases.hidden_seed("s", "a", f"student {i}"))) for i in range(40)]
    assert all(len(set(choice)) == group.cases for choice in found) and len(set(found)) > 10
    assert {index for choice in found for index in choice} == set(range(cases.POOL))
    assert cases.chosen(SCALE, group, "x") == cases.chosen(SCALE, group, "x")
    names = [dataclasses.replace(group, name=name) for name in "abcdefgh"]
    assert len({tuple(cases.chosen(SCALE, named, "x")) for named in names}) > 3, "each group has a choice of its own"


def test_other_secrets_give_other_cases(pool):
    other = CasePool(tiny.CHAPTER, tiny.NAMESPACE, "another").entry(SCALE, "ada")
    for one, two in zip(inputs(pool.entry(SCALE, "ada")), inputs(other), strict=True):
        assert compare(one, two, 0, 0)


def test_the_first_cases_are_those_of_an_eager_build(pool):
    lazy, eager = pool.entry(SCALE, None), build_exercise(tiny.CHAPTER, SCALE, tiny.NAMESPACE, "material")
    for mistake in lazy["mistakes"]:
        mistake["outputs"] = list(mistake["outputs"])
    for entry in (lazy, eager):
        for case in entry["cases"]:
            del case["label"]
    assert compare(lazy, eager, 0, 0) is None


def test_answers_are_made_once_for_the_class_and_only_as_far_as_needed(pool, monkeypatch):
    calls = []
    monkeypatch.setitem(pool.namespace, "scale_rows", _counted(pool.namespace["scale_rows"], calls))
    students = [f"student {i}" for i in range(30)]
    entries = [pool.entry(SCALE, student) for student in students]
    size = sum(max(cases.POOL, 4 * group.cases) for group in SCALE.groups)
    assert 0 < len(calls) <= size
    wrong = [{"$raises": {"type": "ZeroDivisionError", "message": "nothing like a mistake"}}]
    verdict = judge(entries[0], wrong * len(entries[0]["cases"]))
    assert verdict.points == 0 and verdict.mistake is None
    made = len(pool._outputs)
    assert 0 < made < len(SCALE.mistakes) * len(entries[0]["cases"])


def _counted(function, calls):
    def scale_rows(*args, **kwargs):
        calls.append(1)
        return function(*args, **kwargs)

    scale_rows.__wrapped__ = function
    return scale_rows


def test_what_is_kept_stays_as_it_was_and_every_mistake_is_recognised(pool):
    before = copy.deepcopy(pool.entry(SCALE, "ada")["cases"])
    for number, mistake in enumerate(SCALE.mistakes):
        entry = pool.entry(SCALE, "ada")
        verdict = judge(entry, list(entry["mistakes"][number]["outputs"]))
        assert verdict.mistake.name == mistake.name
    right = judge(pool.entry(SCALE, "ada"), [case["expected"] for case in before])
    assert right.points == SCALE.points
    assert compare(pool.entry(SCALE, "ada")["cases"], before, 0, 0) is None


def test_a_draw_depends_on_its_place_only():
    numpy.random.seed(0)
    group = SCALE.groups[0]
    last = cases.draw_case(SCALE, group, "x", 7)
    cases.draw_case(SCALE, group, "x", 0)
    assert compare(cases.draw_case(SCALE, group, "x", 7), last, 0, 0) is None
