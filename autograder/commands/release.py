"""`autograder release`: what students get, in the course directory and, if wanted, as one archive."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Annotated

import typer

from autograder.commands.output import OK, AsJson, Slugs, chosen_chapters, finish
from autograder.project import current
from mechanisms.errors import UsageError


def release(
    slugs: Slugs = None,
    out: Annotated[
        Path | None, typer.Option("--zip", help="Also write the released notebooks into this archive.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Release chapters into the course directory with nbgrader; checks that no solution is in what students get."""
    from autograder.build.exercises import build_chapter
    from autograder.course import release_chapter

    project, rows = current(), []
    for chapter in chosen_chapters(project, slugs):
        build_chapter(project, chapter)
        changed = release_chapter(project, chapter)
        rows.append({"chapter": chapter.slug, "changed": changed, "notebook": str(project.release(chapter))})
    if out is not None:
        _archive(out, [Path(row["notebook"]) for row in rows])
    lines = [f"{row['chapter']}: {'released' if row['changed'] else 'unchanged'}, {row['notebook']}" for row in rows]
    if out is not None:
        lines.append(f"For your students: {out}")
    finish({"released": rows, "zip": str(out) if out else None}, as_json, lines)
    return OK


def _archive(path: Path, notebooks: list[Path]) -> None:
    if path.suffix != ".zip":
        raise UsageError(f"{path} must end in .zip.")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for notebook in notebooks:
            archive.write(notebook, f"{notebook.parent.name}/{notebook.name}")
