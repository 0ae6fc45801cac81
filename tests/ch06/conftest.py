"""What the tests of chapter 06 share: the functions of its solution, its language and its models."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.build.source import load_reference
from autograder.specs import chapters
from mechanisms import models
from mechanisms.data.dual_process import World

SOURCE = Path(__file__).resolve().parents[2] / "solutions" / "06_dual_process.py"


@pytest.fixture(scope="session")
def source():
    """The percent file of the chapter."""
    return SOURCE


@pytest.fixture(scope="session")
def solution():
    """The names of the notebook's setup and solution cells."""
    return load_reference(SOURCE, chapters()["06_dual_process"])


@pytest.fixture(scope="session")
def world():
    """The language of the first part."""
    return World()


@pytest.fixture
def vanilla():
    """The shipped model of vanilla training, a copy of one's own."""
    return models.load("lab-dual-vanilla", fresh=True)
