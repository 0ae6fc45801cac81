"""A chapter whose exercises change while the course directory already holds submissions."""

from __future__ import annotations

import pytest
from nbgrader.api import Gradebook

from autograder.build.release import ExercisesChanged
from autograder.course import prepare_course, release_chapter
from autograder.sample_class import write_sample_class

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")


@pytest.fixture
def renamed(toy, chapter):
    """A function that renames the free-text question in the toy's source; undone afterwards."""
    path = toy.solution(chapter)
    text = path.read_text("utf-8")
    yield lambda name: path.write_text(text.replace("why_spread", name), encoding="utf-8")
    path.write_text(text, encoding="utf-8")


def submitted(toy, student):
    with Gradebook(f"sqlite:///{toy.course / 'gradebook.db'}") as gradebook:
        gradebook.update_or_create_student(student)
        gradebook.update_or_create_submission("90_toy", student)


def test_sample_students_are_started_afresh_real_ones_are_protected(toy, chapter, renamed):
    prepare_course(toy)
    assert release_chapter(toy, chapter) is True and release_chapter(toy, chapter) is False
    write_sample_class(toy, chapter)
    submitted(toy, "perfect")
    renamed("why_not_mean")
    assert release_chapter(toy, chapter) is True
    assert "why_not_mean" in toy.release(chapter).read_text("utf-8")

    path = toy.submission(chapter, "ada")
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    submitted(toy, "ada")
    renamed("why_not_median")
    with pytest.raises(ExercisesChanged, match="keep that course directory as it is"):
        release_chapter(toy, chapter)
    with Gradebook(f"sqlite:///{toy.course / 'gradebook.db'}") as gradebook:
        assert gradebook.find_submission("90_toy", "ada").student.id == "ada"
