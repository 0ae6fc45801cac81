"""A toy course of its own for each module, released, with as many students as a test wants."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TOY = HERE.parent / "fixtures" / "toy"


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """The toy course (a Project), with its chapter released into its course directory."""
    root = tmp_path_factory.mktemp("engine").resolve()
    shutil.copytree(TOY / "solutions", root / "solutions")
    with pytest.MonkeyPatch.context() as patch:
        for folder in (TOY, HERE):
            patch.syspath_prepend(str(folder))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(TOY), str(HERE)]))
        patch.setenv("TOY_ROOT", str(root))
        patch.setenv("MECHANISMS_PROJECT", "toy_spec:project")
        patch.setenv("MECHANISMS_COURSE", str(root / "course"))
        patch.setenv("MECHANISMS_CHECKS", str(root / "mechanisms" / "check"))
        patch.setenv("MECHANISMS_SECRET", "a secret of the tests")
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.delenv("MECHANISMS_GRADEBOOK", raising=False)
        from autograder.build.exercises import build_chapter
        from autograder.course import release_chapter
        from autograder.project import current

        project = current()
        chapter = project.chapter("90")
        build_chapter(project, chapter)
        release_chapter(project, chapter)
        yield project
    sys.modules.pop("toy_spec", None)


@pytest.fixture(scope="module")
def chapter(toy):
    """The toy chapter."""
    return toy.chapter("90")


@pytest.fixture
def course(toy, tmp_path, monkeypatch):
    """A fresh copy of the released course for one test: a Project."""
    folder = tmp_path.resolve() / "course"
    shutil.copytree(toy.course, folder)
    monkeypatch.setenv("MECHANISMS_COURSE", str(folder))
    return replace(toy, course=folder)


@pytest.fixture
def hand_in(course, chapter):
    """Hand in for students: the released notebook with the student's name in it, or a text of the test's own."""

    def write(*students, text=None):
        notebook = json.loads(course.release(chapter).read_text("utf-8"))
        for student in students:
            notebook["metadata"]["student"] = student
            path = course.submission(chapter, student)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(notebook) if text is None else text, encoding="utf-8")

    return write
