"""The course directory: made by us, kept apart from the tracked files.

- creates source/, release/, submitted/, autograded/, feedback/, results/ where they are missing;
- keeps the course secret, from which every hidden case is drawn, in a file only its owner can read;
- releases a chapter into it with nbgrader (source notebook, release notebook, gradebook entry);
- knows which students are made up, and starts their chapter afresh when its list of exercises changed.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from typing import TYPE_CHECKING

from autograder.build.release import ExercisesChanged, release_assignment
from autograder.build.source import build_notebook, write_notebook
from autograder.database import gradebook_url, knows_chapter
from mechanisms.errors import UsageError
from mechanisms.files import atomic_write

if TYPE_CHECKING:
    from autograder.project import Project
    from autograder.specs.base import Chapter

FOLDERS = ("source", "release", "submitted", "autograded", "feedback", "results")
SAMPLE_RECORD = "sample_class.json"


def prepare_course(project: Project) -> None:
    """Make the course directory and its secret. Raises UsageError when it cannot be made."""
    try:
        for name in FOLDERS:
            (project.course / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"The course directory {project.course} cannot be made ({error.strerror}); "
            "set MECHANISMS_COURSE to a folder you can write to."
        ) from None
    course_secret(project)


def course_secret(project: Project) -> str:
    """The secret behind the hidden cases: MECHANISMS_SECRET, or course/secret (made on first use, mode 0600).

    Raises UsageError when it is empty, cannot be written, or is gone although work was graded with one.
    """
    given = os.environ.get("MECHANISMS_SECRET", "").strip()
    if given:
        return given
    path = project.course / "secret"
    if not path.exists() and any((project.course / "results").glob("*/*.json")):
        raise UsageError(
            f"The course secret {path} is missing, and with another one every hidden case would be another. Put your "
            "copy back (or set MECHANISMS_SECRET); to rotate it, write 64 random digits into that file yourself."
        )
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        value = path.read_text("utf-8").strip()
        if not value:
            raise UsageError(f"{path} is empty; delete it and a new secret is made (grades may change).") from None
        return value
    except OSError as error:
        raise UsageError(f"The course secret {path} cannot be written ({error.strerror}).") from None
    value = secrets.token_hex(32)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(value + "\n")
    return value


def release_chapter(project: Project, chapter: Chapter) -> bool:
    """Put the chapter into the course directory and its gradebook; False when it was there unchanged."""
    prepare_course(project)
    text = write_notebook(build_notebook(project.solution(chapter), chapter))
    source, release = project.source(chapter), project.release(chapter)
    same = release.exists() and source.exists() and source.read_text("utf-8") == text
    if same and knows_chapter(project, chapter.slug):
        return False
    # Written last by nbgrader: while it is not there, a release that was cut off is done again.
    release.unlink(missing_ok=True)
    source.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(source, text)
    try:
        try:
            release_assignment(project.course, chapter.slug)
        except ExercisesChanged:
            if not only_made_up(project, chapter.slug):
                raise
            forget_submissions(project, chapter.slug)
            release_assignment(project.course, chapter.slug)
    except BaseException:
        source.unlink(missing_ok=True)
        raise
    return True


def made_up_students(project: Project) -> dict[str, list[str]]:
    """The sample students that we wrote into this course directory, by chapter."""
    try:
        return dict(json.loads((project.course / SAMPLE_RECORD).read_text("utf-8")))
    except (OSError, ValueError):
        return {}


def only_made_up(project: Project, slug: str) -> bool:
    """Whether nobody but sample students handed in this chapter."""
    there = {path.parent.name for path in (project.course / "submitted").glob(f"*/{slug}")}
    return there <= set(made_up_students(project).get(slug, []))


def forget_submissions(project: Project, slug: str) -> None:
    """Remove a chapter's grades and what was made from its submissions; the submitted files stay."""
    from nbgrader.api import Gradebook

    for step in ("autograded", "feedback"):
        for folder in (project.course / step).glob(f"*/{slug}"):
            shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(project.course / "results" / slug, ignore_errors=True)
    with Gradebook(gradebook_url(project)) as gradebook:
        gradebook.remove_assignment(slug)
