"""What an export did, for the person who ran it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from autograder.export.grades import ChapterGrades


@dataclass
class LeftOut:
    """One thing that was left empty, and why."""

    student: str
    chapter: str
    why: str


@dataclass
class Outcome:
    """`texts` maps file names to contents; `filled` counts the cells that got points."""

    texts: dict[str, str] = field(default_factory=dict)
    filled: int = 0
    left_out: list[LeftOut] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def doubts(self, grades: ChapterGrades) -> None:
        """List everything in a chapter that must not be exported."""
        for standing in grades.standings:
            self.left_out += [LeftOut(standing.student, grades.slug, why) for why in standing.doubts]

    def as_json(self) -> dict[str, Any]:
        """Plain data, without the contents."""
        return {
            "filled": self.filled,
            "left_out": [asdict(entry) for entry in self.left_out],
            "warnings": self.warnings,
        }
