"""Exercise 9.1, ``step_time``: from two lists of measured seconds to a training step.

- drawn measurements whose first rounds are slow; one GPU and several; a batch that does not divide.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, gpus: tuple[int, ...], warmups: tuple[int, ...], divides: bool = True) -> dict[str, Any]:
    warmup, n_gpus = int(rng.choice(warmups)), int(rng.choice(gpus))
    micro, accumulation = int(2 ** rng.integers(1, 5)), int(rng.integers(3, 20))
    rounds = warmup + int(rng.integers(3, 6))
    accumulate = rng.uniform(0.2, 0.9) * (1 + 0.3 * rng.random(rounds))
    update = rng.uniform(0.1, 0.5) * (1 + 0.3 * rng.random(rounds))
    accumulate[:warmup] *= 12
    update[:warmup] *= 7
    batch = n_gpus * micro * accumulation + (0 if divides else max(1, n_gpus * micro // 2))
    return {
        "accumulate_seconds": accumulate.tolist(),
        "update_seconds": update.tolist(),
        "batch": batch,
        "n_gpus": n_gpus,
        "micro": micro,
        "warmup": warmup,
    }


def pays_the_optimizer_every_time(accumulate_seconds, update_seconds, batch, n_gpus, micro, warmup):
    if batch % (n_gpus * micro):
        raise ValueError("no whole number of micro batches")
    acc, opt = accumulate_seconds[warmup:], update_seconds[warmup:]
    return batch // (n_gpus * micro) * (sum(acc) / len(acc) + sum(opt) / len(opt))


def forgets_accumulation(accumulate_seconds, update_seconds, batch, n_gpus, micro, warmup):
    if batch % (n_gpus * micro):
        raise ValueError("no whole number of micro batches")
    acc, opt = accumulate_seconds[warmup:], update_seconds[warmup:]
    return sum(acc) / len(acc) + sum(opt) / len(opt)


def takes_the_whole_batch(accumulate_seconds, update_seconds, batch, n_gpus, micro, warmup):
    if batch % (n_gpus * micro):
        raise ValueError("no whole number of micro batches")
    acc, opt = accumulate_seconds[warmup:], update_seconds[warmup:]
    return batch // micro * sum(acc) / len(acc) + sum(opt) / len(opt)


def keeps_the_warmup(accumulate_seconds, update_seconds, batch, n_gpus, micro, warmup):
    if batch % (n_gpus * micro):
        raise ValueError("no whole number of micro batches")
    acc, opt = accumulate_seconds, update_seconds
    return batch // (n_gpus * micro) * sum(acc) / len(acc) + sum(opt) / len(opt)


def keeps_the_optimizers_warmup(accumulate_seconds, update_seconds, batch, n_gpus, micro, warmup):
    if batch % (n_gpus * micro):
        raise ValueError("no whole number of micro batches")
    acc, opt = accumulate_seconds[warmup:], update_seconds
    return batch // (n_gpus * micro) * sum(acc) / len(acc) + sum(opt) / len(opt)


def drops_one_round_always(accumulate_seconds, update_seconds, batch, n_gpus, micro, warmup):
    if batch % (n_gpus * micro):
        raise ValueError("no whole number of micro batches")
    acc, opt = accumulate_seconds[1:], update_seconds[1:]
    return batch // (n_gpus * micro) * sum(acc) / len(acc) + sum(opt) / len(opt)


def accepts_a_part_of_a_micro_batch(accumulate_seconds, update_seconds, batch, n_gpus, micro, warmup):
    acc, opt = accumulate_seconds[warmup:], update_seconds[warmup:]
    return batch / (n_gpus * micro) * sum(acc) / len(acc) + sum(opt) / len(opt)


def rounds_micro_batches_down(accumulate_seconds, update_seconds, batch, n_gpus, micro, warmup):
    acc, opt = accumulate_seconds[warmup:], update_seconds[warmup:]
    return batch // (n_gpus * micro) * sum(acc) / len(acc) + sum(opt) / len(opt)


def takes_the_median(accumulate_seconds, update_seconds, batch, n_gpus, micro, warmup):
    import statistics

    if batch % (n_gpus * micro):
        raise ValueError("no whole number of micro batches")
    acc, opt = accumulate_seconds[warmup:], update_seconds[warmup:]
    return batch // (n_gpus * micro) * statistics.median(acc) + statistics.median(opt)


def step_by_statistics(accumulate_seconds, update_seconds, batch, n_gpus, micro, warmup):
    import statistics

    share, rest = divmod(batch, n_gpus)
    count, left = divmod(share, micro)
    if rest or left:
        raise ValueError("that does not divide")
    return count * statistics.fmean(accumulate_seconds[warmup:]) + statistics.fmean(update_seconds[warmup:])


def step_in_tensors(accumulate_seconds, update_seconds, batch, n_gpus, micro, warmup):
    count = batch / n_gpus / micro
    if not math.isclose(count, round(count)):
        raise ValueError("that does not divide")
    acc = torch.tensor(accumulate_seconds, dtype=torch.float64)[warmup:].mean()
    opt = torch.tensor(update_seconds, dtype=torch.float64)[warmup:].mean()
    return (round(count) * acc + opt).item()


STEP_TIME = Exercise(
    name="step_time",
    card=Card(
        title="Predict a training step from its pieces",
        difficulty=1,
        minutes=10,
        why="A run of weeks is planned from a measurement of seconds. The formula is short, and every term in it that "
        "is multiplied by mistake costs days.",
        paper="The step-time formula of the benchmark: accumulation steps times the mean time of a micro batch, plus "
        "the mean time of an update.",
    ),
    groups=(
        Group(
            "one GPU, nothing to discard",
            2,
            partial(_draw, gpus=(1,), warmups=(0,)),
            hint="Number of micro batches times the mean of accumulate_seconds, plus the mean of update_seconds once.",
        ),
        Group(
            "several GPUs, with warm-up",
            3,
            partial(_draw, gpus=(2, 4, 8), warmups=(2, 3)),
            hint="Each GPU works through its own share, batch / n_gpus; and both lists start at [warmup:].",
        ),
        Group(
            "a batch that does not divide",
            1,
            partial(_draw, gpus=(2, 4), warmups=(0, 1), divides=False),
            hint="batch % (n_gpus * micro) must be 0; raise a ValueError otherwise.",
            raises="ValueError",
        ),
    ),
    mistakes=(
        Mistake(
            pays_the_optimizer_every_time,
            "You multiply the optimizer's time by the number of micro batches. Gradients add up over all of them, and "
            "the optimizer runs once in a step.",
            1,
        ),
        Mistake(
            forgets_accumulation,
            "This is the time of one micro batch and one update. A step has batch / (n_gpus · micro) micro batches.",
            1,
        ),
        Mistake(
            takes_the_whole_batch,
            "You let one GPU work through the whole batch. The GPUs work at the same time, each on batch / n_gpus.",
            3,
        ),
        Mistake(
            keeps_the_warmup,
            "The warm-up rounds are in your means. Leave out the first warmup entries of both lists: they were spent "
            "on compiling and allocating.",
            3,
        ),
        Mistake(
            keeps_the_optimizers_warmup,
            "You discard the warm-up of the micro batches, but not that of the optimizer, whose first update makes "
            "its state. Slice both lists.",
            3,
        ),
        Mistake(
            drops_one_round_always,
            "You discard one round whatever is said. How many to discard is the argument warmup, which may be 0 or 3.",
            1,
        ),
        Mistake(
            takes_the_median,
            "You take medians. A step of many micro batches takes the sum of their times, slow ones included, so the "
            "formula has means.",
            1,
        ),
        Mistake(
            accepts_a_part_of_a_micro_batch,
            "You divide with / and accept a part of a micro batch. Such a run cannot be started: raise a ValueError "
            "when batch % (n_gpus * micro) is not 0.",
            5,
        ),
        Mistake(
            rounds_micro_batches_down,
            "You round the number of micro batches down, so that some sequences of the batch are never seen. Raise a "
            "ValueError when there is a remainder.",
            5,
        ),
    ),
    variants=(step_by_statistics, step_in_tensors),
)
