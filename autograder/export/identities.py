"""Who a student is in the learning-management system.

- read from course/lms.json, which `autograder collect` writes (`autograder.archives.table` describes it) and to which
  a person may add "email", "login", "sis_id" and "section";
- without that file a student is the name of the folder, which often is the login or the e-mail address.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograder.project import Project


@dataclass(frozen=True)
class Identity:
    """One student; what is not known is empty.

    `canvas_id` is Canvas's number of the user. `participants` maps chapters to Moodle's participant numbers: Moodle
    gives a student another one in each assignment, so that of one chapter must never be used for another.
    """

    student: str
    name: str = ""
    email: str = ""
    login: str = ""
    sis_id: str = ""
    section: str = ""
    canvas_id: str = ""
    participants: Mapping[str, str] = field(default_factory=dict)


def read_identities(project: Project) -> dict[str, Identity]:
    """What course/lms.json says, by student; empty when there is no such file or it cannot be read."""
    try:
        students = json.loads((project.course / "lms.json").read_text("utf-8"))["students"]
        entries = {name: entry for name, entry in students.items() if isinstance(entry, dict)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {name: _identity(name, entry) for name, entry in entries.items()}


def _identity(student: str, entry: dict[str, Any]) -> Identity:
    lms, submissions = _text(entry, "lms"), entry.get("submissions")
    participants = {}
    if lms == "moodle" and isinstance(submissions, dict):
        found = {slug: _text(about, "user_id") for slug, about in submissions.items() if isinstance(about, dict)}
        participants = {slug: number for slug, number in found.items() if number}
    return Identity(
        student,
        *(_text(entry, name) for name in ("name", "email", "login", "sis_id", "section")),
        canvas_id=_text(entry, "user_id") if lms == "canvas" else "",
        participants=participants,
    )


def _text(entry: dict[str, Any], name: str) -> str:
    value = entry.get(name)
    return value.strip() if isinstance(value, str) else ""
