"""From a step time to days and dollars.

- ``accumulation_steps``: micro batches of one GPU in one step;
- ``days_of`` and ``analytic_days``: the length of a training, from a measured step or from the peak speed;
- ``dollars_of``: what the machine costs; ``price_of_time``: the share of its life that a training takes.
"""

from __future__ import annotations

from mechanisms.budgets.facts import DAYS_PER_YEAR, LIFETIME_YEARS, MACHINE_PRICE, SECONDS_PER_DAY, Gpu, ModelSpec
from mechanisms.budgets.flops import flops_per_sequence
from mechanisms.budgets.settings import Settings
from mechanisms.errors import UsageError


def accumulation_steps(batch: int, n_gpus: int, micro: int) -> int:
    """How many micro batches each GPU works through in one step. Raises UsageError when the batch does not divide."""
    if batch % (n_gpus * micro):
        raise UsageError(f"A batch of {batch} does not divide into micro batches of {micro} on {n_gpus} GPU(s).")
    return batch // (n_gpus * micro)


def days_of(step_seconds: float, steps: int) -> float:
    """Days of a training of ``steps`` steps."""
    return step_seconds * steps / SECONDS_PER_DAY


def analytic_days(spec: ModelSpec, peak_tflops: float, n_gpus: int = 1, batch: int | None = None) -> float:
    """Days at the GPUs' peak speed, which nothing reaches."""
    total = flops_per_sequence(spec) * (batch or spec.batch) * spec.steps
    return total / (n_gpus * peak_tflops * 1e12) / SECONDS_PER_DAY


def peak_of(gpu: Gpu, settings: Settings) -> float | None:
    """The peak in TFLOP/s that belongs to the precision, or None where the GPU's table has none."""
    if settings.precision in ("fp16", "bf16"):
        return gpu.half
    return gpu.tf32 if settings.tf32 else None


def dollars_of(gpu: Gpu, n_gpus: int) -> int | None:
    """Price of a machine with ``n_gpus`` such GPUs, in dollars, or None where the paper has no price."""
    if gpu.price is None or n_gpus not in MACHINE_PRICE:
        return None
    return MACHINE_PRICE[n_gpus] + n_gpus * gpu.price


def price_of_time(dollars: float, days: float) -> float:
    """The part of the machine's price that falls on ``days`` of its five years."""
    return dollars * days / (LIFETIME_YEARS * DAYS_PER_YEAR)
