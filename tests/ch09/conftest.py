"""What the tests of chapter 09 share: its spec and the functions of its solution."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.build.source import load_reference
from autograder.specs import chapters

SOURCE = Path(__file__).resolve().parents[2] / "solutions" / "09_pretraining_budgets.py"


@pytest.fixture(scope="session")
def solution():
    """The names of the notebook's setup and solution cells."""
    return load_reference(SOURCE, chapters()["09_pretraining_budgets"])
