"""The tiny chapter's files in a temporary folder, which every check in these tests reads."""

from __future__ import annotations

import json

import pytest
import tiny

from autograder.build import snapshots
from mechanisms import models
from mechanisms.check import run

QUESTIONS = [
    {
        "id": "90.q1",
        "text": "What does a factor of 0 do to a row?",
        "choices": {"a": "nothing", "b": "makes it zero"},
        "answer": "b",
        "explain": {"a": "That is a factor of 1.", "b": "Every entry is multiplied by 0."},
    }
]


@pytest.fixture(autouse=True)
def tiny_models(monkeypatch):
    """Every model that a check asks for is a TinyModel."""
    monkeypatch.setattr(models, "load", lambda name="lab-lm", device=None, fresh=False: tiny.TinyModel())
    monkeypatch.setattr(run, "_models", {})


@pytest.fixture(scope="session")
def checks_folder(tmp_path_factory):
    """A folder with the tiny chapter's snapshots and questions."""
    folder = tmp_path_factory.mktemp("checks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "load", lambda name="lab-lm", device=None, fresh=False: tiny.TinyModel())
        patch.setattr(run, "_models", {})
        snapshots.write(tiny.CHAPTER, tiny.NAMESPACE, folder / "snapshots")
    (folder / "questions").mkdir()
    (folder / "questions" / "90_tiny.json").write_text(json.dumps(QUESTIONS))
    return folder


@pytest.fixture(autouse=True)
def course(monkeypatch, checks_folder):
    """Checks read the tiny chapter, and there is no book address."""
    monkeypatch.setenv("MECHANISMS_CHECKS", str(checks_folder))
    monkeypatch.setenv("MECHANISMS_BOOK", "")
