"""Chapter 01, relational tasks: how its eight exercises are checked, one module for each.

- a module holds the exercise's card, its groups of cases, its known mistakes and other right answers;
- functions on models are checked on planted networks, whose answer is known, on lab-relational, and on a random model
  of other sizes;
- no case needs a particular layer of lab-relational: any trained one will do.
"""

from __future__ import annotations

from autograder.specs.base import Chapter
from autograder.specs.ch01 import capture, compare, early, injection, ranks, removal, stages, twins

CHAPTER = Chapter(
    slug="01_relational_tasks",
    number=1,
    title="Relational tasks",
    notebook="relational_tasks",
    exercises=tuple(module.EXERCISE for module in (early, ranks, stages, capture, injection, compare, twins, removal)),
    page="book/chapters/01_relational_tasks.html",
    paper="https://arxiv.org/abs/2305.16130",
    models=("lab-relational", "free-relational", "control-relational"),
    case_models=("random-relational", "planted-relations-1", "planted-relations-2"),
)
