"""A made-up class of any size: chapters without models, records on disk, a real nbgrader gradebook.

Everything is drawn from one seed, so a class of a given size is always the same.
"""

from __future__ import annotations

import json
import random
from dataclasses import asdict

from autograder.nbg.results import PARTLY, UNMATCHED, ExerciseResult, GroupResult, Result, results_folder
from autograder.project import Project
from autograder.specs.base import Card, Chapter, Exercise, Group, Mistake

QUESTION = "why_spread"


def draws(rng):
    return {"x": 1.0}


def half(x):
    return x / 2


def square(x):
    return x * x


def minus(x):
    return -x


def make_chapter(number: int, exercises: int = 6) -> Chapter:
    """A chapter of `exercises` exercises of 10 points each."""
    mistakes = tuple(
        Mistake(fn, f"You take the {fn.__name__} of `x`, which is not what was asked.", 0.0)
        for fn in (half, square, minus)
    )
    return Chapter(
        slug=f"{number:02d}_part",
        number=number,
        title=f"Part number {number}",
        notebook="part",
        page=f"chapters/{number:02d}_part.html",
        exercises=tuple(
            Exercise(
                name=f"step_{number}_{place}",
                card=Card(f"Take step {place} of part {number}", 1, 5, "Because.", "Section 1."),
                groups=(Group("small cases", 4.0, draws, hint="Start small."), Group("large cases", 6.0, draws)),
                mistakes=mistakes,
                variants=(),
            )
            for place in range(1, exercises + 1)
        ),
    )


def record(chapter: Chapter, student: str, rng: random.Random) -> Result:
    """One submission's record, as the grader would write it."""
    result = Result(student, chapter.slug, seconds=round(rng.uniform(0.5, 9), 2), cell_seconds=0.4)
    result.graded_at = "2026-11-24T08:00:00+00:00"
    if rng.random() < 0.01:
        result.status = UNMATCHED
        result.needs_person = ["part.ipynb is not a notebook (it is not valid JSON); ask for it again."]
        return result
    for exercise in chapter.exercises:
        luck, title = rng.random(), exercise.card.title
        page = f"{chapter.page}#{exercise.name.replace('_', '-')}"
        if luck < 0.7:
            groups = [GroupResult(group.name, group.points, group.points, True, 3) for group in exercise.groups]
            entry = ExerciseResult(title, 10, 10, "", f"{exercise.name}: 10 of 10 points.", "passed", groups, page)
        else:
            mistake = rng.choice(exercise.mistakes)
            groups = [
                GroupResult("small cases", 4.0, 4.0, True, 3),
                GroupResult("large cases", 6.0, 0.0, False, 3, 2, "one number differs", "Try a large one."),
            ]
            entry = ExerciseResult(title, 4, 10, mistake.name, mistake.sentence, "partial", groups, page)
        result.exercises[exercise.name] = entry
    result.free_text[QUESTION] = 5.0
    if rng.random() < 0.02:
        result.status = PARTLY
        name = chapter.exercises[0].name
        result.needs_person = [f"No cell with the function {name} was found."]
        result.exercises[name].state = "not found"
        result.exercises[name].points = 0
    return result


def make_class(root, students: int, chapters: int, gradebook: bool = True) -> Project:
    """A course directory below `root` with records of everybody in every chapter."""
    made = [make_chapter(number) for number in range(1, chapters + 1)]
    project = Project(root=root, course=root / "course", only={chapter.slug: chapter for chapter in made})
    rng = random.Random(3)
    names = [f"student-{number:04d}" for number in range(students)]
    results = {}
    for chapter in made:
        folder = results_folder(project, chapter.slug)
        folder.mkdir(parents=True)
        for name in names:
            result = results[name, chapter.slug] = record(chapter, name, rng)
            (folder / f"{name}.json").write_text(json.dumps(asdict(result)), encoding="utf-8")
    if gradebook:
        fill_gradebook(project, made, names, results)
    return project


def fill_gradebook(project: Project, chapters, names, results) -> None:
    """A gradebook as nbgrader would hold it, filled in bulk."""
    from nbgrader.api import Grade, Gradebook, GradeCell, SubmittedAssignment, SubmittedNotebook

    with Gradebook(f"sqlite:///{project.course / 'gradebook.db'}") as book:
        for name in names:
            book.add_student(name)
        for chapter in chapters:
            book.add_assignment(chapter.slug)
            book.add_notebook(chapter.notebook, chapter.slug)
            notebook = book.find_notebook(chapter.notebook, chapter.slug)
            cells = [GradeCell(name=f"{exercise.name}-check", max_score=exercise.points, notebook=notebook,
                               cell_type="code") for exercise in chapter.exercises]  # fmt: skip
            cells.append(GradeCell(name=QUESTION, max_score=5, notebook=notebook, cell_type="markdown"))
            book.db.add_all(cells)
            assignment = book.find_assignment(chapter.slug)
            for name in names:
                result = results[name, chapter.slug]
                if result.status == UNMATCHED:
                    continue
                submission = SubmittedAssignment(assignment=assignment, student_id=name)
                part = SubmittedNotebook(notebook=notebook, assignment=submission, late_submission_penalty=0.0)
                for cell in cells:
                    entry = result.exercises.get(cell.name.removesuffix("-check"))
                    waits = entry is None or entry.state == "not found"
                    score = entry.points if entry else None
                    book.db.add(Grade(cell=cell, notebook=part, auto_score=score, needs_manual_grade=waits))
            book.db.commit()
