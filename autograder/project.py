"""Where everything of one course lives.

- knows the folders of the tracked files (solutions, exercises, snapshots, book);
- knows the course directory (submissions, gradebook, feedback), which is never tracked and which
  the environment variable MECHANISMS_COURSE moves;
- knows the chapters and finds one by its slug, with a clear sentence when there is none;
- can be replaced as a whole by MECHANISMS_PROJECT=module:function (the tests use a toy chapter).
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mechanisms.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.specs.base import Chapter

REPOSITORY = Path(__file__).resolve().parents[1]


def course_folder() -> Path:
    """The course directory: MECHANISMS_COURSE, or `course/` in the repository."""
    moved = os.environ.get("MECHANISMS_COURSE", "").strip()
    return Path(moved).expanduser().resolve() if moved else REPOSITORY / "course"


@dataclass(frozen=True)
class Project:
    """One course: its tracked files below `root`, its working files below `course`."""

    root: Path = REPOSITORY
    course: Path = field(default_factory=course_folder)
    only: Mapping[str, Chapter] | None = None

    @cached_property
    def chapters(self) -> Mapping[str, Chapter]:
        """Every chapter by its slug."""
        if self.only is not None:
            return self.only
        from autograder.specs import chapters

        return chapters()

    @property
    def snapshots(self) -> Path:
        """The folder with the public cases that the package ships."""
        return self.root / "mechanisms" / "check" / "snapshots"

    @property
    def book(self) -> Path:
        """The built book."""
        return self.root / "book" / "_build" / "html"

    def chapter(self, slug: str) -> Chapter:
        """The chapter named `slug` (or by its number). Raises UsageError when there is none."""
        if self.only is None:
            from autograder.specs import numbered

            found = numbered(slug)
        else:
            found = next((chapter for chapter in self.only.values() if slug in chapter.names), None)
        if found is not None:
            return found
        known = ", ".join(self.chapters) or "none yet"
        raise UsageError(f"There is no chapter '{slug}'; the chapters are: {known}.")

    def solution(self, chapter: Chapter) -> Path:
        """The percent file from which everything of the chapter is made."""
        return self.root / "solutions" / f"{chapter.slug}.py"

    def exercise(self, chapter: Chapter) -> Path:
        """The notebook a student opens."""
        return self.root / "exercises" / chapter.slug / f"{chapter.notebook}.ipynb"

    def source(self, chapter: Chapter) -> Path:
        """nbgrader's source notebook, solutions included, in the course directory."""
        return self.course / "source" / chapter.slug / f"{chapter.notebook}.ipynb"

    def release(self, chapter: Chapter) -> Path:
        """nbgrader's release notebook in the course directory: what submissions are matched against."""
        return self.course / "release" / chapter.slug / f"{chapter.notebook}.ipynb"

    def submission(self, chapter: Chapter, student: str) -> Path:
        """What one student handed in."""
        return self.course / "submitted" / student / chapter.slug / f"{chapter.notebook}.ipynb"

    def autograded(self, chapter: Chapter, student: str) -> Path:
        """The executed copy that nbgrader keeps."""
        return self.course / "autograded" / student / chapter.slug / f"{chapter.notebook}.ipynb"

    def feedback(self, chapter: Chapter, student: str) -> Path:
        """The page a student gets back."""
        return self.course / "feedback" / student / chapter.slug / f"{chapter.notebook}.html"


def current() -> Project:
    """The project of this process: MECHANISMS_PROJECT=module:function, or the repository's own."""
    named = os.environ.get("MECHANISMS_PROJECT", "").strip()
    if not named:
        return Project()
    module, _, function = named.partition(":")
    try:
        return getattr(importlib.import_module(module), function)()
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"MECHANISMS_PROJECT={named} does not name an importable module:function.") from error
