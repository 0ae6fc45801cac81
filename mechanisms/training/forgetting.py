"""Forgetting on purpose: when the word embeddings are reset, and how.

- ``should_reset``: the schedule of vanilla training, active forgetting and temporary forgetting;
- ``reset_embeddings``: new word embeddings in the place of the old ones, with a clean optimizer;
- ``forgetful_loop``: step, measure, reset, in this order.

Sources: Chen et al. (2023) for active forgetting, Anand et al. (2025) for temporary forgetting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


def should_reset(step: int, every: int, until: int) -> bool:
    """Whether the embeddings are reset after ``step`` (counted from 1).

    Every ``every`` steps (0: never), as long as ``step`` is below ``until`` (0: there is no end).
    """
    return every > 0 and step % every == 0 and (until == 0 or step < until)


def reset_embeddings(model, optimizer: torch.optim.Optimizer, fresh: Float[Tensor, "vocab d_model"]) -> None:
    """Writes ``fresh`` into the word embeddings in place; Adam's moments and step count for them start at zero.

    The parameter stays the same object, so the optimizer and a tied decoder go on using it.
    """
    weight = model.get_input_embeddings().weight
    with torch.no_grad():
        weight.copy_(fresh)
    for value in optimizer.state.get(weight, {}).values():
        value.zero_()


def forgetful_loop(
    steps: int,
    every: int,
    until: int,
    measure_every: int,
    take_step: Callable[[], Any],
    measure: Callable[[int], Any],
    reset: Callable[[], Any],
    first: int = 1,
    due: Callable[[int, int, int], bool] = should_reset,
    after: Callable[[int], Any] = lambda step: None,
) -> None:
    """Steps ``first`` to ``steps``: in each an optimizer step, then perhaps a measurement, and only then a reset.

    Measurements are taken every ``measure_every`` steps and at the last one; ``after`` is called when a step is over.
    """
    for step in range(first, steps + 1):
        take_step()
        if step % measure_every == 0 or step == steps:
            measure(step)
        if due(step, every, until):
            reset()
        after(step)
