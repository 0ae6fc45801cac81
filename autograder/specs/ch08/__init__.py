"""Chapter 08, does CLIP bind concepts?: how its nine exercises are checked, one module for each.

- a module holds the exercise's card, its groups of cases, its known mistakes and other right answers;
- pure functions are checked on small drawn data;
- ``train_composition`` returns trained vectors, which are put to use on scenes that the student's function never saw;
  image vectors of lab-clip come from a shipped file, so that a check needs no open_clip.
"""

from __future__ import annotations

from autograder.specs.base import Chapter
from autograder.specs.ch08 import accuracy, compose, convolution, distractors, gaps, level, split, train, zeroshot

CHAPTER = Chapter(
    slug="08_binding_in_clip",
    number=8,
    title="Does CLIP bind concepts?",
    notebook="binding_in_clip",
    exercises=tuple(
        module.EXERCISE for module in (accuracy, zeroshot, level, distractors, convolution, compose, gaps, split, train)
    ),
    page="book/chapters/08_binding_in_clip.html",
    paper="https://arxiv.org/abs/2212.10537",
    models=("lab-clip",),
)
