"""The sample class: students that the project makes up, so that a whole course can be seen at work.

- a perfect student, a blank one, and enough others that each known mistake is made by one of them, at most three by
  the same one (`mistaken_students`), all else right;
- one who left the notebook half done, one whose notebook lost all its metadata;
- one who handed in a web page instead of a notebook, which a person has to look at.

Their notebooks are written to course/submitted/ exactly as real ones would lie there. Only files that
changed are written, and only students that an earlier run made up are ever removed.
"""

from __future__ import annotations

import copy
import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import nbformat

from autograder.build.source import marker_id, read_source, write_notebook
from autograder.course import SAMPLE_RECORD, made_up_students
from autograder.database import gradebook_url, knows_chapter
from autograder.nbg.identity import exercise_of, role_of
from autograder.specs.base import source_as
from mechanisms.files import atomic_write

if TYPE_CHECKING:
    from autograder.project import Project
    from autograder.specs.base import Chapter, Mistake

WEB_PAGE = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in to download.</body></html>\n"
# Known mistakes of one student: in a class where everybody fails everything a report shows nothing.
TOGETHER = 3
_MARKER_LINES = re.compile(r"(?m)^[ \t]*###[ \t]*(BEGIN|END) SOLUTION[ \t]*\n?")
_MARK_SCHEME = re.compile(r"(?ms)^[^\n]*BEGIN MARK SCHEME.*?END MARK SCHEME[^\n]*\n?")


def mistaken_students(project: Project, chapter: Chapter) -> dict[str, dict[str, Mistake]]:
    """What the mistaken students do wrong, by exercise: each known mistake of the chapter is made by one of them.

    Nobody is wrong both in a function and in another one that needs it: the two together would be a third mistake.
    """
    needs = _needs(project, chapter)
    waiting = {exercise.name: list(exercise.mistakes) for exercise in chapter.exercises}
    students: dict[str, dict[str, Mistake]] = {}
    while any(waiting.values()):
        wrong: dict[str, Mistake] = {}
        for name in sorted(waiting, key=lambda name: -len(waiting[name])):
            if (
                waiting[name]
                and len(wrong) < TOGETHER
                and not any(name in needs[other] or other in needs[name] for other in wrong)
            ):
                wrong[name] = waiting[name].pop(0)
        students[f"mistakes-{len(students) + 1:02d}"] = wrong
    return students


def _needs(project: Project, chapter: Chapter) -> dict[str, set[str]]:
    """The exercises that an exercise's answer or one of its known mistakes names, and those that these name."""
    texts = {
        exercise.name: "\n".join(source_as(mistake.fn, exercise.name) for mistake in exercise.mistakes)
        for exercise in chapter.exercises
    }
    for name, text in _answers(project, chapter).items():
        texts[name] = texts.get(name, "") + text

    needs = {
        name: {other for other in texts if other != name and re.search(rf"\b{other}\b", text)}
        for name, text in texts.items()
    }
    for _ in needs:  # each round reaches one call further
        needs = {name: found.union(*(needs[other] for other in found)) for name, found in needs.items()}
    return needs


def sample_submissions(project: Project, chapter: Chapter) -> dict[str, str]:
    """Every sample student's notebook file as text. The chapter must have been released into the course."""
    release = nbformat.read(project.release(chapter), as_version=4)
    answers = _answers(project, chapter)
    perfect = _answered(release, answers)
    names = [exercise.name for exercise in chapter.exercises]
    students = {
        "perfect": write_notebook(perfect),
        "blank": write_notebook(release),
        "half-done": write_notebook(_half_done(release, answers, names)),
        "lost-metadata": _without_metadata(perfect),
        "web-page": WEB_PAGE,
    }
    for student, mistakes in mistaken_students(project, chapter).items():
        wrong = {
            name: f"# exercise: {chapter.identity(chapter.exercise(name))}\n{source_as(mistake.fn, name)}"
            for name, mistake in mistakes.items()
        }
        students[student] = write_notebook(_answered(release, {**answers, **wrong}))
    return students


def _answers(project: Project, chapter: Chapter) -> dict[str, str]:
    """The right text of every solution and free-text cell, without the solution markers."""
    answers = {}
    for cell in read_source(project.solution(chapter)):
        if cell.role == "solution":
            answers[cell.exercise] = _MARKER_LINES.sub("", cell.text)
        elif cell.role == "rubric":
            text = _MARKER_LINES.sub("", _MARK_SCHEME.sub("", cell.text))
            answers[cell.exercise] = f"<!-- exercise: {marker_id(chapter, cell.exercise)} -->\n{text}"
    return answers


def _answered(release: nbformat.NotebookNode, answers: dict[str, str]) -> nbformat.NotebookNode:
    notebook = copy.deepcopy(release)
    for cell in notebook.cells:
        if role_of(cell) in ("solution", "rubric") and exercise_of(cell) in answers:
            cell.source = answers[exercise_of(cell)].rstrip("\n")
    return notebook


def _half_done(release: nbformat.NotebookNode, answers: dict[str, str], names: list[str]) -> nbformat.NotebookNode:
    """The first half right, the next exercise broken off in the middle of a line, the rest untouched."""
    half = len(names) // 2
    notebook = _answered(release, {name: answers[name] for name in names[:half]})
    for cell in notebook.cells:
        if role_of(cell) == "solution" and exercise_of(cell) == names[half]:
            cell.source = cell.source.replace("raise NotImplementedError", "result = (")
    return notebook


def _without_metadata(notebook: nbformat.NotebookNode) -> str:
    """The notebook as an editor leaves it that keeps neither cell metadata nor cell ids."""
    data: dict[str, Any] = json.loads(write_notebook(notebook))
    data["nbformat_minor"] = 4
    data["metadata"] = {"kernelspec": data["metadata"]["kernelspec"]}
    for cell in data["cells"]:
        cell["metadata"] = {}
        cell.pop("id", None)
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def write_sample_class(project: Project, chapter: Chapter) -> list[str]:
    """Hand in for every sample student; returns their names. Unchanged files stay untouched."""
    students = sample_submissions(project, chapter)
    made = made_up_students(project)
    for gone in set(made.get(chapter.slug, [])) - set(students):
        _remove(project, chapter, gone)
    made[chapter.slug] = list(students)
    atomic_write(project.course / SAMPLE_RECORD, json.dumps(made, indent=1) + "\n")
    for student, text in students.items():
        path = project.submission(chapter, student)
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(path, text)
    return list(students)


def _remove(project: Project, chapter: Chapter, student: str) -> None:
    """Forget a made-up student of an earlier run (a mistake that was renamed, say)."""
    from nbgrader.api import Gradebook, MissingEntry

    for step in ("submitted", "autograded", "feedback"):
        shutil.rmtree(project.course / step / student / chapter.slug, ignore_errors=True)
    (project.course / "results" / chapter.slug / f"{student}.json").unlink(missing_ok=True)
    if knows_chapter(project, chapter.slug):
        with Gradebook(gradebook_url(project)) as gradebook:
            try:
                gradebook.remove_submission(chapter.slug, student)
            except MissingEntry:
                return
