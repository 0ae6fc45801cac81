"""Exercise 7.6, ``paired_bootstrap``: the difference of two systems on the same images, with its interval.

- drawn scores of two systems that go together from image to image, either of them ahead, but not for every image; rows
  are handed in, and the draws at the ends of the interval differ.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, graded: bool) -> dict[str, Any]:
    while True:
        case = _scores(rng, graded)
        gain = case["one"] - case["other"]
        means = gain[case["rows"]].mean(1).sort().values
        if gain.min() < 0 < gain.max() and means[2] < means[3] and means[96] < means[97]:
            return case


def _scores(rng: Rng, graded: bool) -> dict[str, Any]:
    n, draws = 30, 100
    easy = rng.random(n)  # how easy an image is, for both
    one, other = (np.clip(easy + 0.25 * rng.normal(size=n) + lift, 0, 1) for lift in (0.25, -0.2))
    if graded:
        one, other = other, one  # the difference is below zero
    else:
        one, other = (one > 0.5).astype(float), (other > 0.5).astype(float)
    rows = rng.integers(0, n, size=(draws, n))
    return {
        "one": torch.tensor(one, dtype=torch.float32),
        "other": torch.tensor(other, dtype=torch.float32),
        "rows": torch.tensor(rows),
    }


def resamples_them_apart(one, other, rows):
    differences = one[rows].mean(1) - other[rows.flip(0)].mean(1)
    low, high = torch.quantile(differences, torch.tensor([0.025, 0.975])).tolist()
    return {"difference": (one.mean() - other.mean()).item(), "low": low, "high": high}


def takes_the_other_way_round(one, other, rows):
    differences = (other[rows] - one[rows]).mean(1)
    low, high = torch.quantile(differences, torch.tensor([0.025, 0.975])).tolist()
    return {"difference": (other.mean() - one.mean()).item(), "low": low, "high": high}


def takes_a_90_percent_interval(one, other, rows):
    differences = (one[rows] - other[rows]).mean(1)
    low, high = torch.quantile(differences, torch.tensor([0.05, 0.95])).tolist()
    return {"difference": (one.mean() - other.mean()).item(), "low": low, "high": high}


def takes_quantiles_over_images(one, other, rows):
    low, high = torch.quantile(one - other, torch.tensor([0.025, 0.975])).tolist()
    return {"difference": (one.mean() - other.mean()).item(), "low": low, "high": high}


def reports_the_mean_of_the_draws(one, other, rows):
    differences = (one[rows] - other[rows]).mean(1)
    low, high = torch.quantile(differences, torch.tensor([0.025, 0.975])).tolist()
    return {"difference": differences.mean().item(), "low": low, "high": high}


def drops_the_sign(one, other, rows):
    differences = (one[rows] - other[rows]).mean(1).abs()
    low, high = torch.quantile(differences, torch.tensor([0.025, 0.975])).tolist()
    return {"difference": (one.mean() - other.mean()).abs().item(), "low": low, "high": high}


def averages_over_the_draws(one, other, rows):
    differences = (one[rows] - other[rows]).mean(0)
    low, high = torch.quantile(differences, torch.tensor([0.025, 0.975])).tolist()
    return {"difference": (one.mean() - other.mean()).item(), "low": low, "high": high}


def goes_two_deviations_to_each_side(one, other, rows):
    differences = (one[rows] - other[rows]).mean(1)
    middle, spread = (one.mean() - other.mean()).item(), differences.std().item()
    return {"difference": middle, "low": middle - 1.96 * spread, "high": middle + 1.96 * spread}


def swaps_low_and_high(one, other, rows):
    differences = (one[rows] - other[rows]).mean(1)
    high, low = torch.quantile(differences, torch.tensor([0.025, 0.975])).tolist()
    return {"difference": (one.mean() - other.mean()).item(), "low": low, "high": high}


def subtracts_the_ends_of_two_intervals(one, other, rows):
    ends = torch.tensor([0.025, 0.975])
    low, high = (torch.quantile(one[rows].mean(1), ends) - torch.quantile(other[rows].mean(1), ends)).tolist()
    return {"difference": (one.mean() - other.mean()).item(), "low": low, "high": high}


def sets_two_intervals_against_each_other(one, other, rows):
    ends = torch.tensor([0.025, 0.975])
    mine, theirs = torch.quantile(one[rows].mean(1), ends), torch.quantile(other[rows].mean(1), ends)
    middle = (one.mean() - other.mean()).item()
    return {"difference": middle, "low": (mine[0] - theirs[1]).item(), "high": (mine[1] - theirs[0]).item()}


def adds_up_over_images(one, other, rows):
    differences = (one[rows] - other[rows]).sum(1)
    low, high = torch.quantile(differences, torch.tensor([0.025, 0.975])).tolist()
    return {"difference": (one - other).sum().item(), "low": low, "high": high}


def drops_the_sign_of_every_image(one, other, rows):
    gain = (one - other).abs()
    low, high = torch.quantile(gain[rows].mean(1), torch.tensor([0.025, 0.975])).tolist()
    return {"difference": gain.mean().item(), "low": low, "high": high}


def picks_draws_by_their_place(one, other, rows):
    means = (one[rows] - other[rows]).mean(1).sort().values
    low, high = means[int(0.025 * len(means))].item(), means[int(0.975 * len(means))].item()
    return {"difference": (one.mean() - other.mean()).item(), "low": low, "high": high}


def bootstrap_in_numpy(one, other, rows):
    import numpy as np

    gain = (one - other).double().numpy()
    means = gain[rows.numpy()].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {"difference": float(gain.mean()), "low": float(low), "high": float(high)}


def bootstrap_by_loop(one, other, rows):
    means = sorted(float(one[row].mean() - other[row].mean()) for row in rows)

    def quantile(share):
        place = share * (len(means) - 1)
        below = int(place)
        above = min(below + 1, len(means) - 1)
        return means[below] + (place - below) * (means[above] - means[below])

    return {"difference": float(one.mean() - other.mean()), "low": quantile(0.025), "high": quantile(0.975)}


EXERCISE = Exercise(
    name="paired_bootstrap",
    card=Card(
        title="Put an interval around a difference",
        difficulty=2,
        minutes=10,
        why="Both systems caption the same images, and some images are easy for everybody. Pairing takes that out "
        "of the interval.",
        paper="Comparisons with the blind baseline; the interval is this course's addition.",
    ),
    groups=(
        Group(
            "right or wrong",
            4,
            partial(_draw, graded=False),
            hint="Resample images, not systems: the same rows of both, then the mean of each draw.",
        ),
        Group(
            "scores between 0 and 1",
            4,
            partial(_draw, graded=True),
            hint="The difference itself comes from all images; low and high are the 2.5% and 97.5% quantiles.",
        ),
    ),
    mistakes=(
        Mistake(
            resamples_them_apart,
            "You resample the two systems apart. Then an easy image may be drawn for one and not for the other, and "
            "the interval gets too wide: use the same rows for both.",
            0,
        ),
        Mistake(takes_the_other_way_round, "You subtract the wrong way round: one − other.", 0),
        Mistake(
            takes_a_90_percent_interval,
            "Your interval leaves out 5% on each side. A 95% interval leaves out 2.5% on each.",
            0,
        ),
        Mistake(
            takes_quantiles_over_images,
            "You take quantiles over images. They say how single images differ; we want to know how the mean would: "
            "average each draw first.",
            0,
        ),
        Mistake(
            reports_the_mean_of_the_draws,
            "Your difference is the mean over the draws. That is nearly right, and random: the difference comes from "
            "the images themselves, once.",
            0,
        ),
        Mistake(
            drops_the_sign,
            "You drop the sign. A difference below zero says that the other system is ahead: keep it.",
            4,
        ),
        Mistake(
            averages_over_the_draws,
            "You average over the draws. gain[rows] is [draws, n]: each draw gives a mean over its n images, axis 1.",
            0,
        ),
        Mistake(
            goes_two_deviations_to_each_side,
            "You go 1.96 standard deviations to each side. That takes the draws for a bell curve; their quantiles need "
            "no such shape.",
            0,
        ),
        Mistake(swaps_low_and_high, "Your low is the upper end and your high the lower one.", 0),
        Mistake(
            subtracts_the_ends_of_two_intervals,
            "You make an interval for each system and subtract the ends. Subtract image by image first: the interval "
            "is that of the difference.",
            0,
        ),
        Mistake(
            sets_two_intervals_against_each_other,
            "You set the low end of one system against the high end of the other. That treats them as if they had "
            "captioned different images, and worse: subtract image by image first.",
            0,
        ),
        Mistake(adds_up_over_images, "You add up over the images. Take means, of all images and of each draw.", 0),
        Mistake(
            drops_the_sign_of_every_image,
            "You take the size of each image's difference. An image on which the other system is better counts "
            "against the first: keep the sign.",
            0,
        ),
        Mistake(
            picks_draws_by_their_place,
            "You sort the draws and pick one at each end. torch.quantile goes between two neighbours where the 2.5% "
            "fall between them.",
            0,
        ),
    ),
    variants=(bootstrap_in_numpy, bootstrap_by_loop),
)
