"""A course of one light notebook: what grading costs when the student's code costs next to nothing.

- its setup cell imports what every notebook of the course imports, its one exercise doubles numbers;
- ``project`` is named by MECHANISMS_PROJECT, with its folder in MECHANISMS_LIGHT.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy

from autograder.project import Project, course_folder
from autograder.specs.base import Card, Chapter, Exercise, Group, Mistake

SOURCE = '''
# %% role="setup"
import numpy as np
import torch
import transformer_lens

from mechanisms import check

# %% [markdown]
# {card double}

# %% role="solution" exercise="double"
# exercise: ch91.double
def double(values: list[float]) -> list[float]:
    """Twice every value, in the same order."""
    ### BEGIN SOLUTION
    return (2 * torch.tensor(values, dtype=torch.float64)).tolist()
    ### END SOLUTION

# %% role="check" exercise="double"
check(double)  # exercise: ch91.double
'''


def _values(rng: numpy.random.Generator) -> dict[str, Any]:
    return {"values": [round(float(value), 3) for value in rng.uniform(100, 999, size=5)]}


def squares(values):
    return [value * value for value in values]


def triples(values):
    return [3 * value for value in values]


def reversed_doubles(values):
    return [2 * value for value in reversed(values)]


def by_adding(values):
    return [value + value for value in values]


def by_loop(values):
    result = []
    for value in values:
        result.append(2 * value)
    return result


CHAPTER = Chapter(
    slug="91_light",
    number=91,
    title="A light notebook",
    notebook="light",
    models=(),
    exercises=(
        Exercise(
            name="double",
            card=Card("Double every value", 1, 1, "It costs next to nothing.", "No paper."),
            groups=(Group("five values", 2.0, _values, hint="Is every value doubled?"),),
            mistakes=(
                Mistake(squares, "These are the squares.", 0.0),
                Mistake(triples, "These are three times the values.", 0.0),
                Mistake(reversed_doubles, "The order is turned round.", 0.0),
            ),
            variants=(by_adding, by_loop),
        ),
    ),
)


def project() -> Project:
    """The light course below the folder MECHANISMS_LIGHT."""
    root = Path(os.environ["MECHANISMS_LIGHT"])
    return Project(root=root, course=course_folder(), only={CHAPTER.slug: CHAPTER})


def write_source(root: Path) -> None:
    """Write the light course's solution file below ``root``."""
    path = root / "solutions" / f"{CHAPTER.slug}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SOURCE, encoding="utf-8")
