"""A toy course of two chapters, its release, and an answered notebook."""

from __future__ import annotations

import copy
import dataclasses
import shutil
import sys
from pathlib import Path

import nbformat
import pytest

TOY = Path(__file__).resolve().parents[1] / "fixtures" / "toy"
ANSWERS = {
    "double": "# exercise: ch90.double\ndef double(values):\n    return [2 * value for value in values]",
    "describe": (
        "# exercise: ch90.describe\ndef describe(values):\n"
        '    """Ein Satz mit Umlaut: größer als π."""\n'
        '    return {"mean": sum(values) / len(values), "spread": max(values) - min(values)}'
    ),
    "why_spread": "<!-- exercise: ch90.why_spread -->\n**Why is the mean not enough?**\n\nTwo sets may share it.",
}


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """The toy course with a second chapter, 91_other, of which only the spec is there."""
    root = tmp_path_factory.mktemp("toy").resolve()
    shutil.copytree(TOY / "solutions", root / "solutions")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TOY))
        patch.setenv("TOY_ROOT", str(root))
        patch.setenv("MECHANISMS_COURSE", str(root / "course"))
        patch.setenv("MECHANISMS_BOOK", "")
        import toy_spec

        project = toy_spec.project()
        chapter = project.chapter("90")
        renamed = tuple(dataclasses.replace(one, name=f"other_{one.name}") for one in chapter.exercises)
        other = dataclasses.replace(chapter, slug="91_other", number=91, notebook="other", exercises=renamed)
        yield dataclasses.replace(project, only={chapter.slug: chapter, other.slug: other})
    sys.modules.pop("toy_spec", None)


@pytest.fixture(scope="session")
def chapter(toy):
    """The toy chapter."""
    return toy.chapter("90")


@pytest.fixture(scope="session")
def release(toy, chapter):
    """The toy chapter as a student gets it."""
    from autograder.build.exercises import release_text
    from autograder.build.source import build_notebook

    return nbformat.reads(release_text(build_notebook(toy.solution(chapter), chapter), chapter), as_version=4)


@pytest.fixture(scope="session")
def answered(release):
    """The toy chapter with everything answered."""
    from autograder.nbg.identity import exercise_of, role_of

    notebook = copy.deepcopy(release)
    for cell in notebook.cells:
        if role_of(cell) in ("solution", "rubric"):
            cell.source = ANSWERS[exercise_of(cell)]
    return notebook


@pytest.fixture(scope="session")
def other_chapter(answered):
    """Somebody's notebook of chapter 91."""
    text = nbformat.writes(answered, version=4).replace("ch90.", "ch91.other_").replace("def d", "def other_d")
    notebook = nbformat.reads(text, as_version=4)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        cell["id"] = f"o{cell.id}"
    return notebook
