"""One JSON file per student and chapter: what the grader found, for the class summary.

- written by the grader at the end of a notebook, or by the class run for a submission that could not be read;
- holds points, the mistake recognised, notices and what a person should look at; never a hidden input;
- lives in course/results/<chapter>/<student>.json and is replaced as a whole.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from mechanisms.files import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.project import Project

GRADED, UNREADABLE, FAILED = "graded", "unreadable", "failed"


@dataclass
class ExerciseResult:
    """One exercise: `mistake` and `sentence` say in words what went wrong, if anything."""

    title: str
    points: float
    max_points: float
    mistake: str = ""
    sentence: str = ""
    state: str = "answered"


@dataclass
class Result:
    """One submission. `needs_person` holds sentences; `free_text` maps questions to their points."""

    student: str
    chapter: str
    status: str = GRADED
    exercises: dict[str, ExerciseResult] = field(default_factory=dict)
    free_text: dict[str, float] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    needs_person: list[str] = field(default_factory=list)
    fingerprint: str = ""
    seconds: float = 0.0


def results_folder(project: Project, slug: str) -> Path:
    """Where the results of a chapter are kept."""
    return project.course / "results" / slug


def write_result(project: Project, result: Result) -> Path:
    """Store a result, replacing an older one."""
    folder = results_folder(project, result.chapter)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(result), indent=1, ensure_ascii=False, sort_keys=True)
    return atomic_write(folder / f"{result.student}.json", text + "\n")


def read_result(project: Project, slug: str, student: str) -> Result | None:
    """The stored result, or None when there is none or when it cannot be read."""
    try:
        data: dict[str, Any] = json.loads((results_folder(project, slug) / f"{student}.json").read_text("utf-8"))
        exercises = {name: ExerciseResult(**entry) for name, entry in data.pop("exercises").items()}
        return Result(exercises=exercises, **data)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
