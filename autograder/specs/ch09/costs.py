"""Exercises 9.8 and 9.9: ``hardware_cost`` of a machine, and the ``pareto_frontier`` of many.

- drawn prices and days; sets of machines with dominated ones, twins, and ties in one of the two numbers.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw_machine(rng: Rng, gpus: tuple[int, ...], parts: list[str]) -> dict[str, Any]:
    return {
        "n_gpus": int(rng.choice(gpus)),
        "gpu_price": float(rng.integers(9, 400) * 100),
        "days": float(rng.uniform(5, 200)),
        "parts": parts,
    }


def pays_the_machine_for_each_gpu(n_gpus, gpu_price, days):
    machine = float(n_gpus * (MACHINE_PRICE[n_gpus] + gpu_price))
    return {"machine": machine, "training": machine * days / (5 * 365)}


def takes_the_machine_for_one_gpu(n_gpus, gpu_price, days):
    machine = float(MACHINE_PRICE[1] + n_gpus * gpu_price)
    return {"machine": machine, "training": machine * days / (5 * 365)}


def forgets_the_machine(n_gpus, gpu_price, days):
    machine = float(n_gpus * gpu_price)
    return {"machine": machine, "training": machine * days / (5 * 365)}


def lets_it_live_three_years(n_gpus, gpu_price, days):
    machine = float(MACHINE_PRICE[n_gpus] + n_gpus * gpu_price)
    return {"machine": machine, "training": machine * days / (3 * 365)}


def shares_the_cost_among_gpus(n_gpus, gpu_price, days):
    machine = float(MACHINE_PRICE[n_gpus] + n_gpus * gpu_price)
    return {"machine": machine, "training": machine * days / (5 * 365) / n_gpus}


def charges_gpu_days(n_gpus, gpu_price, days):
    machine = float(MACHINE_PRICE[n_gpus] + n_gpus * gpu_price)
    return {"machine": machine, "training": machine * days * n_gpus / (5 * 365)}


def charges_by_the_year(n_gpus, gpu_price, days):
    machine = float(MACHINE_PRICE[n_gpus] + n_gpus * gpu_price)
    return {"machine": machine, "training": machine * days / 365}


def cost_by_the_day(n_gpus, gpu_price, days):
    price = MACHINE_PRICE[n_gpus] + sum(gpu_price for _ in range(n_gpus))
    a_day = price / 1825
    return {"machine": price, "training": days * a_day}


def cost_in_tensors(n_gpus, gpu_price, days):
    price = torch.tensor([1.0, n_gpus], dtype=torch.float64) @ torch.tensor(
        [MACHINE_PRICE[n_gpus], gpu_price], dtype=torch.float64
    )
    return {"machine": price.item(), "training": (price * days / 5 / 365).item()}


HARDWARE_COST = Exercise(
    name="hardware_cost",
    card=Card(
        title="Price a machine, and a training on it",
        difficulty=1,
        minutes=8,
        why="A machine is bought once and used for years. Which of the two prices you look at decides whether an H100 "
        "is a luxury or a bargain.",
        paper="The cost-benefit analysis: machine and GPU prices, normalised by a life of five years.",
    ),
    groups=(
        Group(
            "the machine",
            3,
            partial(_draw_machine, gpus=(2, 4, 8), parts=["machine"]),
            hint="MACHINE_PRICE[n_gpus], once, plus n_gpus times the price of a GPU, as a float.",
        ),
        Group(
            "a training",
            2,
            partial(_draw_machine, gpus=(2, 4, 8), parts=["training"]),
            hint="The whole machine's price times days, divided by the 5 · 365 days of its life.",
        ),
    ),
    mistakes=(
        Mistake(
            pays_the_machine_for_each_gpu,
            "You pay for a whole machine with each GPU. MACHINE_PRICE[n] is one machine that holds n of them.",
            0,
        ),
        Mistake(
            takes_the_machine_for_one_gpu,
            "You take the machine for one GPU. One that holds n costs MACHINE_PRICE[n].",
            0,
        ),
        Mistake(forgets_the_machine, "The machine itself is missing: GPUs need something to sit in.", 0),
        Mistake(lets_it_live_three_years, "You let the machine live three years; the paper reckons with five.", 3),
        Mistake(
            shares_the_cost_among_gpus,
            "You divide by the number of GPUs. The training uses all of them, and so the whole machine.",
            3,
        ),
        Mistake(
            charges_gpu_days,
            "You charge GPU-days. The machine's price holds all its GPUs already, and they work at the same time: "
            "charge days.",
            3,
        ),
        Mistake(charges_by_the_year, "You spread the price over one year. The machine lives five.", 3),
    ),
    variants=(cost_by_the_day, cost_in_tensors),
    probe="ch09.part",
)


def _as_case(points: np.ndarray) -> dict[str, Any]:
    return {
        "dollars": torch.tensor(points[:, 0], dtype=torch.float32),
        "days": torch.tensor(points[:, 1], dtype=torch.float32),
    }


def _draw_clear(rng: Rng) -> dict[str, Any]:
    """No ties: a frontier, points that only one of it dominates, and the extremes not at the ends of the list."""
    k = int(rng.integers(4, 7))
    front = np.stack(
        [np.sort(rng.choice(np.arange(10, 60), k, False)), -np.sort(-rng.choice(np.arange(10, 60), k, False))], 1
    )
    worse = front[rng.integers(0, k, 4)] + rng.uniform(0.1, 0.4, (4, 2))
    return _as_case(rng.permutation(np.concatenate([front.astype(float), worse])))


def _draw_twins(rng: Rng) -> dict[str, Any]:
    case = _draw_clear(rng)
    points = np.stack([case["dollars"].numpy(), case["days"].numpy()], 1)
    lowest = points[:, 0].argmin()
    return _as_case(rng.permutation(np.concatenate([points, points[[lowest]]])))


def _draw_ties(rng: Rng) -> dict[str, Any]:
    """Points with the same price as one of the frontier and more days, and with the same days and a higher price."""
    case = _draw_clear(rng)
    points = np.stack([case["dollars"].numpy(), case["days"].numpy()], 1)
    cheapest, fastest = points[points[:, 0].argmin()], points[points[:, 1].argmin()]
    slower, dearer = cheapest + np.array([0.0, 3.0]), fastest + np.array([5.0, 0.0])
    every = rng.permutation(np.concatenate([points, [slower], [dearer]]))
    # The slower one of the same price first: who sorts by price alone meets it first and keeps it.
    at = [int(np.flatnonzero((every == row).all(1))[0]) for row in (slower, cheapest)]
    every[sorted(at)] = np.stack([slower, cheapest])
    return _as_case(every)


def keeps_what_is_best_in_one(dollars, days):
    return [i for i in range(len(days)) if dollars[i] == dollars.min() or days[i] == days.min()]


def keeps_the_dominated(dollars, days):
    return [i for i in range(len(days)) if ((dollars < dollars[i]) & (days < days[i])).any()]


def needs_both_better(dollars, days):
    return [i for i in range(len(days)) if not ((dollars < dollars[i]) & (days < days[i])).any()]


def drops_twins(dollars, days):
    keep = []
    for i in range(len(days)):
        others = [j for j in range(len(days)) if j != i]
        if not any(dollars[j] <= dollars[i] and days[j] <= days[i] for j in others):
            keep.append(i)
    return keep


def keeps_one_twin(dollars, days):
    keep, best = [], float("inf")
    for i in sorted(range(len(days)), key=lambda i: (float(dollars[i]), float(days[i]))):
        if days[i] < best:
            keep.append(i)
            best = float(days[i])
    return sorted(keep)


def sorts_by_price_alone(dollars, days):
    keep, best = [], float("inf")
    for i in sorted(range(len(days)), key=lambda i: float(dollars[i])):
        if days[i] < best:
            keep.append(i)
            best = float(days[i])
    return sorted(keep)


def sorts_by_price(dollars, days):
    keep = []
    for i in range(len(days)):
        better = (dollars <= dollars[i]) & (days <= days[i]) & ((dollars < dollars[i]) | (days < days[i]))
        if not better.any():
            keep.append(i)
    return sorted(keep, key=lambda i: float(dollars[i]))


def maximises(dollars, days):
    keep = []
    for i in range(len(days)):
        better = (dollars >= dollars[i]) & (days >= days[i]) & ((dollars > dollars[i]) | (days > days[i]))
        if not better.any():
            keep.append(i)
    return keep


def frontier_by_pairs(dollars, days):
    points = list(zip(dollars.tolist(), days.tolist(), strict=True))

    def dominated(point):
        return any(all(a <= b for a, b in zip(other, point, strict=True)) and other != point for other in points)

    return [i for i, point in enumerate(points) if not dominated(point)]


def frontier_by_broadcast(dollars, days):
    points = torch.stack([dollars, days], 1).double()
    as_good = (points[None] <= points[:, None]).all(-1)
    better = (points[None] < points[:, None]).any(-1)
    return (~(as_good & better).any(1)).nonzero()[:, 0].tolist()


PARETO_FRONTIER = Exercise(
    name="pareto_frontier",
    card=Card(
        title="Find the machines that nobody should buy",
        difficulty=3,
        minutes=13,
        why="With two goals there is no best machine, but there are bad ones. The frontier is the honest answer to "
        "'which one should we get?'.",
        paper="The cost-benefit analysis: training time against price, and its Pareto frontier.",
    ),
    groups=(
        Group(
            "no two machines alike",
            3,
            _draw_clear,
            hint="A machine is out if some other has no more dollars and no more days, and fewer of at least one. "
            "Return indices in increasing order.",
        ),
        Group(
            "the same in one of the two",
            2,
            _draw_ties,
            hint="Same price and slower: dominated. Same days and dearer: dominated as well.",
        ),
        Group(
            "twins",
            2,
            _draw_twins,
            hint="Two machines that are the same in both numbers do not dominate each other: both are on the frontier "
            "if nothing else beats them.",
        ),
    ),
    mistakes=(
        Mistake(
            keeps_what_is_best_in_one,
            "You keep the cheapest and the fastest only. What lies between them, cheaper than the fastest and faster "
            "than the cheapest, is on the frontier too.",
            0,
        ),
        Mistake(
            keeps_the_dominated,
            "You return the machines that are dominated; the frontier is the others.",
            0,
        ),
        Mistake(
            needs_both_better,
            "You drop a machine only if another is better in both. With the same price, a slower machine is dominated "
            "already.",
            5,
        ),
        Mistake(
            drops_twins,
            "Your twins drop each other. A machine dominates only what it is better than in at least one number.",
            5,
        ),
        Mistake(
            keeps_one_twin,
            "Of two machines with the same price and days you keep one. Neither dominates the other: keep both.",
            5,
        ),
        Mistake(
            sorts_by_price_alone,
            "You sort by price alone and keep what is faster than everything before it. Of two machines with the same "
            "price the slower one may come first then, and of two alike in both numbers one is lost: mind the ties.",
            3,
        ),
        Mistake(
            sorts_by_price,
            "Your machines are right and in the order of their price. Return the indices in increasing order.",
            0,
        ),
        Mistake(
            maximises,
            "You look for the dearest and slowest machines. Dollars and days are both to be small.",
            0,
        ),
    ),
    variants=(frontier_by_pairs, frontier_by_broadcast),
)
