"""The setup cell that all notebooks share: it completes a hosted session and replaces nothing in it."""

from __future__ import annotations

import ast
import json
import os

import nbformat
import pytest
from colab_shape import BAITS, Shape

from autograder.build.setup_cell import setup_text
from autograder.nbg.identity import role_of
from autograder.project import current
from mechanisms import address, install
from mechanisms.errors import CourseError

CHECK = """
import torch
from mechanisms import check
from mechanisms.models import load

model = load("lab-lm")

def outcome_rates(*arguments, **named):
    raise NotImplementedError

try:
    check(outcome_rates, "outcome_rates")
except Exception as error:
    print("check says:", error)
print("the model gives", tuple(model(torch.tensor([[1, 2, 3]])).shape)[:2])
"""


@pytest.fixture(scope="module")
def shape(tmp_path_factory, course_wheel):
    """A hosted session in which the course's own small libraries are missing."""
    return Shape.make(tmp_path_factory.mktemp("colab"))


def spent() -> float:
    """Processor seconds of all programs that ended: a clock on the wall measures what else the machine does."""
    times = os.times()
    return times.children_user + times.children_system


@pytest.fixture(scope="module")
def session(shape, course_wheel):
    """What the setup cell printed in that session, twice, what it took, and the versions before and after."""
    before, started = shape.versions(), spent()
    cell = setup_text().replace(address.requirement(), f"mechanisms-course @ {course_wheel.as_uri()}")
    first = shape.run_cell("import torch, numpy", cell)
    took = spent() - started
    return {"first": first, "seconds": took, "before": before, "after": shape.versions(), "cell": cell}


@pytest.mark.slow
def test_nothing_that_was_there_is_replaced(shape, session):
    assert set(BAITS) <= set(session["before"]) and session["before"] == session["after"]
    done = shape.run("-m", "pip", "list", "--format", "json")
    versions = {row["name"].lower().replace("_", "-"): row["version"] for row in json.loads(done.stdout)}
    assert versions["jaxtyping"] != "99.0" and "transformer-lens" in versions and "open-clip-torch" in versions


@pytest.mark.slow
def test_an_installation_without_constraints_would_have_replaced_numpy(shape, tmp_path):
    """What the baits are for: without this the test above could not fail."""
    report = tmp_path / "report.json"
    done = shape.run("-m", "pip", "install", "-q", "--dry-run", "--report", str(report), "jaxtyping==99.0")
    assert done.returncode == 0, done.stderr
    planned = {one["metadata"]["name"]: one["metadata"]["version"] for one in json.loads(report.read_text())["install"]}
    assert planned["numpy"] == "99.0"


@pytest.mark.slow
def test_it_takes_less_than_a_minute(session):
    assert session["seconds"] < 60


@pytest.mark.slow
def test_it_says_what_it_did_and_the_second_time_does_nothing(shape, session):
    assert "Installing what is missing" in session["first"] and "transformer_lens" in session["first"]
    assert "torch, numpy and transformers are as they were" in session["first"]
    assert shape.run_cell(session["cell"]).strip() == ""


@pytest.mark.slow
def test_then_the_course_works_there(shape, session):
    shown = shape.run_cell(session["cell"], CHECK, "print(doctor())", "print(progress())")
    assert "outcome_rates still raises NotImplementedError" in shown and "the model gives (1, 3)" in shown
    assert "Ready: all exercises run here." in shown and "0 of 72 exercises done" in shown


def test_all_notebooks_begin_their_setup_with_the_same_text():
    project, text = current(), setup_text()
    ast.parse(text)
    assert address.repository() in text
    for chapter in project.chapters.values():
        notebook = nbformat.read(project.exercise(chapter), as_version=4)
        [first, *_] = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert role_of(first) == "setup" and first.source.startswith(text), chapter.slug
        assert text not in project.solution(chapter).read_text("utf-8")


@pytest.mark.parametrize(
    ("one", "other", "older"),
    [("2.13.0+cpu", "2.6", False), ("4.57.1", "5.9", True), ("5.9.0", "5.9", False), ("1.9", "1.10", True),
     ("2.0rc1", "2", False), ("weird", "1", True)],
)  # fmt: skip
def test_ages_are_told_by_number(one, other, older):
    assert (install.numbers(one) < install.numbers(other)) is older


def test_what_is_too_old_is_said_and_left(monkeypatch):
    monkeypatch.delenv("MECHANISMS_INSTALL", raising=False)
    monkeypatch.setattr(install, "version", lambda name: "1.0")
    monkeypatch.setattr(install, "_install", lambda *_: pytest.fail("installed something"))
    with pytest.raises(CourseError, match=r"transformers 1.0.*too old.*pip install -U .*\"transformers>=5"):
        install.complete()


def test_a_wrong_kernel_is_said_and_no_gigabytes_are_installed(monkeypatch):
    monkeypatch.delenv("MECHANISMS_INSTALL", raising=False)
    real = install.version

    def without_torch(name):
        if name == "torch":
            raise install.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(install, "version", without_torch)
    monkeypatch.setattr(install, "_install", lambda *_: pytest.fail("installed something"))
    with pytest.raises(CourseError, match=r"no PyTorch.*kernel.*mechanisms-course\[vision\]"):
        install.complete()


def test_a_failure_of_pip_is_one_sentence(monkeypatch, capsys):
    monkeypatch.delenv("MECHANISMS_INSTALL", raising=False)
    monkeypatch.setattr(install, "needs", lambda extras: [install.Need("no-such-library", "no-such-library")])
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(CourseError, match="could not install no-such-library"):
        install.complete()
    assert "Traceback" not in capsys.readouterr().out


def test_it_can_be_forbidden(monkeypatch):
    from autograder.sandbox.start import environment

    monkeypatch.setattr(install, "needs", lambda extras: pytest.fail("looked"))
    monkeypatch.setenv("MECHANISMS_INSTALL", "off")
    install.complete()
    assert environment()["MECHANISMS_INSTALL"] == "off"


def test_what_notebooks_need_is_what_the_project_says():
    names = {need.name.lower() for need in install.needs()}
    assert {"torch", "numpy", "transformers", "transformer_lens", "open_clip_torch", "ipywidgets"} <= names
    assert not {"nbgrader", "pytest", "distributed"} & names
    assert {need.name: need.lowest for need in install.needs()}["transformers"] == "5.9"
