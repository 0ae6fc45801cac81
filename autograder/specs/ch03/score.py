"""Exercise 3.4, ``patch_score``: a ratio of means.

- gaps of one size, gaps that differ much from pair to pair, a model that has the task upside down, no gap on average;
- shares between 0 and 1, below 0 and above 1.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(
    rng: Rng,
    shares: tuple[float, float] = (0.2, 0.7),
    uneven: bool = False,
    upside_down: bool = False,
    no_gap: bool = False,
) -> dict[str, Any]:
    n = int(rng.integers(8, 14))
    clean = rng.uniform(2, 6, n)
    gap = -rng.uniform(4, 9, n)
    if uneven:
        gap[: n // 2] = -rng.uniform(0.02, 0.2, n // 2)
    if upside_down:
        clean, gap = -clean, -gap
    min_gap = float(rng.choice([0.3, 0.5, 1.0]))
    if no_gap:  # every pair reacts, some up and some down, and on average next to nothing is left
        min_gap = float(rng.choice([1.0, 1.5, 2.0]))
        gap = np.where(np.arange(n) % 2, gap, -gap)
        gap += rng.choice([-1.0, 1.0]) * rng.uniform(0.6, 0.9) * min_gap - gap.mean()
    share = rng.uniform(*shares) + rng.uniform(-0.1, 0.1, n)
    patched = clean + share * gap + rng.uniform(-0.3, 0.3, n)
    tensors = {"clean": clean, "corrupt": clean + gap, "patched": patched}
    made = {key: torch.tensor(value, dtype=torch.float32) for key, value in tensors.items()}
    return {**made, "min_gap": min_gap}


def averages_ratios(clean, corrupt, patched, min_gap):
    gap = corrupt - clean
    return ((patched - clean) / gap).mean().item() if abs(gap.mean().item()) >= min_gap else math.nan


def divides_by_the_clean_difference(clean, corrupt, patched, min_gap):
    gap = (corrupt - clean).mean().item()
    return (patched - clean).mean().item() / clean.mean().item() if abs(gap) >= min_gap else math.nan


def turns_the_sign_of_the_gap(clean, corrupt, patched, min_gap):
    gap = (clean - corrupt).mean().item()
    return (patched - clean).mean().item() / gap if abs(gap) >= min_gap else math.nan


def counts_from_corrupt(clean, corrupt, patched, min_gap):
    gap = (clean - corrupt).mean().item()
    return (patched - corrupt).mean().item() / gap if abs(gap) >= min_gap else math.nan


def reports_a_score_without_a_gap(clean, corrupt, patched, min_gap):
    return ((patched - clean).mean() / (corrupt - clean).mean()).item()


def forgets_that_gaps_are_negative(clean, corrupt, patched, min_gap):
    gap = (corrupt - clean).mean().item()
    return (patched - clean).mean().item() / gap if gap >= min_gap else math.nan


def gives_a_percentage(clean, corrupt, patched, min_gap):
    gap = (corrupt - clean).mean().item()
    return 100 * (patched - clean).mean().item() / gap if abs(gap) >= min_gap else math.nan


def subtracts_corrupt_above_the_line(clean, corrupt, patched, min_gap):
    gap = (corrupt - clean).mean().item()
    return (patched - corrupt).mean().item() / gap if abs(gap) >= min_gap else math.nan


def gives_what_the_authors_store(clean, corrupt, patched, min_gap):
    gap = (corrupt - clean).mean().item()
    return -100 * (patched - clean).mean().item() / gap if abs(gap) >= min_gap else math.nan


def drops_the_sign(clean, corrupt, patched, min_gap):
    gap = (corrupt - clean).mean().item()
    return abs((patched - clean).mean().item() / gap) if abs(gap) >= min_gap else math.nan


def clips_the_share(clean, corrupt, patched, min_gap):
    gap = (corrupt - clean).mean().item()
    return min(max((patched - clean).mean().item() / gap, 0.0), 1.0) if abs(gap) >= min_gap else math.nan


def leaves_out_pairs_with_a_small_gap(clean, corrupt, patched, min_gap):
    kept = (corrupt - clean).abs() >= min_gap
    if not kept.any():
        return math.nan
    return ((patched - clean)[kept].mean() / (corrupt - clean)[kept].mean()).item()


def gives_zero_without_a_gap(clean, corrupt, patched, min_gap):
    gap = (corrupt - clean).mean().item()
    return (patched - clean).mean().item() / gap if abs(gap) >= min_gap else 0.0


def score_by_sums(clean, corrupt, patched, min_gap):
    up, down = (patched.sum() - clean.sum()).item(), (corrupt.sum() - clean.sum()).item()
    return float("nan") if abs(down) < min_gap * len(clean) else up / down


def score_of_means(clean, corrupt, patched, min_gap):
    start, end, reached = (float(values.double().mean()) for values in (clean, corrupt, patched))
    if -min_gap < end - start < min_gap:
        return math.nan
    return (reached - start) / (end - start)


EXERCISE = Exercise(
    name="patch_score",
    card=Card(
        title="Turn three runs into one share",
        difficulty=2,
        minutes=8,
        why="Scores of different tasks become comparable once each is a share of what its whole edit does. Two "
        "choices are hidden in this line, and the wrong ones look just as plausible.",
        paper="The normalised patching score, as the authors' released code computes it (it stores -100 times this).",
    ),
    groups=(
        Group(
            "all pairs react alike",
            1,
            _draw,
            hint="(mean of patched - clean) / (mean of corrupt - clean), as a Python float.",
        ),
        Group(
            "a patch that makes the model surer",
            1,
            partial(_draw, shares=(-0.7, -0.2)),
            hint="The score keeps its sign: below 0 where the patch moves the model away from the corrupt run.",
        ),
        Group(
            "half of the pairs hardly react",
            2,
            partial(_draw, uneven=True),
            hint="A ratio of means, not a mean of ratios.",
        ),
        Group(
            "a model that prefers the wrong answer",
            1,
            partial(_draw, upside_down=True, shares=(1.2, 1.6)),
            hint="The gap may have either sign; only its size is compared with min_gap. A patch may do more than the "
            "whole edit: shares above 1 stay as they are.",
        ),
        Group(
            "no gap on average",
            1,
            partial(_draw, no_gap=True),
            hint="If the size of the mean gap is below min_gap, return float('nan'). Take the mean first, "
            "then its size.",
        ),
    ),
    mistakes=(
        Mistake(
            averages_ratios,
            "You average the pairs' ratios. A pair whose gap is close to zero then rules the mean: divide the mean of "
            "one by the mean of the other.",
            1,
        ),
        Mistake(
            divides_by_the_clean_difference,
            "You divide by the clean difference. What a whole patch would do is corrupt minus clean: divide by that, "
            "so that the whole patch scores 1.",
            1,
        ),
        Mistake(
            turns_the_sign_of_the_gap,
            "The sign is turned: with corrupt - clean below the line, a patch that does all that the edit does scores "
            "+1.",
            1,
        ),
        Mistake(
            counts_from_corrupt,
            "You count from the corrupt run: yours is 1 where nothing happened. Here the patch goes into the clean "
            "run, so 0 means that nothing happened.",
            1,
        ),
        Mistake(
            reports_a_score_without_a_gap,
            "You report a score where the whole edit does next to nothing on average: a number close to zero below the "
            "line makes anything of noise. Return float('nan') there. (It is the size of the mean that counts, not the "
            "mean of the sizes.)",
            5,
        ),
        Mistake(
            forgets_that_gaps_are_negative,
            "You compare the gap with min_gap without abs(): corrupt - clean is negative wherever a model solves the "
            "task, so you throw those away.",
            2,
        ),
        Mistake(
            gives_a_percentage,
            "You return a percentage; a share of 1 is asked for.",
            1,
        ),
        Mistake(
            subtracts_corrupt_above_the_line,
            "Above the line you subtract the corrupt difference. Both differences start at the clean run: patched - "
            "clean over corrupt - clean.",
            1,
        ),
        Mistake(
            gives_what_the_authors_store,
            "You return -100 times the share, as the authors store it. Here the share itself is asked for.",
            1,
        ),
        Mistake(
            drops_the_sign,
            "Your score has lost its sign. A negative score says that the patch made the model surer: no abs() around "
            "the result.",
            5,
        ),
        Mistake(
            clips_the_share,
            "You cut the score off at 0 and 1. A patch can make the model surer, below 0, or do more than the whole "
            "edit, above 1: both are results.",
            4,
        ),
        Mistake(
            leaves_out_pairs_with_a_small_gap,
            "You compare each pair's gap with min_gap. All pairs count; only the mean gap is compared.",
            3,
        ),
        Mistake(
            gives_zero_without_a_gap,
            "You return 0 where there is no gap. 0 says that the patch did nothing; here nobody can tell: return "
            "float('nan').",
            5,
        ),
    ),
    variants=(score_by_sums, score_of_means),
)
