"""What the tests of chapter 07 share: the functions of its solution, and its models."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.build.source import load_reference
from autograder.specs import chapters
from mechanisms import models

SOURCE = Path(__file__).resolve().parents[2] / "solutions" / "07_image_to_text.py"


@pytest.fixture(scope="session")
def solution():
    """The names of the notebook's setup and solution cells."""
    return load_reference(SOURCE, chapters()["07_image_to_text"])


@pytest.fixture(scope="session")
def encoders():
    """The shipped lab-vision."""
    return models.load("lab-vision")


@pytest.fixture(scope="session")
def lm():
    """The shipped lab-lm-scenes."""
    return models.load("lab-lm-scenes")
