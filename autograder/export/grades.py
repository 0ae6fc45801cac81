"""Which points may leave the house, and why others may not.

- a total leaves only when every part of it stands: each exercise has its points, each free-text answer its mark;
- whatever needs a person, was not graded or disagrees with the gradebook is left empty and listed, never a 0;
- a person's mark goes before the grader's, extra credit counts, lateness is taken off (never below 0).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autograder.marks import Marks, chapter_marks
from autograder.nbg.results import FAILED, UNMATCHED, Result, read_result

if TYPE_CHECKING:
    from autograder.project import Project
    from autograder.specs.base import Chapter

LATE = "late penalty"


@dataclass
class Standing:
    """One student in one chapter. `items` maps exercises and questions to points; None: must not be exported.

    `doubts` says why, one sentence for each reason; `penalty` is what lateness costs, in points.
    """

    student: str
    status: str
    items: dict[str, float | None] = field(default_factory=dict)
    penalty: float = 0.0
    doubts: list[str] = field(default_factory=list)

    @property
    def total(self) -> float | None:
        """All points, lateness taken off; None unless every item has its points."""
        if not self.items or any(points is None for points in self.items.values()):
            return None
        return max(0.0, self._sum - self.penalty)

    @property
    def late(self) -> float | None:
        """What lateness takes off the total, as a number below 0 (or 0); None where there is no total."""
        return None if self.total is None else -min(self.penalty, self._sum)

    @property
    def _sum(self) -> float:
        return sum(points or 0.0 for points in self.items.values())


@dataclass
class ChapterGrades:
    """One chapter: its items with their points, in the notebook's order, and everybody's standing."""

    slug: str
    number: int
    title: str
    notebook: str
    items: dict[str, float]
    standings: list[Standing]

    @property
    def name(self) -> str:
        """What the assignment is called in a gradebook: "02 Factual recall"."""
        return f"{self.number:02d} {self.title}"

    @property
    def most(self) -> float:
        """What can be earned."""
        return sum(self.items.values())

    @property
    def any_late(self) -> bool:
        """Whether lateness cost anybody anything."""
        return any(standing.late for standing in self.standings)


def chapter_grades(project: Project, chapter: Chapter, students: list[str], looked_at: bool = False) -> ChapterGrades:
    """Everybody's standing in one chapter.

    `looked_at` says that a person has looked at the submissions that ask for it; their points then count as they
    are. What has no points (an exercise that was not found and not marked) stays empty all the same.
    """
    marks = chapter_marks(project, chapter)
    results = {student: read_result(project, chapter.slug, student) for student in students}
    items = {exercise.name: float(exercise.points) for exercise in chapter.exercises}
    for result in results.values():
        items |= result.free_text if result else {}
    standings = [_standing(student, results[student], marks.get(student), items, looked_at) for student in students]
    return ChapterGrades(chapter.slug, chapter.number, chapter.title, chapter.notebook, items, standings)


def _standing(
    student: str, result: Result | None, marks: Marks | None, items: dict[str, float], looked_at: bool
) -> Standing:
    nothing: dict[str, float | None] = dict.fromkeys(items)
    if result is None:
        return Standing(student, "not graded", nothing, doubts=["it has no grade yet"])
    if result.status in (UNMATCHED, FAILED):
        why = result.needs_person or [f"it is {result.status}"]
        return Standing(student, result.status, nothing, doubts=list(why))
    standing = Standing(student, result.status, penalty=marks.penalty if marks else 0.0)
    for name in items:
        if name in result.free_text:
            standing.items[name] = _question(name, marks, standing.doubts)
        else:
            standing.items[name] = _exercise(name, result, marks, standing.doubts)
    if result.needs_person and not looked_at and not _settled(result, marks):
        standing.doubts += [f"needs a person's look: {sentence}" for sentence in result.needs_person]
        standing.items = nothing
    return standing


def _exercise(name: str, result: Result, marks: Marks | None, doubts: list[str]) -> float | None:
    entry = result.exercises.get(name)
    mark = marks.of_exercise(name) if marks else None
    if mark is not None and mark.waiting:
        doubts.append(f"{name} waits for a person's mark")
    elif entry is None:
        doubts.append(f"{name} has no grade")
    elif mark is None and entry.state == "not found":
        doubts.append(f"{name} was not found in the notebook")
    elif mark is None:
        return entry.points
    elif mark.manual is None and abs((mark.auto or 0.0) - entry.points) > 1e-6:
        doubts.append(f"the gradebook and the grader's record disagree on {name}; run 'autograder grade'")
    else:
        return mark.standing
    return None


def _question(name: str, marks: Marks | None, doubts: list[str]) -> float | None:
    mark = marks.cells.get(name) if marks else None
    if mark is None or mark.waiting:
        doubts.append(f"free text {name} is not marked yet")
        return None
    return mark.standing


def _settled(result: Result, marks: Marks | None) -> bool:
    """Whether a person marked every exercise that could not be found, and nothing else asked for a look."""
    missing = [name for name, exercise in result.exercises.items() if exercise.state == "not found"]
    if not missing or marks is None or len(result.needs_person) > len(missing):
        return False
    found = [marks.of_exercise(name) for name in missing]
    return all(mark is not None and mark.manual is not None and not mark.waiting for mark in found)
