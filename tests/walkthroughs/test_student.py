"""A student from an empty folder to a passed check, by the words of their guide."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import urllib.error

import pytest
from fresh import ROOT, Lab, blocks

from autograder.build.source import read_source

pytestmark = pytest.mark.slow
STEP = "step_time"


def solution(name: str) -> str:
    """The right answer of an exercise of chapter 09."""
    cells = read_source(ROOT / "solutions" / "09_pretraining_budgets.py")
    return next(cell.text for cell in cells if cell.role == "solution" and cell.exercise == name)


def test_the_guide_begins_with_clone_and_setup():
    commands = [text for kind, text in blocks("student") if kind == "console"]
    assert commands[0].startswith("git clone https://") and commands[1:3] == ["cd mechanisms", "make setup"]
    assert "jupyter lab exercises/" in commands[3] and len(commands) == 7


def test_clone_and_setup(settled):
    assert (settled.checkout / "exercises" / "09_pretraining_budgets" / "pretraining_budgets.ipynb").is_file()


def test_jupyterlab_opens_the_notebook(settled):
    """The guide's own command. It prints an address, and there is the notebook."""
    command = next(text for kind, text in blocks("student") if "jupyter lab" in text)
    log = settled.home / "lab.log"
    root = " --allow-root" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
    with log.open("wb") as file:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command} --port=0{root}"], cwd=settled.checkout, env=settled.environment(),
            stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        lab = Lab(log, lambda: process.poll() is None)
        notebook = command.rsplit(" ", 1)[1]
        try:
            content = json.loads(lab.get(f"/api/contents/{notebook.rsplit('/', 1)[1]}"))
        except urllib.error.HTTPError:  # the server's folder is the one that it was started in
            listed = json.loads(lab.get("/api/contents/"))
            assert "exercises" in {one["name"] for one in listed["content"]}
            content = json.loads(lab.get(f"/api/contents/{notebook}"))
        assert content["type"] == "notebook" and len(content["content"]["cells"]) > 20
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_the_first_cell_says_nothing_is_wrong(kernel):
    assert kernel.shown.strip() == ""


@pytest.mark.parametrize("cell", [text for kind, text in blocks("student") if kind == "python"])
def test_every_cell_of_the_guide_runs(kernel, settled, cell):
    if "MECHANISMS_PROGRESS" in cell:
        cell = cell.replace("/content/drive/MyDrive", str(settled.home / "drive"))
        shown = kernel.run(cell)
        kernel.run("%env -u MECHANISMS_PROGRESS\nimport os; os.environ.pop('MECHANISMS_PROGRESS', None)")
        assert "mechanisms-progress.json" in shown
        return
    shown = kernel.run(cell)
    assert "Error" not in shown and shown.strip()
    words = {"doctor()": "Ready: all exercises", "progress()": "exercises done", "progress(export": "It is not a grade"}
    assert next(word for start, word in words.items() if cell.startswith(start)) in shown


def test_a_stub_a_wrong_and_a_right_answer(kernel, settled):
    assert f"{STEP} still raises NotImplementedError" in kernel.run(stub(kernel) + f"\ncheck({STEP})")
    head = stub(kernel).partition('    """')[0]
    wrong = kernel.run(f"{head}    return -1.0\n\ncheck({STEP})")
    assert "Not yet" in wrong and "Traceback" not in wrong
    assert "Passed" in kernel.run(f"{solution(STEP)}\n\ncheck({STEP})")
    kept = json.loads(settled.progress.read_text())["exercises"][f"ch09.{STEP}"]
    assert kept["attempts"] == 3 and kept["best"] == kept["of"]
    assert "1 of 72 exercises done" in kernel.run("progress()")


def stub(kernel) -> str:
    """The exercise as it is handed out."""
    return next(cell.source for cell in kernel.notebook.cells if cell.source.startswith(f"# exercise: ch09.{STEP}\n"))


def test_every_other_command_of_the_guide_runs(settled):
    for kind, command in blocks("student"):
        if kind == "console" and ("-m mechanisms" in command):
            assert settled.run(command).strip()
    page = (settled.checkout / "course-map.html").read_text("utf-8")
    assert "1 of 72 exercises done" in page


def test_the_file_for_the_teacher(kernel, settled):
    kernel.run('progress(export="my-progress.csv")')
    path = settled.checkout / "exercises" / "09_pretraining_budgets" / "my-progress.csv"
    rows = {row["exercise"]: row for row in csv.DictReader(path.read_text("utf-8").splitlines())}
    assert len(rows) == 72 and rows[STEP]["state"] == "done" and rows[STEP]["checks"] == "3"


def test_nothing_of_it_is_left_in_the_checkout_but_what_was_asked_for(settled):
    left = settled.run("git status --short").split()
    assert set(left[1::2]) <= {"course-map.html", "exercises/09_pretraining_budgets/my-progress.csv"}
