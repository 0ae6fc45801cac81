"""A course directory beside the attacked one, for attacks on what collects and exports.

- ``course_beside`` gives the arena's project with a fresh course directory: a release, no submission;
- ``honest_notebook`` is a right submission as bytes.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import Any

from attack_kit import Attack, notebook_of


def course_beside(arena: Any, name: str) -> Any:
    """The arena's project in another course directory, which is made anew."""
    course = arena.root.parent / f"{arena.root.name}-{name}"
    shutil.rmtree(course, ignore_errors=True)
    course.mkdir()
    for folder in ("source", "release"):
        shutil.copytree(arena.course / folder, course / folder)
    for folder in ("submitted", "results"):
        (course / folder).mkdir()
    shutil.copy(arena.course / "gradebook.db", course / "gradebook.db")
    return replace(arena.project, course=course)


def honest_notebook(arena: Any) -> bytes:
    """A right submission."""
    return json.dumps(notebook_of(Attack(tries="nothing"), arena.release)).encode()
