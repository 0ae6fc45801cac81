"""Exercise 9.5, ``training_time``: days, GPU-days, and how many times fewer.

- drawn steps and machines; each of the three numbers earns points of its own.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, parts: list[str]) -> dict[str, Any]:
    return {
        "step_seconds": float(rng.uniform(2, 40)),
        "steps": int(rng.integers(20_000, 600_000)),
        "n_gpus": int(rng.choice([2, 4, 8])),
        "original_gpus": int(rng.choice([16, 32, 64, 128])),
        "original_days": float(rng.integers(1, 31)),
        "parts": parts,
    }


def gives_hours(step_seconds, steps, n_gpus, original_gpus, original_days):
    days = step_seconds * steps / 3_600
    return {"days": days, "gpu_days": days * n_gpus, "fewer": original_gpus * original_days / (days * n_gpus)}


def multiplies_by_the_usual_batch(step_seconds, steps, n_gpus, original_gpus, original_days):
    days = step_seconds * steps * 1024 / 86_400
    return {"days": days, "gpu_days": days * n_gpus, "fewer": original_gpus * original_days / (days * n_gpus)}


def divides_days_by_gpus(step_seconds, steps, n_gpus, original_gpus, original_days):
    days = step_seconds * steps / 86_400
    return {"days": days / n_gpus, "gpu_days": days, "fewer": original_gpus * original_days / days}


def compares_days(step_seconds, steps, n_gpus, original_gpus, original_days):
    days = step_seconds * steps / 86_400
    return {"days": days, "gpu_days": days * n_gpus, "fewer": original_days / days}


def turns_the_ratio_round(step_seconds, steps, n_gpus, original_gpus, original_days):
    days = step_seconds * steps / 86_400
    return {"days": days, "gpu_days": days * n_gpus, "fewer": days * n_gpus / (original_gpus * original_days)}


def rounds_like_the_abstract(step_seconds, steps, n_gpus, original_gpus, original_days):
    days = step_seconds * steps / 86_400
    fewer = original_gpus * original_days / (days * n_gpus)
    return {"days": float(round(days)), "gpu_days": float(round(days) * n_gpus), "fewer": float(round(fewer))}


def forgets_its_own_gpus(step_seconds, steps, n_gpus, original_gpus, original_days):
    days = step_seconds * steps / 86_400
    return {"days": days, "gpu_days": days, "fewer": original_gpus * original_days / days}


def days_by_timedelta(step_seconds, steps, n_gpus, original_gpus, original_days):
    from datetime import timedelta

    one = timedelta(seconds=step_seconds) / timedelta(days=1)
    mine = {"days": steps * one}
    mine["gpu_days"] = n_gpus * mine["days"]
    mine["fewer"] = original_gpus / mine["gpu_days"] * original_days
    return mine


def days_in_tensors(step_seconds, steps, n_gpus, original_gpus, original_days):
    days = torch.tensor(step_seconds, dtype=torch.float64) * steps / (24 * 60 * 60)
    theirs = torch.tensor(float(original_gpus) * original_days, dtype=torch.float64)
    return {
        "days": days.item(),
        "gpu_days": (days * n_gpus).item(),
        "fewer": (theirs / (days * n_gpus)).item(),
    }


TRAINING_TIME = Exercise(
    name="training_time",
    card=Card(
        title="Turn a step into days, and into GPU-days",
        difficulty=1,
        minutes=8,
        why="'Four GPUs are slower' and 'four GPUs are cheaper' are both true here. Which one you say depends on the "
        "unit, so know the unit.",
        paper="The abstract: 64 GPUs for 3 days against 4 GPUs for 18 days, '3x fewer GPU-days'.",
    ),
    groups=(
        Group(
            "days",
            2,
            partial(_draw, parts=["days"]),
            hint="Seconds of a step, times steps, divided by the 86,400 seconds of a day.",
        ),
        Group("GPU-days", 1, partial(_draw, parts=["gpu_days"]), hint="GPU-days are days times the number of GPUs."),
        Group(
            "how many times fewer",
            2,
            partial(_draw, parts=["fewer"]),
            hint="The original's GPU-days (GPUs times days) divided by yours.",
        ),
    ),
    mistakes=(
        Mistake(gives_hours, "These are hours. A day has 86,400 seconds.", 0),
        Mistake(
            multiplies_by_the_usual_batch,
            "You multiply by the batch. step_seconds is already the time of the whole batch.",
            0,
        ),
        Mistake(
            divides_days_by_gpus,
            "You divide the days by the number of GPUs. step_seconds is the time in which all of them together take a "
            "step, so that is counted already.",
            0,
        ),
        Mistake(
            compares_days,
            "You compare days with days. That says who waits longer (0.17 for Pythia-1B), not who uses more: compare "
            "GPU-days.",
            3,
        ),
        Mistake(
            turns_the_ratio_round,
            "Your ratio is upside down: 'fewer' is the original's GPU-days divided by yours, above 1 when you need "
            "fewer.",
            3,
        ),
        Mistake(
            rounds_like_the_abstract,
            "You round. The abstract does, and 2.73 became '3x'; return the numbers as they are.",
            0,
        ),
        Mistake(
            forgets_its_own_gpus,
            "Your GPU-days are days. Multiply by n_gpus.",
            2,
        ),
    ),
    variants=(days_by_timedelta, days_in_tensors),
    probe="ch09.part",
)
