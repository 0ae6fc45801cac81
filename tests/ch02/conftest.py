"""What the tests of chapter 02 share: its spec and the functions of its solution."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.build.source import load_reference
from autograder.specs import chapters

SOURCE = Path(__file__).resolve().parents[2] / "solutions" / "02_factual_recall.py"


@pytest.fixture(scope="session")
def source():
    """The percent file of the chapter."""
    return SOURCE


@pytest.fixture(scope="session")
def solution():
    """The names of the notebook's setup and solution cells."""
    return load_reference(SOURCE, chapters()["02_factual_recall"])
