"""`make exercises`, its check mode, and nbgrader's own commands on the result."""

from __future__ import annotations

import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from autograder.build import exercises
from autograder.build.exercises import build_chapter
from autograder.build.source import build_notebook
from autograder.project import REPOSITORY
from mechanisms.errors import BuildError


@pytest.fixture(scope="module")
def built(toy, chapter):
    """The toy chapter after the first build."""
    return build_chapter(toy, chapter)


def test_first_everything_then_nothing_is_written(toy, chapter, built):
    assert [path.name for path in built.changed] == ["toy.ipynb", "90_toy.json", "90_toy.safetensors"]
    again = build_chapter(toy, chapter)
    assert again.changed == [] and len(again.unchanged) == 3


def test_check_mode_names_stale_files_and_writes_nothing(toy, chapter, built):
    path = toy.exercise(chapter)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"Hint", b"Help"))
    try:
        found = build_chapter(toy, chapter, check=True)
        assert found.changed == [path] and b"Help" in path.read_bytes()
    finally:
        path.write_bytes(content)
    snapshot = toy.snapshots / "90_toy.json"
    content = snapshot.read_bytes()
    snapshot.write_bytes(content.replace(b'"points": 3.0', b'"points": 4.0').replace(b'"points":3.0', b'"points":4.0'))
    try:
        assert snapshot in build_chapter(toy, chapter, check=True).changed
    finally:
        snapshot.write_bytes(content)


def test_a_leak_stops_the_release(toy, chapter, built, monkeypatch):
    real = exercises.release_text

    def leaky(source, chapter):
        return real(source, chapter).replace("Nothing here needs", "doubled_values = [2 * value for value in values]")

    monkeypatch.setattr(exercises, "release_text", leaky)
    before = toy.exercise(chapter).read_bytes()
    with pytest.raises(BuildError, match="would give away"):
        build_chapter(toy, chapter)
    assert toy.exercise(chapter).read_bytes() == before


def test_the_solution_notebook_runs_and_earns_everything(toy, chapter, built):
    notebook = build_notebook(toy.solution(chapter), chapter)
    notebook.cells = [cell for cell in notebook.cells if cell.metadata.mechanisms.role != "paper"]
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    points = [
        output["data"]["text/plain"]
        for cell in notebook.cells
        if cell.metadata.mechanisms.role == "check"
        for output in cell.outputs
        if output.output_type == "execute_result"
    ]
    assert [float(text) for text in points] == [5.0, 8.0]


def test_the_nbgrader_command_works_with_the_shipped_configuration(toy, chapter, built, tmp_path, monkeypatch):
    """generate_assignment, autograde and generate_feedback as an instructor types them."""
    monkeypatch.setenv("MECHANISMS_COURSE", str(tmp_path))
    source = tmp_path / "source" / "90_toy" / "toy.ipynb"
    source.parent.mkdir(parents=True)
    notebook = build_notebook(toy.solution(chapter), chapter)
    nbformat.write(notebook, source)
    submitted = tmp_path / "submitted" / "ada" / "90_toy" / "toy.ipynb"
    submitted.parent.mkdir(parents=True)
    nbformat.write(notebook, submitted)
    for step in ("generate_assignment", "autograde", "generate_feedback"):
        command = [sys.executable, "-m", "nbgrader", step, "90_toy"]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr[-2000:]
    page = (tmp_path / "feedback" / "ada" / "90_toy" / "toy.html").read_text("utf-8")
    assert "feedback for ada" in page
    assert "5 of 5 points" in page and "8 of 8 points" in page
