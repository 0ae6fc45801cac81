"""`autograder exercises`: the notebooks of exercises/ and the public check snapshots, from solutions/."""

from __future__ import annotations

from typing import Annotated

import typer

from autograder.commands.output import STALE, Slugs, chosen_chapters, out, shown
from autograder.project import current


def exercises(
    slugs: Slugs = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when a file is stale.")] = False,
) -> int:
    """Generate exercises/ and the public check snapshots from solutions/."""
    from autograder.build.exercises import build_chapter
    from autograder.course import release_chapter

    project, stale = current(), 0
    for chapter in chosen_chapters(project, slugs):
        built = build_chapter(project, chapter, check=check)
        if check:
            for path in built.changed:
                stale += 1
                out.print(f"{shown(path, project)} is stale: run 'make exercises' and commit it.")
            continue
        release_chapter(project, chapter)
        for path in built.changed:
            out.print(f"wrote {shown(path, project)}")
        out.print(f"{chapter.slug}: {len(built.changed)} written, {len(built.unchanged)} unchanged, no leak found")
    return STALE if stale else 0
