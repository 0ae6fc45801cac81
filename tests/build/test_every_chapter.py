"""Every chapter goes through the real grader: warm process, sandbox (where the machine isolates), hidden cases."""

from __future__ import annotations

import pytest

from autograder.course import release_chapter
from autograder.nbg.results import GRADED
from autograder.pipeline import grade_submission, stop_parents, warm_parent
from autograder.project import Project, current
from autograder.sample_class import sample_submissions


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The real chapters in a course directory of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MECHANISMS_SECRET", "a secret of the tests")
        yield Project(course=tmp_path_factory.mktemp("course"))


@pytest.mark.slow
@pytest.mark.parametrize("slug", current().chapters)
def test_the_right_notebook_gets_everything_and_the_blank_one_nothing(course, slug):
    chapter = course.chapters[slug]
    release_chapter(course, chapter)
    texts = sample_submissions(course, chapter)
    for student in ("perfect", "blank"):
        path = course.submission(chapter, student)
        path.parent.mkdir(parents=True)
        path.write_text(texts[student], encoding="utf-8")
    try:
        warm = warm_parent(course, chapter, trust=True)
        warm.wait()
        assert warm.about["missing"] == []
        right = grade_submission(course, chapter, "perfect", trust=True).result
        blank = grade_submission(course, chapter, "blank", trust=True).result
    finally:
        stop_parents()
    assert right.status == blank.status == GRADED
    found = {name: exercise.points for name, exercise in right.exercises.items()}
    assert {exercise.name: exercise.points for exercise in chapter.exercises}.items() <= found.items()
    assert not any(exercise.points for exercise in blank.exercises.values())
