"""A toy course with a real gradebook, and a small made-up class."""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from pathlib import Path

import pytest

TOY = Path(__file__).resolve().parents[1] / "fixtures" / "toy"


def _toy_environment(patch, root):
    """Let everything find the toy course below `root`."""
    patch.syspath_prepend(str(TOY))
    patch.setenv("PYTHONPATH", str(TOY))
    patch.setenv("TOY_ROOT", str(root))
    patch.setenv("MECHANISMS_PROJECT", "toy_spec:project")
    patch.setenv("MECHANISMS_COURSE", str(root / "course"))
    patch.setenv("MECHANISMS_CHECKS", str(root / "mechanisms" / "check"))
    patch.setenv("MECHANISMS_SECRET", "a secret of the tests")
    patch.setenv("MECHANISMS_BOOK", "")
    patch.delenv("MECHANISMS_GRADEBOOK", raising=False)


@pytest.fixture(scope="session")
def released(tmp_path_factory):
    """The toy course's folder after one release with nbgrader, which takes seconds: modules copy it."""
    root = tmp_path_factory.mktemp("released").resolve()
    shutil.copytree(TOY / "solutions", root / "solutions")
    with pytest.MonkeyPatch.context() as patch:
        _toy_environment(patch, root)
        from autograder.course import release_chapter
        from autograder.project import current

        project = current()
        release_chapter(project, project.chapter("90"))
    sys.modules.pop("toy_spec", None)
    return root


@pytest.fixture(scope="module")
def toy(released, tmp_path_factory):
    """The toy course (a Project), released; nothing of the real course is touched."""
    root = tmp_path_factory.mktemp("toy").resolve() / "toy"
    shutil.copytree(released, root)
    with pytest.MonkeyPatch.context() as patch:
        _toy_environment(patch, root)
        from autograder.project import current

        yield current()
    sys.modules.pop("toy_spec", None)


@pytest.fixture(scope="module")
def chapter(toy):
    """The toy chapter."""
    return toy.chapter("90")


@pytest.fixture
def hand_in(toy, chapter):
    """Puts one graded submission into the toy course: record, executed notebook and gradebook, as a grader would."""
    from nbgrader.api import Gradebook

    from autograder.nbg.results import write_result

    def put(result, scores, penalty=0.0, comments=None, edit=None):
        """`scores` maps grade ids to (auto, manual, waits)."""
        student = result.student
        submission = toy.submission(chapter, student)
        submission.parent.mkdir(parents=True, exist_ok=True)
        release = json.loads(toy.release(chapter).read_text("utf-8"))
        submission.write_text(json.dumps(release), encoding="utf-8")
        write_result(toy, result)
        if scores is None:
            return
        notebook = edit(release) if edit else release
        path = toy.autograded(chapter, student)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(notebook), encoding="utf-8")
        with warnings.catch_warnings(), Gradebook(f"sqlite:///{toy.course / 'gradebook.db'}") as book:
            # nbgrader's own words about its sessions are of no use to anybody
            warnings.filterwarnings("ignore", module=r"nbgrader\.")
            book.update_or_create_student(student)
            part = book.update_or_create_submission(chapter.slug, student).notebooks[0]
            part.late_submission_penalty = penalty
            for grade in part.grades:
                auto, manual, waits = scores[grade.name]
                grade.auto_score, grade.manual_score, grade.needs_manual_grade = auto, manual, waits
            for comment in part.comments:
                comment.manual_comment = (comments or {}).get(comment.name)
            book.db.commit()

    return put
