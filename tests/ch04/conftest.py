"""What the tests of chapter 04 share: the functions of its solution, and its model."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.build.source import load_reference
from autograder.specs import chapters
from mechanisms import models

SOURCE = Path(__file__).resolve().parents[2] / "solutions" / "04_talking_heads.py"


@pytest.fixture(scope="session")
def source():
    """The percent file of the chapter."""
    return SOURCE


@pytest.fixture(scope="session")
def solution():
    """The names of the notebook's setup and solution cells."""
    return load_reference(SOURCE, chapters()["04_talking_heads"])


@pytest.fixture(scope="session")
def lists_model():
    """The shipped lab-list."""
    return models.load("lab-list")
