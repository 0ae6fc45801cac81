"""Chapter 05, working-memory gating: how its eight exercises are checked, one module for each.

- a module holds the exercise's card, its groups of cases, its known mistakes and other right answers;
- pure functions are checked on small drawn data, ``patch_vectors`` on lab-gate and on a random model;
- no case needs a particular head of lab-gate: any trained one will do.
"""

from __future__ import annotations

from autograder.specs.base import Chapter
from autograder.specs.ch05 import fraction, generate, loss, oracle, pairs, patch, rules, transition

CHAPTER = Chapter(
    slug="05_working_memory_gating",
    number=5,
    title="Working-memory gating",
    notebook="working_memory_gating",
    exercises=tuple(module.EXERCISE for module in (oracle, generate, pairs, rules, loss, patch, fraction, transition)),
    page="book/chapters/05_working_memory_gating.html",
    paper="https://arxiv.org/abs/2402.08211",
    models=("lab-gate",),
    case_models=("random-gate",),
)
