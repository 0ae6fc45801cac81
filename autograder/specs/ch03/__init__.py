"""Chapter 03, circuit reuse: how its nine exercises are checked, one module for each.

- a module holds the exercise's card, its groups of cases, its known mistakes and other right answers;
- functions that take a model are checked on the planted network, on lab-lm and on random models of other sizes;
- no case needs a particular head of lab-lm: any trained one will do.
"""

from __future__ import annotations

from autograder.specs.base import Chapter
from autograder.specs.ch03 import colored, difference, ioi, overlap, override, ranks, receivers, score, to_logits

CHAPTER = Chapter(
    slug="03_circuit_reuse",
    number=3,
    title="Circuit reuse",
    notebook="circuit_reuse",
    exercises=tuple(
        module.EXERCISE for module in (ioi, colored, difference, score, to_logits, receivers, overlap, override, ranks)
    ),
    page="book/chapters/03_circuit_reuse.html",
    paper="https://arxiv.org/abs/2310.08744",
    models=("lab-lm", "planted-circuit"),
    case_models=("random-gate", "random-gpt2"),
)
