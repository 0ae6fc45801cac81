"""What a person might send, graded for real: full points where the answers are right, a person where they are gone."""

from __future__ import annotations

import copy
import dataclasses
import json

import pytest
from nbformat.v4 import new_code_cell
from test_formats import WRITERS
from test_matching import bare, find

from autograder.build.source import write_notebook
from autograder.nbg.results import GRADED, PARTLY, UNMATCHED
from autograder.pipeline import grade_submission, stop_parents

ALL = {"double": 5, "describe": 8}


@pytest.fixture(scope="module")
def project(toy, release, chapter, tmp_path_factory):
    """The toy course, released."""
    made = dataclasses.replace(toy, course=tmp_path_factory.mktemp("course"))
    path = made.release(chapter)
    path.parent.mkdir(parents=True)
    path.write_text(write_notebook(release), encoding="utf-8")
    yield made
    stop_parents()


def merged(notebook):
    made = bare(notebook)
    first, second = find(made, "def double"), find(made, "def describe")
    first.source += "\n\ncheck(double)  # exercise: ch90.double\n\n" + second.source
    made.cells.remove(second)
    return made


def split(notebook):
    made = bare(notebook)
    at = made.cells.index(find(made, "def double"))
    made.cells[at : at + 1] = [
        new_code_cell("# exercise: ch90.double\nFACTOR = 2"),
        new_code_cell("def double(values):\n    return [FACTOR * value for value in values]"),
    ]
    return made


def turned(notebook):
    made = bare(notebook)
    made.cells.reverse()
    return made


def colab(notebook):
    made = copy.deepcopy(bare(notebook))
    made.metadata = {"colab": {"provenance": []}, "kernelspec": {"name": "python3"}}
    return json.dumps(made)


SENT = {
    "merged": ("toy.ipynb", lambda n: write_notebook(merged(n))),
    "split": ("toy.ipynb", lambda n: write_notebook(split(n))),
    "reversed": ("toy.ipynb", lambda n: write_notebook(turned(n))),
    "colab": ("Copy_of_toy (3).ipynb", colab),
    "utf-16": ("toy.ipynb", lambda n: write_notebook(n).encode("utf-16")),
    "windows": ("sub/folder/work.ipynb", lambda n: b"\xef\xbb\xbf" + write_notebook(n).replace("\n", "\r\n").encode()),
    "large": ("toy.ipynb", lambda n: write_notebook(n).replace('"outputs": []', f'"outputs": ["{"x" * 10**7}"]')),
    **{name: (name, writer) for name, writer in WRITERS.items() if name.startswith(("nbconvert", "colab", "vscode"))},
}


def hand_in(project, chapter, student, name, content):
    path = project.submission(chapter, student).parent / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def graded(project, chapter, student):
    return grade_submission(project, chapter, student, trust=True).result


@pytest.mark.parametrize("student", SENT)
def test_full_points_in_any_form(project, chapter, answered, student):
    name, make = SENT[student]
    hand_in(project, chapter, student, name, make(answered))
    result = graded(project, chapter, student)
    assert {name: exercise.points for name, exercise in result.exercises.items()} == ALL
    assert result.status == GRADED and result.needs_person == []


def test_a_file_that_was_cut_off_is_partly_matched_and_lists_what_is_gone(project, chapter, answered):
    text = write_notebook(answered)
    hand_in(project, chapter, "cut", "toy.ipynb", text[: text.index("def describe") + 40])
    result = graded(project, chapter, "cut")
    assert result.status == PARTLY and result.exercises["double"].points == 5
    assert result.exercises["describe"].state == "not found"
    assert result.needs_person[0] == "No cell with the function describe was found."
    assert any("The file is damaged" in notice for notice in result.notices)


def test_what_cannot_be_matched_needs_a_person_and_has_no_points(project, chapter, other_chapter):
    hand_in(project, chapter, "wrong", "toy.ipynb", write_notebook(other_chapter))
    hand_in(project, chapter, "page", "page.html", "<html>")
    for student, words in (("wrong", "chapter 91, not of chapter 90"), ("page", "No notebook was handed in")):
        result = graded(project, chapter, student)
        assert (result.status, result.exercises) == (UNMATCHED, {}) and words in result.needs_person[0]
