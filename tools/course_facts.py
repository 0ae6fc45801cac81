"""What the book's generated tables say of the chapters and exercises, as one JSON file.

- read from the exercises' specs, so that hours, points and links are never typed twice;
- kept in a file because the specs import PyTorch, which a rebuild of one page need not wait for;
- the Sphinx extension ``book/_ext/course_pages.py`` makes tables of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mechanisms import address
from mechanisms.files import atomic_write


def gather(root: Path) -> list[dict[str, Any]]:
    """One entry for each chapter, in order, with its exercises in theirs."""
    from autograder.project import Project

    project = Project(root=root)
    found = []
    for chapter in project.chapters.values():
        notebook = project.exercise(chapter).relative_to(root).as_posix()
        exercises = [
            {
                "name": exercise.name,
                "number": f"{chapter.number}.{place}",
                "title": exercise.card.title,
                "difficulty": exercise.card.difficulty,
                "minutes": exercise.card.minutes,
                "points": exercise.points,
                "paper": exercise.card.paper,
            }
            for place, exercise in enumerate(chapter.exercises, start=1)
        ]
        found.append(
            {
                "slug": chapter.slug,
                "number": chapter.number,
                "title": chapter.title,
                "page": chapter.page.partition("#")[0].removesuffix(".html"),
                "paper": chapter.paper,
                "models": list(chapter.models),
                "notebook": notebook,
                "colab": address.colab(notebook),
                "exercises": exercises,
            }
        )
    return found


def write(root: Path, target: Path) -> None:
    """Write the file when what it says has changed."""
    text = json.dumps(gather(root), indent=1, ensure_ascii=False)
    if not target.is_file() or target.read_text("utf-8") != text:
        target.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(target, text)
