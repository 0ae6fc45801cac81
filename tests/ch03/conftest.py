"""What the tests of chapter 03 share: the functions of its solution, and its two models."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from autograder.build.source import load_reference
from autograder.specs import chapters
from mechanisms import models
from mechanisms.models import planted as network

SOURCE = Path(__file__).resolve().parents[2] / "solutions" / "03_circuit_reuse.py"


@pytest.fixture(scope="session")
def source():
    """The percent file of the chapter."""
    return SOURCE


@pytest.fixture(scope="session")
def solution():
    """The names of the notebook's setup and solution cells."""
    return load_reference(SOURCE, chapters()["03_circuit_reuse"])


@pytest.fixture(scope="session")
def planted():
    """The shipped planted network."""
    return models.load("planted-circuit")


@pytest.fixture(scope="session")
def lab():
    """The shipped lab-lm."""
    return models.load("lab-lm")


@pytest.fixture(scope="session")
def planted_pairs():
    """Pairs of the planted network's three tasks."""
    generator = torch.Generator().manual_seed(0)
    return {
        "indirect objects": network.indirect_objects(40, generator),
        "coloured objects": network.colored_objects(40, generator),
        "partners": network.partners(40, generator),
    }
