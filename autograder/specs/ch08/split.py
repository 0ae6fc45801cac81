"""Exercise 8.8, ``seen_unseen_split``: pairs that are held out, and the scenes that may train or test.

- drawn scenes of one and of two objects, with a drawn order in which pairs are considered.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, count: int, parts: list[str]) -> dict[str, Any]:
    n_colours, n_shapes, n_held, n = 4, 3, 5, 60
    pairs = [(c, s) for c in range(n_colours) for s in range(n_shapes)]
    order = [pairs[i] for i in rng.permutation(len(pairs))]
    # All pairs of one colour come first, then those of one shape: whoever does not look after both of them leaves a
    # colour or a shape without a seen pair, whatever was drawn.
    colour, shape = order[0]
    first = [p for p in order if p[0] == colour]
    second = [p for p in order if p[1] == shape and p not in first]
    order = first + second + [p for p in order if p not in first + second]
    colours = np.stack([rng.permutation(n_colours)[:count] for _ in range(n)])
    shapes = np.stack([rng.permutation(n_shapes)[:count] for _ in range(n)])
    return {
        "colours": torch.tensor(colours),
        "shapes": torch.tensor(shapes),
        "order": [list(pair) for pair in order],
        "n_held": n_held,
        "parts": parts,
    }


def _draw_as_many_as_can_be(rng: Rng) -> dict[str, Any]:
    """Another world, 6 colours and 2 shapes, and the largest n_held that the order allows.

    The last pair of the order is held out, too: its shape is seen in pairs that come before it and were passed over.
    """
    pairs = [[c, s] for c in range(6) for s in range(2)]
    while True:
        order = [pairs[i] for i in rng.permutation(len(pairs))]
        held: list[list[int]] = []
        for pair in order:
            rest = [p for p in order if p not in held and p != pair]
            if {pair[0]} <= {p[0] for p in rest} and {pair[1]} <= {p[1] for p in rest}:
                held.append(pair)
        if order[-1] in held and held != order[: len(held)]:
            scenes = {"colours": rng.integers(0, 6, size=(20, 1)), "shapes": rng.integers(0, 2, size=(20, 1))}
            tensors = {name: torch.tensor(value) for name, value in scenes.items()}
            return {**tensors, "order": order, "n_held": len(held), "parts": ["held_out"]}


def _draw_impossible(rng: Rng) -> dict[str, Any]:
    case = _draw(rng, 1, ["held_out"])
    return {**case, "n_held": int(rng.integers(10, 13))}


def takes_the_first_pairs(colours, shapes, order, n_held):
    if n_held > len(order) - max(len({c for c, _ in order}), len({s for _, s in order})):
        raise ValueError("so many pairs cannot be held out")
    held = [list(pair) for pair in order[:n_held]]
    is_held = torch.tensor(
        [
            [[c, s] in held for c, s in zip(cs, ss, strict=True)]
            for cs, ss in zip(colours.tolist(), shapes.tolist(), strict=True)
        ]
    )
    return {"held_out": held, "train": is_held.sum(1) == 0, "test": is_held.sum(1) == 1}


def looks_after_colours_alone(colours, shapes, order, n_held):
    held, every = [], [list(pair) for pair in order]
    # Shapes are looked after at the end only, so that impossible wishes are still refused.
    for pair in every:
        rest = [p for p in every if p not in held and p != pair]
        if len(held) < n_held and any(p[0] == pair[0] for p in rest):
            held.append(pair)
    if len(held) < n_held or n_held > len(every) - max(len({p[0] for p in every}), len({p[1] for p in every})):
        raise ValueError("so many pairs cannot be held out")
    is_held = torch.tensor(
        [
            [[c, s] in held for c, s in zip(cs, ss, strict=True)]
            for cs, ss in zip(colours.tolist(), shapes.tolist(), strict=True)
        ]
    )
    return {"held_out": held, "train": is_held.sum(1) == 0, "test": is_held.sum(1) == 1}


def forgets_the_pairs_that_were_passed_over(colours, shapes, order, n_held):
    held = []
    for place, (c, s) in enumerate(order):
        rest = order[place + 1 :]
        if len(held) < n_held and any(p[0] == c for p in rest) and any(p[1] == s for p in rest):
            held.append((c, s))
    if n_held > len(order) - max(len({p[0] for p in order}), len({p[1] for p in order})):
        raise ValueError("so many pairs cannot be held out")
    number = sum(((colours == c) & (shapes == s)).sum(1) for c, s in held)
    return {"held_out": held, "train": number == 0, "test": number == 1}


def counts_on_eight_colours_and_three_shapes(colours, shapes, order, n_held):
    of_colour, of_shape, held = [3] * 8, [8] * 3, []
    for c, s in order:
        if len(held) < n_held and of_colour[c] > 1 and of_shape[s] > 1:
            held.append((c, s))
            of_colour[c] -= 1
            of_shape[s] -= 1
    if n_held > len(order) - max(len({p[0] for p in order}), len({p[1] for p in order})):
        raise ValueError("so many pairs cannot be held out")
    number = sum(((colours == c) & (shapes == s)).sum(1) for c, s in held)
    return {"held_out": held, "train": number == 0, "test": number == 1}


def looks_for_colour_and_shape_anywhere(colours, shapes, order, n_held):
    held = []
    for pair in order:
        rest = [p for p in order if p not in held and p != pair]
        if len(held) < n_held and any(p[0] == pair[0] for p in rest) and any(p[1] == pair[1] for p in rest):
            held.append(pair)
    if len(held) < n_held:
        raise ValueError("so many pairs cannot be held out")
    number = sum(((colours == c).any(1) & (shapes == s).any(1)).long() for c, s in held)
    return {"held_out": held, "train": number == 0, "test": number == 1}


def looks_for_words_of_held_out_pairs(colours, shapes, order, n_held):
    held = []
    for pair in order:
        rest = [p for p in order if p not in held and p != pair]
        if len(held) < n_held and any(p[0] == pair[0] for p in rest) and any(p[1] == pair[1] for p in rest):
            held.append(pair)
    if len(held) < n_held:
        raise ValueError("so many pairs cannot be held out")
    words = torch.tensor(held)
    number = (torch.isin(colours, words[:, 0]) & torch.isin(shapes, words[:, 1])).sum(1)
    return {"held_out": held, "train": number == 0, "test": number == 1}


def looks_at_the_first_object_alone(colours, shapes, order, n_held):
    held, every = [], [list(pair) for pair in order]
    for pair in every:
        rest = [p for p in every if p not in held and p != pair]
        if len(held) < n_held and any(p[0] == pair[0] for p in rest) and any(p[1] == pair[1] for p in rest):
            held.append(pair)
    if len(held) < n_held:
        raise ValueError("so many pairs cannot be held out")
    first = torch.tensor([[c, s] in held for c, s in zip(colours[:, 0].tolist(), shapes[:, 0].tolist(), strict=True)])
    return {"held_out": held, "train": ~first, "test": first}


def trains_where_one_object_is_seen(colours, shapes, order, n_held):
    held, every = [], [list(pair) for pair in order]
    for pair in every:
        rest = [p for p in every if p not in held and p != pair]
        if len(held) < n_held and any(p[0] == pair[0] for p in rest) and any(p[1] == pair[1] for p in rest):
            held.append(pair)
    if len(held) < n_held:
        raise ValueError("so many pairs cannot be held out")
    is_held = torch.tensor(
        [
            [[c, s] in held for c, s in zip(cs, ss, strict=True)]
            for cs, ss in zip(colours.tolist(), shapes.tolist(), strict=True)
        ]
    )
    return {"held_out": held, "train": ~is_held.all(1), "test": is_held.sum(1) == 1}


def tests_whatever_does_not_train(colours, shapes, order, n_held):
    held, every = [], [list(pair) for pair in order]
    for pair in every:
        rest = [p for p in every if p not in held and p != pair]
        if len(held) < n_held and any(p[0] == pair[0] for p in rest) and any(p[1] == pair[1] for p in rest):
            held.append(pair)
    if len(held) < n_held:
        raise ValueError("so many pairs cannot be held out")
    is_held = torch.tensor(
        [
            [[c, s] in held for c, s in zip(cs, ss, strict=True)]
            for cs, ss in zip(colours.tolist(), shapes.tolist(), strict=True)
        ]
    )
    return {"held_out": held, "train": ~is_held.any(1), "test": is_held.any(1)}


def holds_out_as_many_as_it_can(colours, shapes, order, n_held):
    held, every = [], [list(pair) for pair in order]
    for pair in every:
        rest = [p for p in every if p not in held and p != pair]
        if len(held) < n_held and any(p[0] == pair[0] for p in rest) and any(p[1] == pair[1] for p in rest):
            held.append(pair)
    is_held = torch.tensor(
        [
            [[c, s] in held for c, s in zip(cs, ss, strict=True)]
            for cs, ss in zip(colours.tolist(), shapes.tolist(), strict=True)
        ]
    )
    return {"held_out": held, "train": is_held.sum(1) == 0, "test": is_held.sum(1) == 1}


def split_with_a_table(colours, shapes, order, n_held):
    table = torch.zeros(1 + max(c for c, _ in order), 1 + max(s for _, s in order), dtype=torch.bool)
    held = []
    for c, s in order:
        if len(held) == n_held:
            break
        table[c, s] = True
        if table[c].all() or table[:, s].all():
            table[c, s] = False
        else:
            held.append((c, s))
    if len(held) < n_held:
        raise ValueError(f"only {len(held)} pairs can be held out")
    number = table[colours, shapes].sum(dim=1)
    return {"held_out": held, "train": number == 0, "test": number == 1}


def split_with_counters(colours, shapes, order, n_held):
    from collections import Counter

    left_of_colour, left_of_shape = Counter(c for c, _ in order), Counter(s for _, s in order)
    held = []
    for c, s in order:
        if len(held) < n_held and left_of_colour[c] > 1 and left_of_shape[s] > 1:
            held.append([c, s])
            left_of_colour[c] -= 1
            left_of_shape[s] -= 1
    if len(held) != n_held:
        raise ValueError("not enough pairs")
    numbers = [
        sum([c, s] in held for c, s in zip(cs, ss, strict=True))
        for cs, ss in zip(colours.tolist(), shapes.tolist(), strict=True)
    ]
    return {
        "held_out": held,
        "train": torch.tensor([number == 0 for number in numbers]),
        "test": torch.tensor([number == 1 for number in numbers]),
    }


EXERCISE = Exercise(
    name="seen_unseen_split",
    card=Card(
        title="Hold pairs out, and let nothing leak",
        difficulty=3,
        minutes=15,
        why="Generalising to a new pair means something only if its colour and its shape were both seen, and the pair "
        "never was: not as a second object either.",
        paper="The train, validation and generalisation splits.",
    ),
    groups=(
        Group(
            "which pairs",
            2,
            partial(_draw, count=1, parts=["held_out"]),
            hint="In the given order, hold a pair out unless its colour or its shape would lose its last seen pair; "
            "then go on with the next.",
        ),
        Group(
            "as many pairs as can be",
            1,
            _draw_as_many_as_can_be,
            hint="This world has other colours and shapes. A pair that was passed over is seen, and counts for its "
            "colour and for its shape.",
        ),
        Group(
            "scenes of one object",
            2,
            partial(_draw, count=1, parts=["train", "test"]),
            hint="train: the pair is seen. test: it is held out.",
        ),
        Group(
            "scenes of two objects",
            3,
            partial(_draw, count=2, parts=["train", "test"]),
            hint="train: no object is a held-out pair. test: exactly one is. A scene with two goes to neither.",
        ),
        Group(
            "too many pairs",
            1,
            _draw_impossible,
            hint="Raise ValueError when fewer than n_held pairs can be held out.",
            raises="ValueError",
        ),
    ),
    mistakes=(
        Mistake(
            takes_the_first_pairs,
            "You take the first pairs of the order. Then a colour may lose all of its pairs, and the test asks for a "
            "colour that was never seen.",
            1,
        ),
        Mistake(
            looks_after_colours_alone,
            "You look after colours and not after shapes: a shape may be left without any seen pair.",
            1,
        ),
        Mistake(
            forgets_the_pairs_that_were_passed_over,
            "You look at the pairs that come later in the order alone. A pair that was passed over stays seen: it "
            "counts for its colour and its shape, too.",
            8,
        ),
        Mistake(
            counts_on_eight_colours_and_three_shapes,
            "You count on 8 colours and 3 shapes. The order may be of another world: count the pairs in it.",
            1,
        ),
        Mistake(
            looks_for_colour_and_shape_anywhere,
            "You take a scene for held out if the pair's colour is anywhere in it and its shape anywhere: red ring and "
            "blue square are no red square. Colour and shape have to belong to one object: (...) & (...) first, then "
            "sum or any over objects.",
            6,
        ),
        Mistake(
            looks_for_words_of_held_out_pairs,
            "You look for a colour of any held-out pair together with a shape of any. With red square and blue ring "
            "held out, red ring is a seen pair: compare pair by pair.",
            4,
        ),
        Mistake(
            looks_at_the_first_object_alone,
            "You look at the first object alone. A held-out pair as the second object of a training scene is seen all "
            "the same: it leaks.",
            6,
        ),
        Mistake(
            trains_where_one_object_is_seen,
            "You train on scenes where one of two objects is a held-out pair. In a training scene none may be.",
            6,
        ),
        Mistake(
            tests_whatever_does_not_train,
            "You test on every scene that does not train. Where both objects are held-out pairs, nothing in the scene "
            "was seen: test scenes have exactly one.",
            6,
        ),
        Mistake(
            holds_out_as_many_as_it_can,
            "You hold out fewer pairs than asked and say nothing. Raise ValueError if n_held of them cannot be had.",
            8,
        ),
    ),
    variants=(split_with_a_table, split_with_counters),
    probe="ch08.part",
)
