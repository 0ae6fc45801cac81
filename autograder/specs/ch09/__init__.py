"""Chapter 09, pre-training budgets: how its nine exercises are checked.

- formulas on drawn numbers, the search for a micro batch on a fake memory, timing on a fake clock: all exact;
- ``steps``, ``settings``, ``micro``, ``timing``, ``days``, ``flops``, ``costs``: one or two exercises each.
"""

from __future__ import annotations

from autograder.specs.base import Chapter
from autograder.specs.ch09 import costs, days, flops, micro, settings, steps, timing

CHAPTER = Chapter(
    slug="09_pretraining_budgets",
    number=9,
    title="Pre-training budgets",
    notebook="pretraining_budgets",
    exercises=(
        steps.STEP_TIME,
        settings.ENUMERATE_SETTINGS,
        micro.LARGEST_MICRO_BATCH,
        timing.TIME_TRAINING,
        days.TRAINING_TIME,
        flops.TRAINING_FLOPS,
        flops.UTILISATION,
        costs.HARDWARE_COST,
        costs.PARETO_FRONTIER,
    ),
    models=(),
    page="book/chapters/09_pretraining_budgets.html",
    paper="https://arxiv.org/abs/2410.23261",
)
