"""`make exercises`: from solutions/*.py to exercises/**.ipynb, by nbgrader itself.

- builds the source notebook and runs `nbgrader generate_assignment` in a throw-away course directory;
- normalises the result (no outputs, sorted keys), scans it for leaks, and writes it when it changed;
- writes the public snapshots beside it;
- in check mode writes nothing and names what is stale.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

from autograder.build import snapshots
from autograder.build.leaks import scan
from autograder.build.release import release_assignment
from autograder.build.source import build_notebook, load_reference, write_notebook
from mechanisms.check import codec
from mechanisms.errors import BuildError
from mechanisms.files import atomic_write

if TYPE_CHECKING:
    from autograder.project import Project
    from autograder.specs.base import Chapter


MAY_FAIL = ("check", "demo", "paper")


@dataclass
class Built:
    """What became of one chapter: files written (or, in check mode, stale) and files that were right already."""

    chapter: str
    changed: list[Path] = field(default_factory=list)
    unchanged: list[Path] = field(default_factory=list)


def release_text(source: nbformat.NotebookNode, chapter: Chapter) -> str:
    """The release notebook as text: nbgrader's generate_assignment on `source`, then normalised."""
    with tempfile.TemporaryDirectory(prefix="mechanisms-") as folder:
        course = Path(folder).resolve()
        path = course / "source" / chapter.slug / f"{chapter.notebook}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(write_notebook(source), encoding="utf-8")
        release_assignment(course, chapter.slug)
        released = course / "release" / chapter.slug / f"{chapter.notebook}.ipynb"
        return write_notebook(normalised(nbformat.read(released, as_version=4)))


def normalised(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The same notebook without outputs, counters or anything else that depends on when it was made.

    Cells that an unwritten exercise makes fail are marked so, or "Run all" would stop at the first of them.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
            cell.execution_count = None
            if cell.metadata.get("mechanisms", {}).get("role") in MAY_FAIL:
                cell.metadata["tags"] = sorted({*cell.metadata.get("tags", []), "raises-exception"})
        for key in ("execution", "collapsed", "ExecuteTime"):
            cell.metadata.pop(key, None)
    notebook.metadata = {key: notebook.metadata[key] for key in ("kernelspec", "language_info", "mechanisms")}
    return notebook


def build_chapter(project: Project, chapter: Chapter, check: bool = False) -> Built:
    """Build the exercise notebook and the snapshot of one chapter. With `check`, nothing is written.

    Raises BuildError when the source is wrong or when the release would leak.
    """
    built = Built(chapter.slug)
    source = build_notebook(project.solution(chapter), chapter)
    text = release_text(source, chapter)
    namespace = load_reference(project.solution(chapter), chapter)
    public = snapshots.build(chapter, namespace)
    leaks = scan(nbformat.reads(text, as_version=4), source, expected_values(public))
    if leaks:
        raise BuildError(f"The release of {chapter.slug} would give away {len(leaks)} thing(s); first, {leaks[0]}.")
    _update(project.exercise(chapter), text.encode("utf-8"), built, check)
    _update_snapshot(project, chapter, namespace, public, built, check)
    return built


def _update_snapshot(
    project: Project, chapter: Chapter, namespace: dict[str, Any], tree: dict[str, Any], built: Built, check: bool
) -> None:
    """The public cases; files that differ by rounding only are left as they are."""
    paths = list(codec.files(snapshots.stem(chapter, project.snapshots)))
    if not snapshots.stale(chapter, namespace, project.snapshots, tree=tree):
        built.unchanged += paths
        return
    built.changed += paths
    if not check:
        snapshots.write(chapter, namespace, project.snapshots, tree=tree)


def expected_values(snapshot: dict[str, Any]) -> list[Any]:
    """Every expected value tree of a snapshot."""
    return [case["expected"] for exercise in snapshot["exercises"].values() for case in exercise["cases"]]


def _update(path: Path, content: bytes, built: Built, check: bool) -> None:
    if path.exists() and path.read_bytes() == content:
        built.unchanged.append(path)
        return
    built.changed.append(path)
    if not check:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, content)
