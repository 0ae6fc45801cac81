"""`autograder collect`: what students handed in, from an archive or a folder into the course directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.commands.output import STALE, AsJson, finish
from autograder.project import current

if TYPE_CHECKING:
    from autograder.archives import Collected

Sources = Annotated[
    list[Path],
    typer.Argument(
        metavar="ARCHIVE_OR_FOLDER...",
        help="Canvas's or Moodle's export (zip or tar), or a folder like it.",
    ),
]


def collect(
    sources: Sources,
    chapter: Annotated[str, typer.Option("--chapter", help="The chapter, by slug or number, that it is all for.")] = "",
    as_json: AsJson = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would be done.")] = False,
) -> int:
    """Put submissions where they are graded; exit 1 when a file could not be placed and a person has to look."""
    from autograder.archives import collect as collected_from

    project = current()
    collected = collected_from(project, sources, project.chapter(chapter) if chapter else None, dry_run)
    finish({**collected.as_json(), "dry_run": dry_run}, as_json, _lines(collected, dry_run))
    return STALE if collected.needs_person else 0


def _lines(collected: Collected, dry_run: bool) -> list[str]:
    lines = [f"  {line}" for line in collected.lines]
    counts = collected.as_json()["counts"]
    told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "no file was found"
    lines.append(f"{told}{' (nothing was written)' if dry_run else ''}")
    if collected.needs_person:
        lines.append("A person has to look at:")
        lines += [f"  {line}" for line in collected.needs_person]
    return lines
