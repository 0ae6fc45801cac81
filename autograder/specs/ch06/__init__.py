"""Chapter 06, dual process learning: how its eight exercises are checked.

- a module holds the exercise's card, its groups of cases, its known mistakes and other right answers;
- all are checked on small drawn data; the reset on a small masked model in the middle of its training.
"""

from __future__ import annotations

from autograder.specs.base import Chapter
from autograder.specs.ch06 import reset, schedule, scores, sequences, switch, zipf

CHAPTER = Chapter(
    slug="06_dual_process",
    number=6,
    title="Dual process learning",
    notebook="dual_process",
    exercises=(
        zipf.EXERCISE,
        sequences.EXERCISE,
        switch.EXERCISE,
        scores.HARD,
        scores.TWO,
        schedule.SHOULD_RESET,
        reset.EXERCISE,
        schedule.LOOP,
    ),
    page="book/chapters/06_dual_process.html",
    paper="https://arxiv.org/abs/2406.00053",
    models=("lab-dual", "lab-dual-vanilla", "lab-dual-active", "lab-dual-hidden"),
)
