"""Grading a class with nbgrader, one process for everybody.

- looks at every submission first: a file that is no notebook gets one sentence and the class goes on;
- runs nbgrader's autograde and generate_feedback student by student, with the shipped configuration;
- leaves alone what did not change since it was last graded (a hash of submission, exercise and grader).
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import nbformat

from autograder.build.release import course_variable, nbgrader_api
from autograder.course import course_secret
from autograder.nbg.intake import take_in
from autograder.nbg.results import FAILED, GRADED, UNREADABLE, Result, read_result, write_result
from autograder.project import REPOSITORY
from mechanisms.errors import BadNotebook, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.project import Project
    from autograder.specs.base import Chapter

# What a grade depends on besides the submission, the solution and the release.
GRADER_FOLDERS = ("autograder/nbg", "autograder/specs", "autograder/build", "mechanisms/check", "mechanisms/models")
GRADER_FOLDERS += ("mechanisms/data",)

Progress = Callable[[str, str], None]


def handed_in(project: Project, chapter: Chapter) -> list[str]:
    """The students with a folder for this chapter in course/submitted/, in order."""
    found = (project.course / "submitted").glob(f"*/{chapter.slug}")
    return sorted(path.parent.name for path in found if path.is_dir())


def grade_class(
    project: Project,
    chapter: Chapter,
    students: list[str] | None = None,
    again: bool = False,
    progress: Progress = lambda student, state: None,
) -> list[Result]:
    """Grade the students (default: all who handed in) and write their feedback; one Result each, in order.

    `progress(student, state)` is called before ("grading") and after each student. `again` regrades everybody.
    Raises UsageError when the chapter was not released.
    """
    if not project.release(chapter).exists():
        raise UsageError(f"Nothing was released for {chapter.slug}: run 'autograder exercises' first.")
    release = nbformat.read(project.release(chapter), as_version=4)
    base = _base_fingerprint(project, chapter)
    results = []
    with course_variable(project.course):
        for student in students if students is not None else handed_in(project, chapter):
            path = project.submission(chapter, student)
            fingerprint = _fingerprint(base, student, path)
            old = read_result(project, chapter.slug, student)
            if not again and _still_good(project, chapter, student, old, fingerprint):
                progress(student, "unchanged")
                results.append(old)
                continue
            progress(student, "grading")
            result = _grade_one(project, chapter, student, path, release)
            result.fingerprint = fingerprint
            write_result(project, result)
            results.append(result)
            progress(student, result.status)
    return results


def _still_good(project: Project, chapter: Chapter, student: str, old: Result | None, fingerprint: str) -> bool:
    if old is None or old.fingerprint != fingerprint or old.status == FAILED:
        return False
    made = (project.autograded(chapter, student), project.feedback(chapter, student))
    return old.status == UNREADABLE or all(path.exists() for path in made)


def _grade_one(project: Project, chapter: Chapter, student: str, path: Path, release: nbformat.NotebookNode) -> Result:
    try:
        take_in(path, release)
    except BadNotebook as error:
        return Result(student, chapter.slug, status=UNREADABLE, needs_person=[str(error)])
    api = nbgrader_api(project.course)
    outcome = api.autograde(chapter.slug, student, force=True, create=True)
    if not outcome["success"]:
        shutil.rmtree(project.autograded(chapter, student).parent, ignore_errors=True)
        return Result(student, chapter.slug, status=FAILED, needs_person=[f"It could not be graded: {_why(outcome)}"])
    result = read_result(project, chapter.slug, student)
    if result is None:
        sentence = "It was graded, but the grader left no result; grade it again."
        return Result(student, chapter.slug, status=FAILED, needs_person=[sentence])
    outcome = api.generate_feedback(chapter.slug, student, force=True)
    if not outcome["success"]:
        result.needs_person.append(f"The feedback page could not be written: {_why(outcome)}")
    result.status = GRADED
    return result


def _why(outcome: dict[str, Any]) -> str:
    text = f"{outcome.get('log') or ''}\n{outcome.get('error') or ''}"
    lines = [line.strip() for line in text.splitlines() if re.match(r"\s*[\w.]*(Error|Notebook|Exception)\b.*:", line)]
    return (lines[-1] if lines else "nbgrader gave no reason").removeprefix("mechanisms.errors.BadNotebook: ")[:200]


def _base_fingerprint(project: Project, chapter: Chapter) -> str:
    digest = hashlib.sha256(course_secret(project).encode())
    digest.update(_grader_hash().encode())
    for path in (project.solution(chapter), project.release(chapter)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _grader_hash() -> str:
    """One hash over the code, data and weights that a grade depends on."""
    digest = hashlib.sha256()
    for folder in GRADER_FOLDERS:
        for path in sorted((REPOSITORY / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(REPOSITORY)).encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _fingerprint(base: str, student: str, path: Path) -> str:
    digest = hashlib.sha256(f"{base}|{student}|".encode())
    if path.is_file() and not path.is_symlink():
        digest.update(path.read_bytes())
    return digest.hexdigest()
