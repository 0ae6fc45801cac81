"""What the class report is made of, read from the stored records and the gradebook.

- one `Row` per student and chapter, a few hundred bytes each; no notebook is ever opened;
- a person's mark goes before the grader's, lateness is taken off the total;
- sentences that many rows share (a known mistake's) are kept once per chapter.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from autograder.marks import Marks, chapter_marks
from autograder.nbg.results import FAILED, UNMATCHED, Result, read_result, results_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autograder.project import Project
    from autograder.specs.base import Chapter

WORDS = 400


@dataclass
class Row:
    """One student in one chapter.

    `points` is None when the submission has no points at all (it could not be matched, or was never graded).
    `scores` maps exercises, `manual` free-text questions (None: waits to be marked) to points; `states` and
    `mistakes` map exercises to their state and to the name of the known mistake; `faults` holds a sentence for
    whatever else was wrong. `failed_groups` names the groups of cases that did not pass.
    """

    student: str
    status: str
    points: float | None
    scores: dict[str, float] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    mistakes: dict[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    failed_groups: dict[str, list[str]] = field(default_factory=dict)
    manual: dict[str, float | None] = field(default_factory=dict)
    penalty: float = 0.0
    notices: list[str] = field(default_factory=list)
    needs_person: list[str] = field(default_factory=list)
    seconds: float = 0.0
    cell_seconds: float = 0.0
    feedback: str = ""

    @property
    def automatic(self) -> float:
        """The points of the exercises, without free text and before anything is taken off."""
        return sum(self.scores.values())

    @property
    def unmarked(self) -> list[str]:
        """The free-text questions that wait to be marked."""
        return [name for name, score in self.manual.items() if score is None]


@dataclass
class ChapterReport:
    """One chapter of the class: exercises and questions with their points, and a row per student.

    `groups` maps an exercise to its groups of cases and their points, `sentences` an exercise and the name of a
    known mistake to what the student reads.
    """

    slug: str
    title: str
    maxima: dict[str, float]
    titles: dict[str, str]
    questions: dict[str, float]
    rows: list[Row]
    groups: dict[str, dict[str, float]] = field(default_factory=dict)
    sentences: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def graded(self) -> list[Row]:
        """The rows that have points."""
        return [row for row in self.rows if row.points is not None]

    @property
    def total(self) -> float:
        """What can be earned, free text included."""
        return sum(self.maxima.values()) + sum(self.questions.values())

    @property
    def automatic(self) -> float:
        """What can be earned in the exercises."""
        return sum(self.maxima.values())


def students_of(project: Project, chapter: Chapter) -> list[str]:
    """Everybody who handed in this chapter or has a record of it, in order."""
    there = {path.parent.name for path in (project.course / "submitted").glob(f"*/{chapter.slug}") if path.is_dir()}
    return sorted(there | {path.stem for path in results_folder(project, chapter.slug).glob("*.json")})


def gather(project: Project, chapter: Chapter, students: Iterable[str] | None = None) -> ChapterReport:
    """Read one chapter (default: of everybody who handed it in)."""
    marks = chapter_marks(project, chapter)
    report = ChapterReport(
        chapter.slug,
        chapter.title,
        {exercise.name: exercise.points for exercise in chapter.exercises},
        {exercise.name: exercise.card.title for exercise in chapter.exercises},
        {},
        [],
        {exercise.name: {group.name: group.points for group in exercise.groups} for exercise in chapter.exercises},
    )
    for student in students if students is not None else students_of(project, chapter):
        result = read_result(project, chapter.slug, student)
        if result is None:
            report.rows.append(
                Row(student, "not graded", None, needs_person=["It was handed in but has no grade yet."])
            )
        else:
            report.questions |= result.free_text
            report.rows.append(_row(report, result, marks.get(student)))
        page = project.feedback(chapter, student)
        if page.exists():
            report.rows[-1].feedback = quote(os.fsencode(page.relative_to(project.course)))
    return report


def _row(report: ChapterReport, result: Result, marks: Marks | None) -> Row:
    row = Row(
        result.student,
        result.status,
        None,
        notices=[notice[:WORDS] for notice in result.notices[:20]],
        needs_person=[sentence[:WORDS] for sentence in result.needs_person[:20]],
        seconds=result.seconds,
        cell_seconds=result.cell_seconds,
    )
    if result.status in (UNMATCHED, FAILED) or not result.exercises:
        return row
    for name, exercise in result.exercises.items():
        if name not in report.maxima:
            continue
        mark = marks.of_exercise(name) if marks else None
        score = mark.score if mark else None
        row.scores[name] = exercise.points if score is None else score
        row.states[name] = exercise.state
        if exercise.mistake:
            row.mistakes[name] = exercise.mistake
            report.sentences.setdefault(name, {}).setdefault(exercise.mistake, exercise.sentence[:WORDS])
        elif exercise.state in ("failed", "partial"):
            row.faults[name] = exercise.sentence.removeprefix(f"{name}: ")[:WORDS]
        failed = [group.name for group in exercise.groups if not group.passed]
        if failed and exercise.state != "blank":
            row.failed_groups[name] = failed
    for name in result.free_text:
        mark = marks.cells.get(name) if marks else None
        row.manual[name] = mark.standing if mark else None
    row.penalty = marks.penalty if marks else 0.0
    marked = sum(score for score in row.manual.values() if score is not None)
    row.points = max(0.0, row.automatic + marked - row.penalty)
    return row
