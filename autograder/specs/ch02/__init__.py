"""Chapter 02, factual recall: how its six exercises are checked, one module for each.

- a module holds the exercise's card, its groups of cases, its known mistakes and other right answers;
- pure functions are checked on small drawn data, the two that take a model on lab-lm and conflict prompts;
- no case needs a particular head: any trained lab-lm will do.
"""

from __future__ import annotations

from autograder.specs.base import Chapter
from autograder.specs.ch02 import choose, frequency, items, parts, rates, scale

CHAPTER = Chapter(
    slug="02_factual_recall",
    number=2,
    title="Factual recall",
    notebook="factual_recall",
    exercises=tuple(module.EXERCISE for module in (items, rates, parts, scale, choose, frequency)),
    page="book/chapters/02_factual_recall.html",
    paper="https://arxiv.org/abs/2310.15910",
    case_models=("random-gpt2",),
)
