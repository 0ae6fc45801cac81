"""Hidden cases cross to the student's side without what is expected, and come back as data that may be anything."""

from __future__ import annotations

import pytest
import tiny
import torch

from autograder.build.snapshots import build_exercise
from autograder.specs.cases import hidden_seed
from mechanisms.check import codec
from mechanisms.check.remote import answer, questions
from mechanisms.check.verdict import judge


@pytest.fixture
def hidden():
    seed = hidden_seed(b"secret", "90_tiny", "ada")
    return build_exercise(tiny.CHAPTER, tiny.CHAPTER.exercise("scale_rows"), tiny.NAMESPACE, seed)


def graded(entry, namespace):
    """Ask through the same text and bytes that cross to a sandbox and back."""
    asked = codec.load(*codec.dump(questions(entry)))
    answers = [
        codec.load(*codec.dump({"answer": answer(asked["function"], namespace, case["inputs"], asked["probe"])}))[
            "answer"
        ]
        for case in asked["cases"]
    ]
    return judge(entry, answers)


def test_a_right_answer_earns_everything(hidden):
    assert graded(hidden, {"scale_rows": tiny.scale_rows}).points == 4.5


def test_a_known_mistake_is_named_on_hidden_cases_too(hidden):
    verdict = graded(hidden, {"scale_rows": tiny.drops_the_sign})
    assert verdict.points == 3 and verdict.mistake.name == "drops_the_sign"


def test_models_are_found_on_the_students_side():
    entry = build_exercise(tiny.CHAPTER, tiny.CHAPTER.exercise("double_output"), tiny.NAMESPACE, "x")
    assert graded(entry, {"double_output": tiny.double_output}).points == 4


def test_nothing_expected_crosses(hidden):
    content = questions(hidden)
    assert set(content) == {"function", "probe", "cases"} and all(set(case) == {"inputs"} for case in content["cases"])
    text, _ = codec.dump(content)
    assert "expected" not in text and "mistakes" not in text and "points" not in text


@pytest.mark.parametrize(
    ("namespace", "words"),
    [
        ({}, "it raised NameError (there is no function called scale_rows)"),
        ({"scale_rows": 3}, "scale_rows is no function but holds a value of type int"),
        ({"scale_rows": lambda values: values}, "it raised TypeError"),
        ({"scale_rows": lambda values, alpha: exit()}, "it raised SystemExit"),
    ],
)
def test_what_goes_wrong_becomes_an_answer(hidden, namespace, words, capfd):
    verdict = graded(hidden, namespace)
    assert verdict.points == 0 and words in verdict.to_text()
    assert capfd.readouterr() == ("", "")


def test_a_probe_that_does_not_exist_gives_a_refusal(hidden):
    inputs = hidden["cases"][0]["inputs"]
    assert set(answer("scale_rows", {"scale_rows": tiny.scale_rows}, inputs, "no such probe")) == {"$refused"}


def test_a_huge_answer_does_not_cross(hidden):
    verdict = graded(hidden, {"scale_rows": lambda values, alpha: torch.zeros(1).expand(10**9)})
    assert verdict.points == 0 and "takes more than" in verdict.to_text()
