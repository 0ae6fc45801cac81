"""The table of every chapter: a claim, the paper's number, the lab's number, your number.

- the paper's numbers are quoted with the place they come from;
- the lab's numbers are read from the model card, or from a committed file of measurements, never typed here;
- the student's numbers are handed in by the notebook that measured them.

Each chapter's rows are in a module of their own, what makes a table of them in `table`.
"""

from __future__ import annotations

from mechanisms.plots.claims.ch01 import RELATIONS
from mechanisms.plots.claims.ch02 import FACTUAL_RECALL
from mechanisms.plots.claims.ch03 import CIRCUIT_REUSE
from mechanisms.plots.claims.ch04 import TALKING_HEADS
from mechanisms.plots.claims.ch05 import GATING
from mechanisms.plots.claims.ch06 import DUAL_PROCESS
from mechanisms.plots.claims.ch07 import LIMBER
from mechanisms.plots.claims.ch08 import BINDING
from mechanisms.plots.claims.ch09 import PRETRAINING_BUDGETS
from mechanisms.plots.claims.table import Claim, ClaimsTable, claims_table

__all__ = [
    "BINDING",
    "CIRCUIT_REUSE",
    "Claim",
    "ClaimsTable",
    "DUAL_PROCESS",
    "FACTUAL_RECALL",
    "GATING",
    "LIMBER",
    "PRETRAINING_BUDGETS",
    "RELATIONS",
    "TALKING_HEADS",
    "claims_table",
]
