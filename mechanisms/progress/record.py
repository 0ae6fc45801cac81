"""The file of what was done: one small JSON file in the student's own folder.

- ``note_check`` and ``note_prediction`` add to it, ``read`` gives what it holds, ``location`` says where it is;
- it is ``~/.mechanisms/progress.json``; the variable MECHANISMS_PROGRESS names another file, or "off" for none;
- it is written only where a person works: in a notebook or an interactive Python, never while something is graded;
- a damaged file is set aside and one that cannot be written is left alone, each with one sentence: a note that fails
  never costs a check.

Nothing is sent anywhere, and nobody's grade is read from here.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mechanisms.errors import CourseError
from mechanisms.files import atomic_write

VERSION = 1
VARIABLE = "MECHANISMS_PROGRESS"
_OFF = {"off", "no", "none", "0", "false"}
_LARGEST = 4 * 2**20
_PATIENCE = 1.0  # seconds to wait for another notebook that is writing


@dataclass
class ExerciseRecord:
    """One exercise: best points and the most there were, number of checks, when it was first and last checked and when
    it first earned everything (UTC, ISO 8601; empty: not yet)."""

    best: float
    of: float
    attempts: int
    first: str
    last: str
    full: str = ""


@dataclass
class PredictionRecord:
    """One question: the first choice, whether it was right, and when."""

    choice: str
    right: bool
    when: str


@dataclass
class Record:
    """Everything that was done, by exercise ("ch02.scale_head") and by question ("02.q1")."""

    exercises: dict[str, ExerciseRecord] = field(default_factory=dict)
    predictions: dict[str, PredictionRecord] = field(default_factory=dict)


class Damaged(CourseError):
    """The file cannot be read as a record."""


class Newer(CourseError):
    """The file was written by a later version of the course."""


_told: set[str] = set()


def location() -> Path | None:
    """The file, or None when the student has switched it off."""
    named = os.environ.get(VARIABLE, "").strip()
    if named.lower() in _OFF:
        return None
    return Path(named).expanduser() if named else Path.home() / ".mechanisms" / "progress.json"


def read(path: Path) -> Record:
    """What the file holds; an empty record when there is none. Raises Damaged, Newer or OSError."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return Record()
    try:
        if len(content) > _LARGEST:
            raise ValueError("too large")
        tree = json.loads(content.decode("utf-8"))
        if type(tree["version"]) is int and tree["version"] > VERSION:
            raise Newer(
                f"{path} was written by a newer version of the course; nothing is noted until you install that one."
            )
        if type(tree["version"]) is not int or tree["version"] != VERSION:
            raise ValueError("no version")
        exercises = {str(name): _exercise(**entry) for name, entry in tree["exercises"].items()}
        predictions = {str(name): _prediction(**entry) for name, entry in tree["predictions"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Damaged(f"{path} is damaged.") from None
    return Record(exercises, predictions)


def _exercise(**entry: Any) -> ExerciseRecord:
    made = ExerciseRecord(**entry)
    numbers = (made.best, made.of)
    if not all(type(value) in (int, float) and math.isfinite(value) and value >= 0 for value in numbers):
        raise ValueError("points are no number")
    if type(made.attempts) is not int or made.attempts < 0:
        raise ValueError("attempts are no number")
    if not all(type(value) is str for value in (made.first, made.last, made.full)):
        raise ValueError("a time is no text")
    return made


def _prediction(**entry: Any) -> PredictionRecord:
    made = PredictionRecord(**entry)
    if type(made.choice) is not str or type(made.right) is not bool or type(made.when) is not str:
        raise ValueError("a prediction of the wrong kind")
    return made


def write(path: Path, record: Record) -> None:
    """Replace the file as a whole. Raises CourseError."""
    tree = {"version": VERSION, **asdict(record)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CourseError(f"{path.parent} cannot be made ({error.strerror or error}).") from None
    atomic_write(path, json.dumps(tree, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def note_check(identity: str, points: float, maximum: float) -> str:
    """Add one check of an exercise. Returns a sentence when something is to be said, else an empty text."""

    def add(record: Record, now: str) -> None:
        kept = record.exercises.get(identity) or ExerciseRecord(0.0, maximum, 0, now, now)
        record.exercises[identity] = ExerciseRecord(
            best=max(kept.best, float(points)),
            of=float(maximum),
            attempts=kept.attempts + 1,
            first=kept.first,
            last=now,
            full=kept.full or (now if points >= maximum > 0 else ""),
        )

    return _note(add)


def note_prediction(question: str, choice: str, right: bool) -> str:
    """Add the first choice for a question; later ones change nothing. Returns a sentence or an empty text."""
    return _note(lambda record, now: record.predictions.setdefault(question, PredictionRecord(choice, right, now)))


def _note(add: Any) -> str:
    try:
        path = location() if _somebody_works_here() else None
        if path is None:
            return ""
        with _alone(path.parent):
            record, sentence = _readable(path)
            add(record, datetime.now(UTC).isoformat(timespec="seconds"))
            write(path, record)
        return sentence
    except Newer as problem:
        return _once(problem.message)
    except Exception as error:  # whatever it is, a student's check goes on
        reason = error.message if isinstance(error, CourseError) else str(error)
        return _once(
            f"Your progress could not be noted: {reason.rstrip('.')}. Your checks are not affected; "
            f"the variable {VARIABLE} can name a file that can be written, or say off."
        )


def _readable(path: Path) -> tuple[Record, str]:
    """The record, and a sentence if a damaged file had to be set aside; that one is kept."""
    try:
        return read(path), ""
    except Damaged:
        aside = _free_name(path)
        os.replace(path, aside)
        return Record(), (
            f"The file of your progress was damaged: it was set aside as {aside}, and a new one was begun. "
            "Your notebooks and checks are not affected."
        )


def _free_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.stem}.damaged-{number}{path.suffix}")).exists():
        number += 1
    return aside


def _once(sentence: str) -> str:
    if sentence in _told:
        return ""
    _told.add(sentence)
    return sentence


def _somebody_works_here() -> bool:
    """Whether this is a notebook or interactive Python, or a file was named; never while nbgrader runs a notebook."""
    if os.environ.get("NBGRADER_EXECUTION"):
        return False
    if os.environ.get(VARIABLE, "").strip():
        return True
    ipython = sys.modules.get("IPython")
    return (ipython is not None and ipython.get_ipython() is not None) or hasattr(sys, "ps1")


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep two notebooks from writing at the same time, where the system can; a slow one is not waited for for long."""
    descriptor = None
    try:
        import fcntl  # not on Windows

        descriptor = os.open(folder, os.O_RDONLY)
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    break
                time.sleep(0.005)
    except (ImportError, OSError):
        pass  # no such lock here, or no folder yet: the rename at the end of a write still leaves a whole file
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)
