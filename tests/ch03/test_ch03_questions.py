"""The two predictions: complete, and every choice explained."""

from __future__ import annotations

import json
from math import comb

import pytest

from mechanisms.check import exercises

QUESTIONS = json.loads((exercises.folder() / "questions" / "03_circuit_reuse.json").read_text("utf-8"))


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["id"])
def test_every_choice_is_explained(question):
    assert set(question) == {"id", "text", "choices", "answer", "explain"}
    assert question["choices"].keys() == question["explain"].keys() and len(question["choices"]) >= 3
    assert question["answer"] in question["choices"]
    assert len(set(question["explain"].values())) == len(question["choices"])


def test_there_are_two():
    assert [question["id"] for question in QUESTIONS] == ["03.q1", "03.q2"]


def test_the_first_one_computes_chance_rightly():
    told = QUESTIONS[0]["explain"]["b"]
    chance = sum(comb(4, s) * comb(3, 4 - s) for s in (3, 4)) / comb(7, 4)
    assert "13/35" in told and chance == pytest.approx(13 / 35) and f"{chance:.2f}" in told
