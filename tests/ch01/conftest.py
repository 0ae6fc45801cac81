"""What the tests of chapter 01 share: the functions of its solution, and its models."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.build.source import load_reference
from autograder.specs import chapters
from mechanisms import models

SOURCE = Path(__file__).resolve().parents[2] / "solutions" / "01_relational_tasks.py"


@pytest.fixture(scope="session")
def source():
    """The percent file of the chapter."""
    return SOURCE


@pytest.fixture(scope="session")
def solution():
    """The names of the notebook's setup and solution cells."""
    return load_reference(SOURCE, chapters()["01_relational_tasks"])


@pytest.fixture(scope="session")
def trained():
    """The shipped lab-relational."""
    return models.load("lab-relational")
