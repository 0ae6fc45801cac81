"""Running nbgrader's own steps from Python, with the shipped configuration.

- loads nbgrader_config.py exactly as the nbgrader command does;
- runs generate_assignment in a course directory and turns its failure into one sentence;
- hands out the `NbGraderAPI` that the class run uses, one process for the whole class.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.project import REPOSITORY
from mechanisms.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator


class ExercisesChanged(BuildError):
    """The gradebook holds submissions for another list of exercises, so nbgrader refuses to release the new one."""


def nbgrader_api(course: Path) -> Any:
    """nbgrader's Python interface for one course directory, configured by nbgrader_config.py."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import PyFileConfigLoader

    logging.getLogger("alembic").setLevel(logging.WARNING)
    with course_variable(course):
        config = PyFileConfigLoader("nbgrader_config.py", path=str(REPOSITORY)).load_config()
    config.CourseDirectory.root = str(course)
    _own_programs_first()
    return NbGraderAPI(config=config)


def _own_programs_first() -> None:
    """nbgrader starts alembic by its bare name: let it be the one beside this Python, activated or not."""
    ours = str(Path(sys.executable).parent)
    parts = os.environ.get("PATH", "").split(os.pathsep)
    if ours not in parts:
        os.environ["PATH"] = os.pathsep.join([ours, *parts])


@contextmanager
def course_variable(course: Path) -> Iterator[None]:
    """Set MECHANISMS_COURSE for a while, so that whatever nbgrader loads finds the same course directory.

    nbgrader's own warnings about its database sessions are of no use to anybody and stay out of the way.
    """
    old = os.environ.get("MECHANISMS_COURSE")
    os.environ["MECHANISMS_COURSE"] = str(course)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"nbgrader\.")
            yield
    finally:
        if old is None:
            os.environ.pop("MECHANISMS_COURSE", None)
        else:
            os.environ["MECHANISMS_COURSE"] = old


def release_assignment(course: Path, slug: str) -> None:
    """`nbgrader generate_assignment <slug>` in a course directory. Raises BuildError with nbgrader's reason."""
    with course_variable(course):
        outcome = nbgrader_api(course).generate_assignment(slug, force=True)
    if outcome["success"]:
        return
    text = f"{outcome.get('log') or ''}\n{outcome.get('error') or ''}"
    if "submissions associated" in text:
        raise ExercisesChanged(
            f"The gradebook in {course} holds submissions for an older list of exercises of {slug}; keep that course "
            "directory as it is and start a new one (set MECHANISMS_COURSE to an empty folder)."
        )
    reasons = [line.strip() for line in text.splitlines() if "Error" in line and not line.startswith("  ")]
    raise BuildError(f"nbgrader could not release {slug}: {reasons[-1] if reasons else 'see its log.'}")
