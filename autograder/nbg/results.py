"""One JSON file per student and chapter: what the grader found, for the class summary.

- written by the grader at the end of a notebook, or by the class run for a submission that could not be read;
- holds points, the mistake recognised, notices and what a person should look at; never a hidden input;
- lives in course/results/<chapter>/<student>.json and is replaced as a whole.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from mechanisms.check.calls import listed
from mechanisms.files import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.project import Project

# How a submission ends. FAILED is the grader's own fault, never a student's: it is tried again by the next run.
GRADED, PARTLY, UNMATCHED, FAILED = "graded", "partly matched", "cannot be matched", "failed"


@dataclass
class GroupResult:
    """One group of hidden cases: of `cases` cases the first that failed was number `failing` (None: all passed).

    `sentence` says what was wrong with it without telling an input or an expected value; `hint` is the spec's.
    """

    name: str
    points: float
    earned: float
    passed: bool
    cases: int
    failing: int | None = None
    sentence: str = ""
    hint: str = ""


@dataclass
class ExerciseResult:
    """One exercise: `mistake` and `sentence` say in words what went wrong, if anything.

    `state` is passed, partial, failed, blank or "not found"; `page` is the exercise's place in the built book. `below`
    names the exercises of the chapter that the answer uses and that are not right, where no mistake was recognised.
    """

    title: str
    points: float
    max_points: float
    mistake: str = ""
    sentence: str = ""
    state: str = "answered"
    groups: list[GroupResult] = field(default_factory=list)
    page: str = ""
    below: list[str] = field(default_factory=list)

    @property
    def below_sentence(self) -> str:
        """What to mend first, or nothing."""
        if not self.below:
            return ""
        them = "is not right yet. Mend it first" if len(self.below) == 1 else "are not right yet. Mend them first"
        names = listed(f"`{name}`" for name in self.below)
        return f"Your answer uses your {names}, which {them}: this one may be right as it is."


@dataclass
class Result:
    """One submission. `needs_person` holds sentences; `free_text` maps questions to their points.

    `seconds` is the wall time of grading it, `cell_seconds` that of the student's own cells in it, `version` the
    grader's version (a hash of everything a grade depends on but the submission), `graded_at` an ISO time in UTC.
    """

    student: str
    chapter: str
    status: str = GRADED
    exercises: dict[str, ExerciseResult] = field(default_factory=dict)
    free_text: dict[str, float] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    needs_person: list[str] = field(default_factory=list)
    fingerprint: str = ""
    seconds: float = 0.0
    cell_seconds: float = 0.0
    version: str = ""
    graded_at: str = ""


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
        return result_from(data)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def result_from(data: dict[str, Any]) -> Result:
    """The result that `dataclasses.asdict` made `data` of. Raises KeyError or TypeError when it is none."""
    data = dict(data)
    exercises = {}
    for name, entry in data.pop("exercises").items():
        groups = [GroupResult(**group) for group in entry.get("groups", [])]
        exercises[name] = ExerciseResult(**{**entry, "groups": groups})
    return Result(exercises=exercises, **data)
