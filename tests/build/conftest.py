"""A toy course in a temporary folder, with its environment set for as long as a test module runs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

TOY = Path(__file__).resolve().parents[1] / "fixtures" / "toy"


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """The toy course (a Project); nothing of the real course is touched."""
    root = tmp_path_factory.mktemp("toy").resolve()
    shutil.copytree(TOY / "solutions", root / "solutions")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TOY))
        patch.setenv("PYTHONPATH", str(TOY))
        patch.setenv("TOY_ROOT", str(root))
        patch.setenv("MECHANISMS_PROJECT", "toy_spec:project")
        patch.setenv("MECHANISMS_COURSE", str(root / "course"))
        patch.setenv("MECHANISMS_CHECKS", str(root / "mechanisms" / "check"))
        patch.setenv("MECHANISMS_SECRET", "a secret of the tests")
        patch.setenv("OMP_NUM_THREADS", "1")
        from autograder.project import current

        yield current()
    sys.modules.pop("toy_spec", None)


@pytest.fixture(scope="module")
def chapter(toy):
    """The toy chapter."""
    return toy.chapter("90")


@pytest.fixture(scope="module")
def notebook(toy, chapter):
    """The toy chapter's source notebook, solutions included."""
    from autograder.build.source import build_notebook

    return build_notebook(toy.solution(chapter), chapter)


@pytest.fixture(scope="module")
def release(toy, chapter, notebook):
    """The toy chapter as a student gets it, made by nbgrader."""
    import nbformat

    from autograder.build.exercises import release_text

    return nbformat.reads(release_text(notebook, chapter), as_version=4)
