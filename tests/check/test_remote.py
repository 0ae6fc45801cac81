"""Hidden cases cross to the student's side without what is expected, and come back as data that may be anything."""

from __future__ import annotations

import pytest
import tiny
import torch

from autograder.build.snapshots import build_exercise
from autograder.specs.cases import hidden_seed
from mechanisms.check import codec
from mechanisms.check.remote import answer, read_answers, write_questions
from mechanisms.check.verdict import judge


@pytest.fixture
def hidden():
    seed = hidden_seed(b"secret", "90_tiny", "ada")
    return build_exercise(tiny.CHAPTER, tiny.CHAPTER.exercise("scale_rows"), tiny.NAMESPACE, seed)


def graded(folder, entry, namespace):
    write_questions(folder / "in", entry)
    answer(entry["function"], folder / "in", folder / "out", namespace)
    return judge(entry, read_answers(folder / "out", len(entry["cases"])))


def test_a_right_answer_earns_everything(tmp_path, hidden):
    assert graded(tmp_path, hidden, {"scale_rows": tiny.scale_rows}).points == 4.5


def test_a_known_mistake_is_named_on_hidden_cases_too(tmp_path, hidden):
    verdict = graded(tmp_path, hidden, {"scale_rows": tiny.drops_the_sign})
    assert verdict.points == 3 and verdict.mistake.name == "drops_the_sign"


def test_models_are_found_on_the_students_side(tmp_path):
    entry = build_exercise(tiny.CHAPTER, tiny.CHAPTER.exercise("double_output"), tiny.NAMESPACE, "x")
    assert graded(tmp_path, entry, {"double_output": tiny.double_output}).points == 4


def test_nothing_expected_crosses(tmp_path, hidden):
    write_questions(tmp_path / "in", hidden)
    content = codec.read(tmp_path / "in")
    assert set(content) == {"function", "probe", "cases"} and all(set(case) == {"inputs"} for case in content["cases"])
    text = (tmp_path / "in.json").read_text()
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
def test_what_goes_wrong_becomes_an_answer(tmp_path, hidden, namespace, words, capfd):
    verdict = graded(tmp_path, hidden, namespace)
    assert verdict.points == 0 and words in verdict.to_text()
    assert capfd.readouterr() == ("", "")


def test_unreadable_questions_give_no_answers(tmp_path, hidden):
    (tmp_path / "in.json").write_text("{")
    answer("scale_rows", tmp_path / "in", tmp_path / "out", {})
    verdict = judge(hidden, read_answers(tmp_path / "out", 4))
    assert verdict.points == 0 and "no answer came back" in verdict.to_text()


@pytest.mark.parametrize("tree", [None, [], {"answers": 3}, {"answers": []}, {"answers": [1]}, {"answers": [1] * 99}])
def test_strange_answer_files_give_one_answer_per_case(tmp_path, tree):
    codec.write(tmp_path / "out", tree)
    assert len(read_answers(tmp_path / "out", 4)) == 4


def test_an_absent_or_foreign_answer_file_gives_refusals(tmp_path):
    (tmp_path / "foreign.json").write_bytes(b"\x80\x04.")
    (tmp_path / "foreign.safetensors").write_bytes(b"")
    for stem in ("absent", "foreign"):
        assert [set(one) for one in read_answers(tmp_path / stem, 2)] == [{"$refused"}] * 2


def test_a_huge_answer_does_not_cross(tmp_path, hidden):
    verdict = graded(tmp_path, hidden, {"scale_rows": lambda values, alpha: torch.zeros(1).expand(10**9)})
    assert verdict.points == 0 and "takes more than" in verdict.to_text()
    assert (tmp_path / "out.safetensors").stat().st_size < 10_000
