"""What the tests of chapter 08 share: the functions of its solution, and its model."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.build.source import load_reference
from autograder.specs import chapters
from mechanisms import models

SOURCE = Path(__file__).resolve().parents[2] / "solutions" / "08_binding_in_clip.py"


@pytest.fixture(scope="session")
def solution():
    """The names of the notebook's setup and solution cells."""
    return load_reference(SOURCE, chapters()["08_binding_in_clip"])


@pytest.fixture(scope="session")
def clip():
    """The shipped lab-clip."""
    return models.load("lab-clip")
