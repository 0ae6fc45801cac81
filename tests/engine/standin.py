"""Grading functions that stand where the pipeline stands, so that the engine is tested without a sandbox.

Tests name them in `Order.function`; nothing a student hands in can.
"""

from __future__ import annotations

import copy
import hashlib
import os
import signal
import time
from pathlib import Path

import nbformat
from nbformat.v4 import new_output

from autograder.graded import Graded
from autograder.nbg.identity import exercise_of, role_of
from autograder.nbg.results import GRADED, PARTLY, UNMATCHED, ExerciseResult, Result
from autograder.pipeline import read_release


def points_of(student: str, exercise) -> float:
    """The points that the stand-in gives: any number would do, this one is the same again."""
    return hashlib.sha256(f"{student}{exercise.name}".encode()).digest()[0] % (int(exercise.points) + 1)


def grade(project, chapter, student, *, trust=False):
    """A record like the pipeline's, from the released notebook and points drawn from the name."""
    path = project.submission(chapter, student)
    text = path.read_text("utf-8") if path.is_file() else ""
    if not text.startswith("{"):
        return Graded(Result(student, chapter.slug, status=UNMATCHED, needs_person=["There is no notebook."]))
    notebook = copy.deepcopy(read_release(project, chapter))
    result = Result(student, chapter.slug, status=PARTLY if student.startswith("partly") else GRADED, seconds=0.01)
    exercises = {exercise.name: exercise for exercise in chapter.exercises}
    for number, cell in enumerate(notebook.cells):
        if role_of(cell) == "check" and exercise_of(cell) in exercises:
            exercise = exercises[exercise_of(cell)]
            points = points_of(student, exercise)
            data = {"text/plain": f"{points:g}"}
            cell.outputs = [new_output("execute_result", data=data, execution_count=number)]
            cell.execution_count = number
            result.exercises[exercise.name] = ExerciseResult(exercise.card.title, points, exercise.points)
    flagged = ("double-check",) if result.status == PARTLY else ()
    if flagged:
        result.needs_person.append("No cell with the function double was found.")
    return Graded(result, nbformat.from_dict(notebook), flagged)


def slow(project, chapter, student, *, trust=False):
    """The same with a pause, and with a mark in TALLY_FOLDER for every time that somebody is graded."""
    time.sleep(0.03)
    return grade(project, chapter, student)


def troubled(project, chapter, student, *, trust=False):
    """Students whose names say what happens to the worker that grades them."""
    if student.startswith("kills"):
        os.kill(os.getpid(), signal.SIGKILL)
    if student.startswith("once"):
        mark = Path(os.environ["TROUBLE"]) / student
        if not mark.exists():
            mark.touch()
            os._exit(7)
    if student.startswith("raises"):
        raise RuntimeError("a fault of the grader")
    if student.startswith("nonsense"):
        return Graded(Result("somebody else", chapter.slug))
    return grade(project, chapter, student)
