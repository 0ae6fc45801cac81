"""The real sample class of chapter 02, graded by nbgrader with stock kernels (slow: a kernel per student)."""

from __future__ import annotations

import html
import json
import re

import numpy
import pytest

from autograder.course import release_chapter
from autograder.engine.run import Order, grade_class, handed_in
from autograder.nbg.reference import chapter_reference
from autograder.nbg.results import read_result
from autograder.project import Project
from autograder.report import gather, write_report
from autograder.sample_class import mistaken_students, write_sample_class
from mechanisms.check import codec

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course directory of its own with the graded class: (project, chapter, result by student)."""
    folder = tmp_path_factory.mktemp("course").resolve()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MECHANISMS_COURSE", str(folder))
        patch.setenv("MECHANISMS_SECRET", "a secret of the tests")
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.delenv("MECHANISMS_PROJECT", raising=False)
        project = Project(course=folder)
        chapter = project.chapter("02")
        release_chapter(project, chapter)
        students = write_sample_class(project, chapter)
        grade_class(project, [chapter], Order(students=tuple(students)))
        yield project, chapter, {student: read_result(project, chapter.slug, student) for student in students}


def scores(result):
    return {name: exercise.points for name, exercise in result.exercises.items()}


def visible(text):
    """The text of a page as a reader sees it."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>|`", "", text)))


def test_everybody_was_graded_but_the_web_page(course):
    _, _, results = course
    assert {name for name, result in results.items() if result.status != "graded"} == {"web-page"}
    assert [name for name, result in results.items() if result.needs_person] == ["web-page"]


def test_the_perfect_one_has_full_marks_and_the_blank_none(course):
    _, chapter, results = course
    full = {exercise.name: exercise.points for exercise in chapter.exercises}
    assert scores(results["perfect"]) == full
    assert scores(results["lost-metadata"]) == full
    assert set(scores(results["blank"]).values()) == {0}
    assert 0 < sum(scores(results["half-done"]).values()) < sum(full.values())


def test_each_mistake_earns_its_points_and_reads_its_sentence(course):
    project, chapter, results = course
    wrong = []
    right = {exercise.name: exercise.points for exercise in chapter.exercises}
    for student, mistakes in mistaken_students(project, chapter).items():
        if scores(results[student]) != right | {name: mistake.points for name, mistake in mistakes.items()}:
            wrong.append(f"{student}: {scores(results[student])}")
        page = visible(project.feedback(chapter, student).read_text("utf-8"))
        wrong += [
            f"{student}: the sentence of {one.name} is missing"
            for one in mistakes.values()
            if visible(one.sentence) not in page
        ]
    assert wrong == []


def test_no_hidden_input_in_what_goes_out(course):
    """Distinctive texts and numbers of every student's hidden cases are in no feedback page and no report."""
    project, chapter, results = course
    paths = write_report(project, [gather(project, chapter, handed_in(project, chapter))])
    shared = "".join(path.read_text("utf-8") for path in paths)
    release = project.release(chapter).read_text("utf-8")
    reference = chapter_reference(project, chapter)
    for student, result in results.items():
        if result.status != "graded":
            continue
        text = project.feedback(chapter, student).read_text("utf-8") + shared
        for exercise in reference.hidden(student).values():
            for case in exercise.entry["cases"]:
                for secret in distinctive([case["inputs"], case["expected"]]):
                    assert secret not in text or secret in release, f"{secret!r} of {student}"


def distinctive(tree):
    """Prompts and long numbers in a tree: what nobody would write by chance."""
    text, _ = codec.dump(tree)
    for leaf in leaves(json.loads(text)):
        if isinstance(leaf, str) and len(leaf) >= 20:
            yield leaf
        elif isinstance(leaf, float) and len(repr(leaf)) >= 8:
            yield repr(leaf)[:8]
    for array in arrays(tree):
        for value in array.reshape(-1)[:50]:
            if abs(value) > 1e-3 and len(f"{value:.6g}") >= 8:
                yield f"{value:.6g}"


def leaves(tree):
    if isinstance(tree, dict | list):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from leaves(value)
    else:
        yield tree


def arrays(tree):
    if isinstance(tree, dict | list):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from arrays(value)
    elif hasattr(tree, "detach") and tree.is_floating_point():
        yield tree.detach().double().numpy()
    elif isinstance(tree, numpy.ndarray) and tree.dtype.kind == "f":
        yield tree
