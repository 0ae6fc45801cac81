"""The course as a list of chapters, each with what has been done of it.

- ``overview(record)`` joins the shipped exercises and questions with a record of what was done;
- a state is one of "done", "partly", "tried" and "open"; points never exceed what an exercise gives today.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from mechanisms.check.places import folder
from mechanisms.errors import BadData
from mechanisms.progress.record import Record

DONE, PARTLY, TRIED, OPEN = "done", "partly", "tried", "open"


@dataclass(frozen=True)
class ExerciseState:
    """One exercise: its name, title and page of the book, its points and the best so far, how often it was tried."""

    identity: str
    name: str
    title: str
    page: str
    points: float
    best: float
    attempts: int
    first: str
    last: str
    full: str

    @property
    def state(self) -> str:
        if self.attempts and self.best >= self.points:
            return DONE
        if self.best > 0:
            return PARTLY
        return TRIED if self.attempts else OPEN


@dataclass(frozen=True)
class QuestionState:
    """One question of ``predict``: the first choice, or an empty text, and whether it was right."""

    identity: str
    choice: str
    right: bool
    when: str


@dataclass(frozen=True)
class ChapterState:
    """One chapter with its exercises and questions, in the order of its notebook."""

    slug: str
    title: str
    exercises: tuple[ExerciseState, ...]
    questions: tuple[QuestionState, ...]

    @property
    def number(self) -> str:
        return self.slug.split("_")[0]

    @property
    def page(self) -> str:
        """The chapter's page in the book, without a place in it."""
        return next((one.page.split("#")[0] for one in self.exercises if one.page), "")

    @property
    def points(self) -> float:
        return round(sum(one.points for one in self.exercises), 6)

    @property
    def best(self) -> float:
        return round(sum(one.best for one in self.exercises), 6)

    @property
    def done(self) -> int:
        """How many exercises have earned everything."""
        return sum(one.state == DONE for one in self.exercises)

    @property
    def state(self) -> str:
        if self.done == len(self.exercises):
            return DONE
        return PARTLY if self.best > 0 else TRIED if any(one.attempts for one in self.exercises) else OPEN

    @property
    def following(self) -> ExerciseState | None:
        """The first exercise that is not done."""
        return next((one for one in self.exercises if one.state != DONE), None)


def overview(record: Record) -> tuple[ChapterState, ...]:
    """Every chapter whose exercises are shipped. Raises BadData when one of the shipped files is damaged."""
    found = []
    for path in sorted((folder() / "snapshots").glob("*.json")):
        questions = folder() / "questions" / path.name
        try:
            chapter = json.loads(path.read_text(encoding="utf-8"))
            exercises = tuple(_exercise(entry, record) for entry in chapter["exercises"].values())
            listed = json.loads(questions.read_text(encoding="utf-8")) if questions.exists() else []
            listed = listed["questions"] if isinstance(listed, dict) else listed
            asked = tuple(_question(str(entry["id"]), record) for entry in listed)
            found.append(ChapterState(path.stem, str(chapter["title"]), exercises, asked))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise BadData(f"The file {path.name} of the course is damaged: reinstall the course package.") from None
    return tuple(found)


def _exercise(entry: dict, record: Record) -> ExerciseState:
    kept = record.exercises.get(entry["id"])
    points = float(entry["points"])
    return ExerciseState(
        identity=entry["id"],
        name=entry["function"],
        title=entry.get("title", ""),
        page=entry.get("page", ""),
        points=points,
        best=min(kept.best, points) if kept else 0.0,
        attempts=kept.attempts if kept else 0,
        first=kept.first if kept else "",
        last=kept.last if kept else "",
        full=kept.full if kept else "",
    )


def _question(identity: str, record: Record) -> QuestionState:
    kept = record.predictions.get(identity)
    if kept is None:
        return QuestionState(identity, "", False, "")
    return QuestionState(identity, kept.choice, kept.right, kept.when)
