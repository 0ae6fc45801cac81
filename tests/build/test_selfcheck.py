"""`autograder check`: one's own notebook on hidden cases with a seed of one's own, and its feedback page."""

from __future__ import annotations

import json
import re

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from autograder import cli
from autograder.pipeline import stop_parents
from autograder.specs.cases import draw_cases

RIGHT = {
    "double": "def double(values):\n    return [2 * value for value in values]",
    "describe": (
        'def describe(values):\n    return {"mean": sum(values) / len(values), "spread": max(values) - min(values)}'
    ),
}


@pytest.fixture(scope="module", autouse=True)
def built(toy):
    """The toy chapter's notebook, and no process left behind."""
    from autograder.build.exercises import build_chapter

    build_chapter(toy, toy.chapter("90"))
    yield
    stop_parents()


@pytest.fixture
def mine(toy, chapter, tmp_path):
    """Writes a notebook with answers of one's own and gives its path."""

    def write(name="mine.ipynb", **answers):
        notebook = nbformat.read(toy.exercise(chapter), as_version=4)
        for cell in notebook.cells:
            for exercise, text in answers.items():
                if cell.cell_type == "code" and f"def {exercise}(" in cell.source:
                    cell.source = cell.source.split("\n", 1)[0] + "\n" + text
        path = tmp_path / name
        nbformat.write(notebook, path)
        return path

    return write


@pytest.fixture
def check(toy, monkeypatch, capsys):
    """Run `autograder check ...`; gives exit code, stdout and stderr."""
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)

    def call(*words):
        monkeypatch.setattr("sys.argv", ["autograder", "check", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    call.opened = opened
    return call


def test_the_right_answers_pass_on_hidden_cases_and_the_page_is_there(check, mine):
    path = mine(**RIGHT)
    code, out, err = check(path)
    assert (code, err) == (0, "") and "13 of 13 points on hidden cases" in out
    assert "Free text, 4 points more, is for a person to mark" in out
    page = path.with_name("mine.feedback.html")
    assert f"Feedback: {page}" in out and "A toy chapter" in page.read_text("utf-8")
    assert check.opened == []  # nobody sits at this terminal


def test_a_seed_draws_the_same_cases_again_and_none_draws_new_ones(check, mine):
    path = mine(**RIGHT)
    seeds = [re.search(r"--seed (\w+)", check(path)[1])[1] for _ in range(2)]
    assert seeds[0] != seeds[1]
    found = [json.loads(check(path, "--json", "--seed", seeds[0])[1]) for _ in range(2)]
    assert found[0] == found[1] and found[0]["seed"] == seeds[0] and found[0]["cases"] == "hidden"


def test_an_answer_that_knows_the_public_cases_by_heart_fails(check, mine, chapter):
    exercise = next(exercise for exercise in chapter.exercises if exercise.name == "double")
    public = [case["values"] for case in draw_cases(exercise)]
    by_heart = "def double(values):\n" + "".join(
        f"    if list(values) == {case}:\n        return {[2 * value for value in case]}\n" for case in public
    )
    path = mine(**{**RIGHT, "double": by_heart + "    return list(values)"})
    code, out, _ = check(path, "--public")
    assert code == 0 and "13 of 13 points on the public cases" in out
    code, out, _ = check(path)
    assert code == 1 and "double: 0 of 5 points (failed)" in out and "8 of 13 points on hidden cases" in out


def test_a_known_mistake_is_named_here_and_on_the_page(check, mine):
    wrong = "def double(values):\n    return [value * value for value in values]"
    path = mine(**{**RIGHT, "double": wrong})
    page = path.with_name("elsewhere.html")
    code, out, _ = check(path, "--feedback", page, "--open")
    sentence = "These are the squares, not the doubles."
    assert code == 1 and sentence in out and sentence in page.read_text("utf-8")
    assert check.opened == [page.as_uri()] and not path.with_name("mine.feedback.html").exists()


def test_the_untouched_notebook_has_no_points_and_a_page(check, mine):
    path = mine()
    code, out, _ = check(path)
    assert code == 1 and "0 of 13 points" in out and "(blank)" in out
    assert "not started" in path.with_name("mine.feedback.html").read_text("utf-8")


def test_a_page_that_cannot_be_written_costs_no_points(check, mine, tmp_path):
    code, out, err = check(mine(**RIGHT), "--feedback", tmp_path / "nowhere" / "page.html")
    assert code == 0 and "13 of 13 points" in out and "Feedback:" not in out
    assert "could not be written" in err and "The points stand" in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "mine.ipynb"),
        ("{", "mine.ipynb"),
        (nbformat.writes(new_notebook(cells=[new_markdown_cell("Shopping")])), "No exercise of 90_toy was found"),
    ],
)
def test_what_is_no_notebook_of_the_course_is_one_sentence(check, tmp_path, text, sentence):
    path = tmp_path / "mine.ipynb"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    code, out, err = check(path)
    assert code == 3 and out == "" and sentence in err and "Traceback" not in err


def test_a_seed_and_the_public_cases_exclude_each_other(check, mine):
    code, _, err = check(mine(), "--public", "--seed", "1")
    assert code == 3 and "not both" in err
