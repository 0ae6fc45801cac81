"""Exercise 2.5, ``choose_head``: chosen on development prompts, within a budget, reported on held-out ones.

- made-up sweeps with one best setting, a tempting one that breaks too much, a lucky one on held-out prompts.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw_sweep(
    rng: Rng, tempting: bool = False, lucky: bool = False, base: float = 0.9, best_loss: float | None = None
) -> dict[str, Any]:
    """A made-up sweep. ``tempting``: the best settings on dev break too much elsewhere. ``lucky``: another setting
    within the budget looks better on held-out prompts. ``base``: about the accuracy of the unchanged model.
    ``best_loss``: what the best setting costs of it (less than 0: it gains)."""
    layers, heads = int(rng.integers(2, 4)), int(rng.integers(2, 5))
    alphas = [-2.0, 0.0, 0.5, 1.0, 2.0, 4.0]
    shape = (layers, heads, len(alphas))
    rates = rng.dirichlet((2.0, 2.0, 1.0), size=shape) * 0.8 + np.array([0.04, 0.08, 0.08])
    held = np.abs(rates + rng.normal(scale=0.02, size=rates.shape))
    baseline, max_loss = base + 0.05 * rng.random(), 0.05
    unrelated = baseline - 0.04 * baseline * rng.random(shape)
    places = [tuple(int(i) for i in np.unravel_index(k, shape)) for k in rng.permutation(math.prod(shape))]
    # never the very first setting: an argmax over nothing allowed would find it by accident
    best, trap, luck, quiet = [place for place in places if alphas[place[2]] != 1.0 and any(place)][:4]
    rates[best], held[best] = (0.90, 0.06, 0.04), (0.84, 0.09, 0.07)
    rates[quiet], held[quiet] = (0.05, 0.02, 0.93), (0.04, 0.02, 0.94)
    if best_loss is not None:
        unrelated[best] = baseline - best_loss
    if tempting:
        rates[trap], held[trap] = (0.96, 0.01, 0.03), (0.95, 0.02, 0.03)
        unrelated[trap] = baseline - 0.05 - 0.02 - 0.2 * rng.random()
    if lucky:
        rates[luck], held[luck] = (0.80, 0.15, 0.05), (0.97, 0.02, 0.01)
    unrelated[:, :, alphas.index(1.0)] = baseline
    held /= held.sum(-1, keepdims=True)
    as_tensor = partial(torch.tensor, dtype=torch.float32)
    return {
        "dev": as_tensor(rates),
        "held_out": as_tensor(held),
        "unrelated": as_tensor(unrelated),
        "alphas": alphas,
        "max_loss": max_loss,
    }


def chooses_on_held_out(dev, held_out, unrelated, alphas, max_loss):
    loss = unrelated[:, :, alphas.index(1.0)][..., None] - unrelated
    score = torch.where(loss <= max_loss, held_out[..., 0], torch.tensor(-1.0))
    layer, head, a = (int(i) for i in np.unravel_index(int(score.argmax()), score.shape))
    at = (layer, head, a, 0)
    return {"layer": layer, "head": head, "alpha": alphas[a], "dev": dev[at].item(), "held_out": held_out[at].item()}


def ignores_the_damage(dev, held_out, unrelated, alphas, max_loss):
    score = dev[..., 0]
    layer, head, a = (int(i) for i in np.unravel_index(int(score.argmax()), score.shape))
    at = (layer, head, a, 0)
    return {"layer": layer, "head": head, "alpha": alphas[a], "dev": dev[at].item(), "held_out": held_out[at].item()}


def rejects_improvements(dev, held_out, unrelated, alphas, max_loss):
    change = unrelated[:, :, alphas.index(1.0)][..., None] - unrelated
    score = torch.where(change.abs() <= max_loss, dev[..., 0], torch.tensor(-1.0))
    layer, head, a = (int(i) for i in np.unravel_index(int(score.argmax()), score.shape))
    at = (layer, head, a, 0)
    return {"layer": layer, "head": head, "alpha": alphas[a], "dev": dev[at].item(), "held_out": held_out[at].item()}


def takes_the_budget_for_a_share(dev, held_out, unrelated, alphas, max_loss):
    baseline = unrelated[:, :, alphas.index(1.0)][..., None]
    score = torch.where(baseline - unrelated <= max_loss * baseline, dev[..., 0], torch.tensor(-1.0))
    layer, head, a = (int(i) for i in np.unravel_index(int(score.argmax()), score.shape))
    at = (layer, head, a, 0)
    return {"layer": layer, "head": head, "alpha": alphas[a], "dev": dev[at].item(), "held_out": held_out[at].item()}


def reports_the_dev_rate(dev, held_out, unrelated, alphas, max_loss):
    loss = unrelated[:, :, alphas.index(1.0)][..., None] - unrelated
    score = torch.where(loss <= max_loss, dev[..., 0], torch.tensor(-1.0))
    layer, head, a = (int(i) for i in np.unravel_index(int(score.argmax()), score.shape))
    rate = dev[layer, head, a, 0].item()
    return {"layer": layer, "head": head, "alpha": alphas[a], "dev": rate, "held_out": rate}


def minimises_memorised(dev, held_out, unrelated, alphas, max_loss):
    loss = unrelated[:, :, alphas.index(1.0)][..., None] - unrelated
    score = torch.where(loss <= max_loss, -dev[..., 1], torch.tensor(-2.0))
    layer, head, a = (int(i) for i in np.unravel_index(int(score.argmax()), score.shape))
    at = (layer, head, a, 0)
    return {"layer": layer, "head": head, "alpha": alphas[a], "dev": dev[at].item(), "held_out": held_out[at].item()}


def measures_loss_from_perfect(dev, held_out, unrelated, alphas, max_loss):
    score = torch.where(unrelated >= 1 - max_loss, dev[..., 0], torch.tensor(-1.0))
    layer, head, a = (int(i) for i in np.unravel_index(int(score.argmax()), score.shape))
    at = (layer, head, a, 0)
    return {"layer": layer, "head": head, "alpha": alphas[a], "dev": dev[at].item(), "held_out": held_out[at].item()}


def gives_the_index_of_alpha(dev, held_out, unrelated, alphas, max_loss):
    loss = unrelated[:, :, alphas.index(1.0)][..., None] - unrelated
    score = torch.where(loss <= max_loss, dev[..., 0], torch.tensor(-1.0))
    layer, head, a = (int(i) for i in np.unravel_index(int(score.argmax()), score.shape))
    at = (layer, head, a, 0)
    return {"layer": layer, "head": head, "alpha": float(a), "dev": dev[at].item(), "held_out": held_out[at].item()}


def chooses_by_loop(dev, held_out, unrelated, alphas, max_loss):
    best = None
    for layer in range(dev.shape[0]):
        for head in range(dev.shape[1]):
            floor = float(unrelated[layer, head, alphas.index(1.0)]) - max_loss
            for a, alpha in enumerate(alphas):
                rate = float(dev[layer, head, a, 0])
                if float(unrelated[layer, head, a]) >= floor and (best is None or rate > best["dev"]):
                    held = float(held_out[layer, head, a, 0])
                    best = {"layer": layer, "head": head, "alpha": alpha, "dev": rate, "held_out": held}
    return best


def chooses_in_numpy(dev, held_out, unrelated, alphas, max_loss):
    rate, held = dev.double().numpy()[..., 0], held_out.double().numpy()[..., 0]
    accuracy = unrelated.double().numpy()
    rate = np.where(accuracy < accuracy[..., [alphas.index(1.0)]] - max_loss, np.nan, rate)
    where = np.unravel_index(np.nanargmax(rate), rate.shape)
    layer, head, a = map(int, where)
    return {"layer": layer, "head": head, "alpha": alphas[a], "dev": rate[where], "held_out": held[where]}


EXERCISE = Exercise(
    name="choose_head",
    card=Card(
        title="Choose an intervention without fooling yourself",
        difficulty=2,
        minutes=12,
        why="The best of many settings is partly good and partly lucky. Two splits and a budget for damage "
        "are the difference between a finding and a number that nobody can repeat.",
        paper="The intervention's evaluation: α chosen on a small split, rates reported on the full set (86.2% in "
        "the body, 88% in the abstract).",
    ),
    groups=(
        Group(
            "the best setting does no harm",
            2,
            _draw_sweep,
            hint="Look for the largest in-context rate (index 0 of the last axis) and report both splits at that "
            "setting.",
        ),
        Group(
            "the best setting breaks too much",
            2,
            partial(_draw_sweep, tempting=True),
            hint="Rule out settings whose accuracy is more than max_loss below that of the same head at α = 1.",
        ),
        Group(
            "another setting is lucky on held-out prompts",
            2,
            partial(_draw_sweep, lucky=True),
            hint="Only dev and unrelated may take part in the choice; held_out is read at the end, for the report.",
        ),
        Group(
            "the best setting even improves the rest",
            1,
            partial(_draw_sweep, base=0.6, best_loss=-0.12),
            cases=1,
            hint="A gain is no loss: the budget limits how far the accuracy may fall, not how far it may rise.",
        ),
        Group(
            "the best setting uses up most of the budget",
            1,
            partial(_draw_sweep, base=0.6, best_loss=0.042),
            cases=1,
            hint="max_loss is in points of accuracy (0.05 is from 0.60 down to 0.55), not a share of the accuracy.",
        ),
    ),
    mistakes=(
        Mistake(
            chooses_on_held_out,
            "You chose the setting on the held-out prompts. Then they are no longer held out, and the rate you "
            "report is too good: choose on dev, read held_out once.",
            6,
        ),
        Mistake(
            ignores_the_damage,
            "You chose the best setting whatever it breaks. Only settings that lose at most max_loss on unrelated "
            "prompts, compared with α = 1, may win.",
            6,
        ),
        Mistake(
            rejects_improvements,
            "You rule out settings that change the accuracy on unrelated prompts by more than max_loss in either "
            "direction. A setting that makes it better is within the budget.",
            7,
        ),
        Mistake(
            takes_the_budget_for_a_share,
            "You count the loss as a share of the unchanged accuracy. The budget is in points of accuracy: baseline "
            "minus accuracy, at most max_loss.",
            7,
        ),
        Mistake(
            reports_the_dev_rate,
            "You report the development rate as the held-out one. The setting was chosen because its development "
            "rate is high, so that rate is flattering.",
            0,
        ),
        Mistake(
            minimises_memorised,
            "You chose the setting with the fewest memorised answers. They may have become 'other' answers: a broken "
            "model remembers nothing either. Maximise the in-context rate.",
            0,
        ),
        Mistake(
            measures_loss_from_perfect,
            "You compare the accuracy on unrelated prompts with 1. The unchanged model is not perfect either: the "
            "budget counts from its accuracy at α = 1.",
            0,
        ),
        Mistake(
            gives_the_index_of_alpha,
            "alpha is the index in the list; return the value alphas[index].",
            0,
        ),
    ),
    variants=(chooses_by_loop, chooses_in_numpy),
)
