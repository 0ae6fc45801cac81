"""A notebook keeps its points whatever saved it: JupyterLab, VS Code, Colab, through the real grader."""

from __future__ import annotations

import json
import re

import nbformat
import pytest
from ways_of_saving import STATE, WAYS, by_colab, by_jupyterlab, by_vs_code

from autograder.build.exercises import build_chapter
from autograder.course import release_chapter
from autograder.nbg.results import GRADED
from autograder.pipeline import grade_submission, stop_parents
from autograder.sample_class import sample_submissions


@pytest.fixture(scope="module")
def perfect(toy, chapter):
    """The tree of a notebook with everything right."""
    build_chapter(toy, chapter)
    release_chapter(toy, chapter)
    return json.loads(sample_submissions(toy, chapter)["perfect"])


@pytest.fixture(scope="module")
def results(toy, chapter, perfect):
    """One submission for each way of saving, graded: result and text by way."""
    found = {}
    try:
        for way, save in WAYS.items():
            student = re.sub(r"\W+", "-", way.lower())
            path = toy.submission(chapter, student)
            path.parent.mkdir(parents=True)
            path.write_text(save(perfect), encoding="utf-8", newline="")
            found[way] = grade_submission(toy, chapter, student, trust=True).result
    finally:
        stop_parents()
    return found


@pytest.mark.parametrize("way", WAYS)
def test_every_point_is_found(results, chapter, way):
    result = results[way]
    assert result.status == GRADED
    assert {name: one.points for name, one in result.exercises.items()} == {
        exercise.name: exercise.points for exercise in chapter.exercises
    }
    assert {one.state for one in result.exercises.values()} == {"passed"}


@pytest.mark.parametrize("way", WAYS)
def test_the_free_text_reaches_the_teacher(results, way):
    [question] = results[way].needs_person or [""]
    assert "Traceback" not in question
    assert not [notice for notice in results[way].notices if "lost" in notice]


def test_a_stub_saved_by_each_of_them_still_earns_nothing(toy, chapter, results):
    """The full points above come from the answers and not from the file's own outputs, which claim 5 of 5."""
    blank = json.loads(sample_submissions(toy, chapter)["blank"])
    try:
        for way, save in WAYS.items():
            student = "blank-" + re.sub(r"\W+", "-", way.lower())
            path = toy.submission(chapter, student)
            path.parent.mkdir(parents=True)
            path.write_text(save(blank), encoding="utf-8", newline="")
            result = grade_submission(toy, chapter, student, trust=True).result
            assert [one.points for one in result.exercises.values()] == [0, 0], way
    finally:
        stop_parents()


def test_the_files_have_the_shapes_that_they_stand_for(perfect):
    lab, code, colab = (json.loads(save(perfect)) for save in (by_jupyterlab, by_vs_code, by_colab))
    assert all("id" in cell for cell in lab["cells"] + code["cells"])
    assert not any("id" in cell for cell in colab["cells"]) and all("id" in cell["metadata"] for cell in colab["cells"])
    assert "state" in lab["metadata"]["widgets"][STATE] and "state" not in colab["metadata"]["widgets"][STATE]
    assert colab["nbformat_minor"] == 0 and colab["cells"][0]["metadata"]["id"] == "view-in-github"
    assert all(isinstance(cell["source"], list) for cell in lab["cells"] + code["cells"] + colab["cells"])
    for tree in (lab, code, colab):
        nbformat.validate(nbformat.from_dict(tree))
