"""The two predictions: complete, and every choice explained."""

from __future__ import annotations

import json

import pytest

from mechanisms.check import exercises

QUESTIONS = json.loads((exercises.folder() / "questions" / "04_talking_heads.json").read_text("utf-8"))


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["id"])
def test_every_choice_is_explained(question):
    assert set(question) == {"id", "text", "choices", "answer", "explain"}
    assert question["choices"].keys() == question["explain"].keys() and len(question["choices"]) >= 3
    assert question["answer"] in question["choices"]
    assert len(set(question["explain"].values())) == len(question["choices"])


def test_there_are_two():
    assert [question["id"] for question in QUESTIONS] == ["04.q1", "04.q2"]
