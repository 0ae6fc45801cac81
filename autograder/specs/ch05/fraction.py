"""Exercise 5.7, ``gate_fraction``: the share of an edit's effect that a patch carries.

- drawn logit differences in which both directions occur and some pairs have hardly any effect;
- models that do not react, that react to each pair but not on average, and that react the wrong way round.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake
from autograder.specs.ch05.streams import until

Rng = np.random.Generator


def _draw(
    rng: Rng, one_way: bool = False, weak: bool = False, cancels: bool = False, backwards: bool = False
) -> dict[str, Any]:
    def draw(rng: Rng) -> dict[str, Any]:
        n = int(rng.integers(14, 22))
        towards = np.ones(n) if one_way else np.where(rng.permutation(n) < n // 2 - 2, -1.0, 1.0)
        size = 0.02 * rng.normal(size=n) if weak else np.abs(rng.normal(8, 3, size=n)) + 1
        if not weak:
            size[:3] = [0.3, -0.4, 0.2]  # pairs with hardly any effect: ratios of single pairs run wild
        if cancels:
            size = rng.normal(0, 8, size=n)
            size -= size.mean()
        if backwards:
            size = -size
        clean = -towards * np.abs(rng.normal(5, 2, size=n))
        share = rng.normal(0.7, 0.25, size=n)
        noise = rng.normal(0, 0.01 if weak else 0.6, size=n)
        values = {
            "clean": clean,
            "corrupt": clean + towards * size,
            "patched": clean + towards * size * share + towards * noise,
        }
        found = {name: torch.tensor(value, dtype=torch.float32) for name, value in values.items()}
        return {**found, "corrupt_is_same": torch.tensor(towards > 0), "min_gap": 0.5}

    def wanted(case: dict[str, Any]) -> bool:
        right = fraction_by_loop(**case)
        if weak:
            return right != right
        if cancels:
            unoriented = does_not_orient(**case)
            return right != right and unoriented == unoriented
        others = (averages_ratios, does_not_orient, gives_what_is_left, takes_absolute_values)
        if one_way:
            others = (averages_ratios, gives_what_is_left)
        elif not backwards:
            others = (*others, lets_the_model_say_which_way)
        return all(abs(other(**case) - right) > 0.02 for other in others)

    return until(rng, draw, wanted)


def averages_ratios(clean, corrupt, patched, corrupt_is_same, min_gap):
    towards = corrupt_is_same.float() * 2 - 1
    if (towards * (corrupt - clean)).mean().abs() < min_gap:
        return float("nan")
    return ((patched - clean) / (corrupt - clean)).mean().item()


def does_not_orient(clean, corrupt, patched, corrupt_is_same, min_gap):
    gap = (corrupt - clean).mean()
    return ((patched - clean).mean() / gap).item() if gap.abs() >= min_gap else float("nan")


def gives_what_is_left(clean, corrupt, patched, corrupt_is_same, min_gap):
    towards = corrupt_is_same.float() * 2 - 1
    gap = (towards * (corrupt - clean)).mean()
    return ((towards * (corrupt - patched)).mean() / gap).item() if gap.abs() >= min_gap else float("nan")


def takes_absolute_values(clean, corrupt, patched, corrupt_is_same, min_gap):
    gap = (corrupt - clean).abs().mean()
    return ((patched - clean).abs().mean() / gap).item() if gap >= min_gap else float("nan")


def divides_by_next_to_nothing(clean, corrupt, patched, corrupt_is_same, min_gap):
    towards = corrupt_is_same.float() * 2 - 1
    return ((towards * (patched - clean)).mean() / (towards * (corrupt - clean)).mean()).item()


def forgets_that_effects_have_a_sign(clean, corrupt, patched, corrupt_is_same, min_gap):
    towards = corrupt_is_same.float() * 2 - 1
    gap = (towards * (corrupt - clean)).mean()
    return ((towards * (patched - clean)).mean() / gap).item() if gap >= min_gap else float("nan")


def asks_each_pair_for_an_effect(clean, corrupt, patched, corrupt_is_same, min_gap):
    if (corrupt - clean).abs().mean() < min_gap:
        return float("nan")
    towards = corrupt_is_same.float() * 2 - 1
    return ((towards * (patched - clean)).mean() / (towards * (corrupt - clean)).mean()).item()


def lets_the_model_say_which_way(clean, corrupt, patched, corrupt_is_same, min_gap):
    towards = torch.sign(corrupt - clean)
    gap = (towards * (corrupt - clean)).mean()
    return ((towards * (patched - clean)).mean() / gap).item() if gap.abs() >= min_gap else float("nan")


def fraction_by_loop(clean, corrupt, patched, corrupt_is_same, min_gap):
    moved = whole = 0.0
    for a, b, c, same in zip(clean.tolist(), corrupt.tolist(), patched.tolist(), corrupt_is_same.tolist(), strict=True):
        moved += (c - a) if same else (a - c)
        whole += (b - a) if same else (a - b)
    return moved / whole if abs(whole / len(clean)) >= min_gap else float("nan")


def fraction_by_split_sums(clean, corrupt, patched, corrupt_is_same, min_gap):
    def towards(values):
        return (values[corrupt_is_same].sum() - values[~corrupt_is_same].sum()).item() / len(values)

    whole = towards(corrupt) - towards(clean)
    return float((towards(patched) - towards(clean)) / whole) if abs(whole) >= min_gap else float("nan")


EXERCISE = Exercise(
    name="gate_fraction",
    card=Card(
        title="Say how much of the effect a patch carries",
        difficulty=3,
        minutes=12,
        why="One number decides the claim of the chapter. There are four easy ways to get it wrong, and three of them "
        "still look like a fraction.",
        paper="The recovered share of the effect, (patched − clean) / (corrupt − clean), here as a ratio of means.",
    ),
    groups=(
        Group(
            "all edits in one direction",
            3,
            partial(_draw, one_way=True),
            hint="Mean of (patched − clean) divided by mean of (corrupt − clean), not the mean of the quotients.",
        ),
        Group(
            "edits in both directions",
            2,
            _draw,
            hint="Turn the sign of the pairs whose corrupt answer is 'different', or the two directions cancel.",
        ),
        Group(
            "a model that does not react",
            1,
            partial(_draw, weak=True),
            hint="When the mean effect of the edit is smaller than min_gap, return float('nan'): nothing to share.",
        ),
        Group(
            "effects that cancel",
            1,
            partial(_draw, cancels=True),
            hint="Compare the *mean* oriented effect with min_gap, not the mean of sizes: effects may cancel.",
        ),
        Group(
            "a model that reacts the wrong way round",
            1,
            partial(_draw, backwards=True),
            hint="A mean effect that is large and negative is an effect too: compare its size with min_gap.",
        ),
    ),
    mistakes=(
        Mistake(
            averages_ratios,
            "You average one fraction per pair. Pairs with hardly any effect have wild fractions, and one of them can "
            "outweigh all others: divide the mean effect of the patch by the mean effect of the edit.",
            2,
        ),
        Mistake(
            does_not_orient,
            "You let the two directions cancel: an edit towards 'same' raises the difference, one towards 'different' "
            "lowers it. Multiply by +1 or −1 (corrupt_is_same) before you average.",
            4,
        ),
        Mistake(
            gives_what_is_left,
            "You give the share that the patch does not carry, 1 minus the fraction: measure from the clean run, "
            "patched − clean.",
            2,
        ),
        Mistake(
            takes_absolute_values,
            "You average absolute values. Noise then counts as effect, and a patch that pushes the wrong way counts as "
            "success: use the signs.",
            1,
        ),
        Mistake(
            divides_by_next_to_nothing,
            "Your fraction divides by next to nothing when the model does not react to the edit. Return float('nan') "
            "when the mean effect is smaller than min_gap.",
            6,
        ),
        Mistake(
            forgets_that_effects_have_a_sign,
            "You take a large negative mean effect for none. A model may react the wrong way round, and a patch may "
            "carry that too: compare the size of the mean effect with min_gap.",
            7,
        ),
        Mistake(
            lets_the_model_say_which_way,
            "You take the sign of corrupt − clean for the direction. That is how the model reacted, and every pair "
            "then counts as an effect in the right direction, noise included: the direction is corrupt_is_same.",
            1,
        ),
        Mistake(
            asks_each_pair_for_an_effect,
            "You compare the mean of the sizes with min_gap. Large effects of single pairs can cancel, and then you "
            "divide by next to nothing: compare the size of the mean, with the signs turned first.",
            7,
        ),
    ),
    variants=(fraction_by_loop, fraction_by_split_sums),
)
