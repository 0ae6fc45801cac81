"""What every subcommand prints with.

- ``out`` writes lines for a person to standard output, ``note`` to standard error (progress, warnings);
- ``AsJson`` is the option ``--json`` of every subcommand;
- ``chosen_chapters`` gives the chapters named on the command line, ``shown`` a path as a person reads it;
- ``finish(payload, as_json, lines)`` ends a subcommand: one JSON object on standard output, or lines for a person.

With ``--json`` standard output holds the JSON object and nothing else; progress and warnings go to standard error.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from mechanisms.errors import CourseError

if TYPE_CHECKING:
    from autograder.project import Project
    from autograder.specs.base import Chapter

OK, STALE, IMPOSSIBLE, INTERRUPTED = 0, 1, 3, 130

out = Console(highlight=False, soft_wrap=True)
note = Console(stderr=True, highlight=False, soft_wrap=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines for a person.")]
Slugs = Annotated[list[str] | None, typer.Argument(help="Chapters by slug or number; all of them when none is named.")]


def finish(payload: dict[str, Any], as_json: bool, lines: Iterable[str]) -> None:
    """Print ``payload`` as JSON, or ``lines`` as they are (text that came from outside is shown, never marked up)."""
    if as_json:
        print(json.dumps(payload, indent=1, ensure_ascii=False, sort_keys=True))
        return
    for line in lines:
        out.print(escape(line))


def chosen_chapters(project: Project, slugs: Iterable[str] | None) -> list[Chapter]:
    """The chapters named by slug or number, or all. Raises UsageError for an unknown one."""
    chosen = [project.chapter(slug) for slug in slugs] if slugs else list(project.chapters.values())
    if not chosen:
        raise CourseError("There is no chapter yet: add a spec to autograder/specs/.")
    return chosen


def shown(path: Path, project: Project) -> str:
    """A path below the project without the project's own, safe to print."""
    return escape(str(path.relative_to(project.root) if path.is_relative_to(project.root) else path))
