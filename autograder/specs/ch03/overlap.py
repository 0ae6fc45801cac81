"""Exercise 3.7, ``circuit_overlap``: two circuits, what they share and what chance would share.

- drawn scores with signs, heads that turn up in several stages, ties, weak heads below the floor, pruned heads, empty
  circuits.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator
_SETS, _SHARES, _CHANCE = ["first", "second", "shared"], ["of_union", "of_first"], ["expected", "chance"]


def _scores(rng: Rng, stages: int, layers: int, heads: int) -> np.ndarray:
    """Distinct sizes between 0.06 and 1.9, both signs; some heads are strong in every stage, as movers are."""
    sizes = rng.permutation(np.linspace(0.06, 0.5, stages * layers * heads)).reshape(stages, -1)
    sizes[:, : layers * heads // 3] += 0.4 * (rng.random((1, layers * heads // 3)) < 0.6)
    sizes[0, 0] += 1.0  # strong and negative, so that sizes and signs differ
    signs = np.where(rng.random(sizes.shape) < 0.5, -1.0, 1.0)
    signs[0, 0] = -1.0
    return (sizes * signs).reshape(stages, layers, heads)


def _draw(
    rng: Rng, parts: list[str], weak: bool = False, ties: bool = False, small: str = "", empty: tuple[str, ...] = ()
) -> dict[str, Any]:
    """``small``: the task of which only the first stage does anything; ``empty``: tasks of which none does."""
    stages, layers, heads = int(rng.integers(2, 4)), int(rng.integers(3, 5)), int(rng.integers(4, 7))
    first, second = _scores(rng, stages, layers, heads), _scores(rng, stages, layers, heads)
    k, floor = int(rng.integers(3, 6)), 1 / 32  # a power of two, so that a score can be equal to it
    pruned = int(rng.integers(1, 3))
    for scores in (first, second):
        scores.reshape(stages, -1)[:, -pruned:] = 0.0  # heads that cannot belong, and that chance cannot draw
    if weak:  # in the last stage only two heads do anything, and a third is just at the floor
        k = int(rng.integers(4, 6))
        for scores in (first, second):
            scores[-1] = 0.03 * np.sign(scores[-1]) * rng.random(scores[-1].shape)
            scores[:, 0, 2] = 0.0  # it belongs through this stage or not at all
            scores[-1, 0, 1], scores[-1, 1, 0], scores[-1, 0, 2] = 0.3, -0.2, -floor
    if ties:
        for scores in (first, second):
            scores[...] = np.sign(scores) * rng.choice([0.1, 0.2, 0.3], size=scores.shape)
    named = {"first": first, "second": second}
    if small:
        named[small][1:] *= 0.01
    for task in empty:
        named[task][...] *= 0.01
    tensors = {task: torch.tensor(scores).float() for task, scores in named.items()}
    return {**tensors, "k": k, "floor": floor, "n_heads": layers * heads - pruned, "parts": parts}


def counts_a_head_once_a_stage(first, second, k, floor, n_heads):
    def circuit(stages):
        chosen = []
        for scores in stages:
            values = scores.abs().flatten().tolist()
            order = sorted(range(len(values)), key=lambda i: -values[i])
            chosen += [list(divmod(i, scores.shape[1])) for i in order[:k] if values[i] >= floor]
        return sorted(chosen)

    a, b = circuit(first), circuit(second)
    shared = [head for head in a if head in b]
    union = len(a) + len(b) - len(shared)
    tail = range(len(shared), min(len(a), len(b)) + 1)
    ways = sum(comb(len(a), s) * comb(max(n_heads - len(a), 0), len(b) - s) for s in tail if len(b) >= s)
    return {
        "first": a,
        "second": b,
        "shared": shared,
        "of_union": len(shared) / union if union else 0.0,
        "of_first": len(shared) / len(a) if a else 0.0,
        "expected": len(a) * len(b) / n_heads,
        "chance": ways / max(comb(n_heads, len(b)), 1),
    }


def takes_the_largest_with_their_signs(first, second, k, floor, n_heads):
    def circuit(stages):
        chosen = set()
        for scores in stages:
            values = scores.flatten().tolist()
            order = sorted(range(len(values)), key=lambda i: -values[i])
            chosen |= {divmod(i, scores.shape[1]) for i in order[:k] if values[i] >= floor}
        return chosen

    a, b = circuit(first), circuit(second)
    shared, union = a & b, a | b
    tail = range(len(shared), min(len(a), len(b)) + 1)
    ways = sum(comb(len(a), s) * comb(n_heads - len(a), len(b) - s) for s in tail)
    return {
        "first": sorted(list(head) for head in a),
        "second": sorted(list(head) for head in b),
        "shared": sorted(list(head) for head in shared),
        "of_union": len(shared) / len(union) if union else 0.0,
        "of_first": len(shared) / len(a) if a else 0.0,
        "expected": len(a) * len(b) / n_heads,
        "chance": ways / comb(n_heads, len(b)),
    }


def keeps_weak_heads(first, second, k, floor, n_heads):
    def circuit(stages):
        chosen = set()
        for scores in stages:
            values = scores.abs().flatten().tolist()
            order = sorted(range(len(values)), key=lambda i: -values[i])
            chosen |= {divmod(i, scores.shape[1]) for i in order[:k]}
        return chosen

    a, b = circuit(first), circuit(second)
    shared, union = a & b, a | b
    tail = range(len(shared), min(len(a), len(b)) + 1)
    ways = sum(comb(len(a), s) * comb(n_heads - len(a), len(b) - s) for s in tail)
    return {
        "first": sorted(list(head) for head in a),
        "second": sorted(list(head) for head in b),
        "shared": sorted(list(head) for head in shared),
        "of_union": len(shared) / len(union),
        "of_first": len(shared) / len(a),
        "expected": len(a) * len(b) / n_heads,
        "chance": ways / comb(n_heads, len(b)),
    }


def divides_by_the_sum_of_sizes(first, second, k, floor, n_heads):
    def circuit(stages):
        chosen = set()
        for scores in stages:
            values = scores.abs().flatten().tolist()
            order = sorted(range(len(values)), key=lambda i: -values[i])
            chosen |= {divmod(i, scores.shape[1]) for i in order[:k] if values[i] >= floor}
        return chosen

    a, b = circuit(first), circuit(second)
    shared = a & b
    tail = range(len(shared), min(len(a), len(b)) + 1)
    ways = sum(comb(len(a), s) * comb(n_heads - len(a), len(b) - s) for s in tail)
    return {
        "first": sorted(list(head) for head in a),
        "second": sorted(list(head) for head in b),
        "shared": sorted(list(head) for head in shared),
        "of_union": len(shared) / (len(a) + len(b)) if a or b else 0.0,
        "of_first": len(shared) / len(a) if a else 0.0,
        "expected": len(a) * len(b) / n_heads,
        "chance": ways / comb(n_heads, len(b)),
    }


def gives_percentages(first, second, k, floor, n_heads):
    def circuit(stages):
        chosen = set()
        for scores in stages:
            values = scores.abs().flatten().tolist()
            order = sorted(range(len(values)), key=lambda i: -values[i])
            chosen |= {divmod(i, scores.shape[1]) for i in order[:k] if values[i] >= floor}
        return chosen

    a, b = circuit(first), circuit(second)
    shared, union = a & b, a | b
    tail = range(len(shared), min(len(a), len(b)) + 1)
    ways = sum(comb(len(a), s) * comb(n_heads - len(a), len(b) - s) for s in tail)
    return {
        "first": sorted(list(head) for head in a),
        "second": sorted(list(head) for head in b),
        "shared": sorted(list(head) for head in shared),
        "of_union": 100 * len(shared) / len(union) if union else 0.0,
        "of_first": 100 * len(shared) / len(a) if a else 0.0,
        "expected": len(a) * len(b) / n_heads,
        "chance": ways / comb(n_heads, len(b)),
    }


def gives_the_chance_of_exactly_as_many(first, second, k, floor, n_heads):
    def circuit(stages):
        chosen = set()
        for scores in stages:
            values = scores.abs().flatten().tolist()
            order = sorted(range(len(values)), key=lambda i: -values[i])
            chosen |= {divmod(i, scores.shape[1]) for i in order[:k] if values[i] >= floor}
        return chosen

    a, b = circuit(first), circuit(second)
    shared, union = a & b, a | b
    s = len(shared)
    return {
        "first": sorted(list(head) for head in a),
        "second": sorted(list(head) for head in b),
        "shared": sorted(list(head) for head in shared),
        "of_union": s / len(union) if union else 0.0,
        "of_first": s / len(a) if a else 0.0,
        "expected": len(a) * len(b) / n_heads,
        "chance": comb(len(a), s) * comb(n_heads - len(a), len(b) - s) / comb(n_heads, len(b)),
    }


def gives_the_chance_of_fewer(first, second, k, floor, n_heads):
    def circuit(stages):
        chosen = set()
        for scores in stages:
            values = scores.abs().flatten().tolist()
            order = sorted(range(len(values)), key=lambda i: -values[i])
            chosen |= {divmod(i, scores.shape[1]) for i in order[:k] if values[i] >= floor}
        return chosen

    a, b = circuit(first), circuit(second)
    shared, union = a & b, a | b
    tail = range(len(shared), min(len(a), len(b)) + 1)
    ways = sum(comb(len(a), s) * comb(n_heads - len(a), len(b) - s) for s in tail)
    return {
        "first": sorted(list(head) for head in a),
        "second": sorted(list(head) for head in b),
        "shared": sorted(list(head) for head in shared),
        "of_union": len(shared) / len(union) if union else 0.0,
        "of_first": len(shared) / len(a) if a else 0.0,
        "expected": len(a) * len(b) / n_heads,
        "chance": 1 - ways / comb(n_heads, len(b)),
    }


def ranks_all_stages_together(first, second, k, floor, n_heads):
    def circuit(stages):
        values = stages.abs().amax(0).flatten().tolist()
        order = sorted(range(len(values)), key=lambda i: -values[i])
        return {divmod(i, stages.shape[2]) for i in order[:k] if values[i] >= floor}

    a, b = circuit(first), circuit(second)
    shared, union = a & b, a | b
    tail = range(len(shared), min(len(a), len(b)) + 1)
    ways = sum(comb(len(a), s) * comb(n_heads - len(a), len(b) - s) for s in tail)
    return {
        "first": sorted(list(head) for head in a),
        "second": sorted(list(head) for head in b),
        "shared": sorted(list(head) for head in shared),
        "of_union": len(shared) / len(union) if union else 0.0,
        "of_first": len(shared) / len(a) if a else 0.0,
        "expected": len(a) * len(b) / n_heads,
        "chance": ways / comb(n_heads, len(b)),
    }


def forgets_the_size_at_the_floor(first, second, k, floor, n_heads):
    def circuit(stages):
        chosen = set()
        for scores in stages:
            values = scores.flatten().tolist()
            order = sorted(range(len(values)), key=lambda i: -abs(values[i]))
            chosen |= {divmod(i, scores.shape[1]) for i in order[:k] if values[i] >= floor}
        return chosen

    a, b = circuit(first), circuit(second)
    shared, union = a & b, a | b
    tail = range(len(shared), min(len(a), len(b)) + 1)
    ways = sum(comb(len(a), s) * comb(n_heads - len(a), len(b) - s) for s in tail)
    return {
        "first": sorted(list(head) for head in a),
        "second": sorted(list(head) for head in b),
        "shared": sorted(list(head) for head in shared),
        "of_union": len(shared) / len(union) if union else 0.0,
        "of_first": len(shared) / len(a) if a else 0.0,
        "expected": len(a) * len(b) / n_heads,
        "chance": ways / comb(n_heads, len(b)),
    }


def leaves_out_a_head_at_the_floor(first, second, k, floor, n_heads):
    def circuit(stages):
        chosen = set()
        for scores in stages:
            values = scores.abs().flatten().tolist()
            order = sorted(range(len(values)), key=lambda i: -values[i])
            chosen |= {divmod(i, scores.shape[1]) for i in order[:k] if values[i] > floor}
        return chosen

    a, b = circuit(first), circuit(second)
    shared, union = a & b, a | b
    tail = range(len(shared), min(len(a), len(b)) + 1)
    ways = sum(comb(len(a), s) * comb(n_heads - len(a), len(b) - s) for s in tail)
    return {
        "first": sorted(list(head) for head in a),
        "second": sorted(list(head) for head in b),
        "shared": sorted(list(head) for head in shared),
        "of_union": len(shared) / len(union) if union else 0.0,
        "of_first": len(shared) / len(a) if a else 0.0,
        "expected": len(a) * len(b) / n_heads,
        "chance": ways / comb(n_heads, len(b)),
    }


def gives_ties_to_the_later_head(first, second, k, floor, n_heads):
    def circuit(stages):
        chosen = set()
        for scores in stages:
            values = scores.abs().flatten().tolist()
            order = sorted(range(len(values)), key=lambda i: (-values[i], -i))
            chosen |= {divmod(i, scores.shape[1]) for i in order[:k] if values[i] >= floor}
        return chosen

    a, b = circuit(first), circuit(second)
    shared, union = a & b, a | b
    tail = range(len(shared), min(len(a), len(b)) + 1)
    ways = sum(comb(len(a), s) * comb(n_heads - len(a), len(b) - s) for s in tail)
    return {
        "first": sorted(list(head) for head in a),
        "second": sorted(list(head) for head in b),
        "shared": sorted(list(head) for head in shared),
        "of_union": len(shared) / len(union) if union else 0.0,
        "of_first": len(shared) / len(a) if a else 0.0,
        "expected": len(a) * len(b) / n_heads,
        "chance": ways / comb(n_heads, len(b)),
    }


def names_the_head_before_the_layer(first, second, k, floor, n_heads):
    def circuit(stages):
        chosen = set()
        for scores in stages:
            values = scores.abs().flatten().tolist()
            order = sorted(range(len(values)), key=lambda i: -values[i])
            chosen |= {divmod(i, scores.shape[1])[::-1] for i in order[:k] if values[i] >= floor}
        return chosen

    a, b = circuit(first), circuit(second)
    shared, union = a & b, a | b
    tail = range(len(shared), min(len(a), len(b)) + 1)
    ways = sum(comb(len(a), s) * comb(n_heads - len(a), len(b) - s) for s in tail)
    return {
        "first": sorted(list(head) for head in a),
        "second": sorted(list(head) for head in b),
        "shared": sorted(list(head) for head in shared),
        "of_union": len(shared) / len(union) if union else 0.0,
        "of_first": len(shared) / len(a) if a else 0.0,
        "expected": len(a) * len(b) / n_heads,
        "chance": ways / comb(n_heads, len(b)),
    }


def divides_by_the_smaller_circuit(first, second, k, floor, n_heads):
    def circuit(stages):
        chosen = set()
        for scores in stages:
            values = scores.abs().flatten().tolist()
            order = sorted(range(len(values)), key=lambda i: -values[i])
            chosen |= {divmod(i, scores.shape[1]) for i in order[:k] if values[i] >= floor}
        return chosen

    a, b = circuit(first), circuit(second)
    shared, union = a & b, a | b
    tail = range(len(shared), min(len(a), len(b)) + 1)
    ways = sum(comb(len(a), s) * comb(n_heads - len(a), len(b) - s) for s in tail)
    return {
        "first": sorted(list(head) for head in a),
        "second": sorted(list(head) for head in b),
        "shared": sorted(list(head) for head in shared),
        "of_union": len(shared) / len(union) if union else 0.0,
        "of_first": len(shared) / min(len(a), len(b)) if a and b else 0.0,
        "expected": len(a) * len(b) / n_heads,
        "chance": ways / comb(n_heads, len(b)),
    }


def divides_by_the_second_circuit(first, second, k, floor, n_heads):
    def circuit(stages):
        chosen = set()
        for scores in stages:
            values = scores.abs().flatten().tolist()
            order = sorted(range(len(values)), key=lambda i: -values[i])
            chosen |= {divmod(i, scores.shape[1]) for i in order[:k] if values[i] >= floor}
        return chosen

    a, b = circuit(first), circuit(second)
    shared, union = a & b, a | b
    tail = range(len(shared), min(len(a), len(b)) + 1)
    ways = sum(comb(len(a), s) * comb(n_heads - len(a), len(b) - s) for s in tail)
    return {
        "first": sorted(list(head) for head in a),
        "second": sorted(list(head) for head in b),
        "shared": sorted(list(head) for head in shared),
        "of_union": len(shared) / len(union) if union else 0.0,
        "of_first": len(shared) / len(b) if b else 0.0,
        "expected": len(a) * len(b) / n_heads,
        "chance": ways / comb(n_heads, len(b)),
    }


def counts_all_heads_of_the_model(first, second, k, floor, n_heads):
    def circuit(stages):
        chosen = set()
        for scores in stages:
            values = scores.abs().flatten().tolist()
            order = sorted(range(len(values)), key=lambda i: -values[i])
            chosen |= {divmod(i, scores.shape[1]) for i in order[:k] if values[i] >= floor}
        return chosen

    a, b = circuit(first), circuit(second)
    n_heads = first[0].numel()
    shared, union = a & b, a | b
    tail = range(len(shared), min(len(a), len(b)) + 1)
    ways = sum(comb(len(a), s) * comb(n_heads - len(a), len(b) - s) for s in tail)
    return {
        "first": sorted(list(head) for head in a),
        "second": sorted(list(head) for head in b),
        "shared": sorted(list(head) for head in shared),
        "of_union": len(shared) / len(union) if union else 0.0,
        "of_first": len(shared) / len(a) if a else 0.0,
        "expected": len(a) * len(b) / n_heads,
        "chance": ways / comb(n_heads, len(b)),
    }


def gives_the_chance_of_more(first, second, k, floor, n_heads):
    def circuit(stages):
        chosen = set()
        for scores in stages:
            values = scores.abs().flatten().tolist()
            order = sorted(range(len(values)), key=lambda i: -values[i])
            chosen |= {divmod(i, scores.shape[1]) for i in order[:k] if values[i] >= floor}
        return chosen

    a, b = circuit(first), circuit(second)
    shared, union = a & b, a | b
    tail = range(len(shared) + 1, min(len(a), len(b)) + 1)
    ways = sum(comb(len(a), s) * comb(n_heads - len(a), len(b) - s) for s in tail)
    return {
        "first": sorted(list(head) for head in a),
        "second": sorted(list(head) for head in b),
        "shared": sorted(list(head) for head in shared),
        "of_union": len(shared) / len(union) if union else 0.0,
        "of_first": len(shared) / len(a) if a else 0.0,
        "expected": len(a) * len(b) / n_heads,
        "chance": ways / comb(n_heads, len(b)),
    }


def draws_heads_with_replacement(first, second, k, floor, n_heads):
    def circuit(stages):
        chosen = set()
        for scores in stages:
            values = scores.abs().flatten().tolist()
            order = sorted(range(len(values)), key=lambda i: -values[i])
            chosen |= {divmod(i, scores.shape[1]) for i in order[:k] if values[i] >= floor}
        return chosen

    a, b = circuit(first), circuit(second)
    p = len(a) / n_heads
    shared, union = a & b, a | b
    return {
        "first": sorted(list(head) for head in a),
        "second": sorted(list(head) for head in b),
        "shared": sorted(list(head) for head in shared),
        "of_union": len(shared) / len(union) if union else 0.0,
        "of_first": len(shared) / len(a) if a else 0.0,
        "expected": len(a) * len(b) / n_heads,
        "chance": sum(comb(len(b), s) * p**s * (1 - p) ** (len(b) - s) for s in range(len(shared), len(b) + 1)),
    }


def takes_k_for_the_sizes(first, second, k, floor, n_heads):
    def circuit(stages):
        chosen = set()
        for scores in stages:
            values = scores.abs().flatten().tolist()
            order = sorted(range(len(values)), key=lambda i: -values[i])
            chosen |= {divmod(i, scores.shape[1]) for i in order[:k] if values[i] >= floor}
        return chosen

    a, b = circuit(first), circuit(second)
    shared, union = a & b, a | b
    tail = range(len(shared), min(len(a), len(b)) + 1)
    ways = sum(comb(len(a), s) * comb(n_heads - len(a), len(b) - s) for s in tail)
    return {
        "first": sorted(list(head) for head in a),
        "second": sorted(list(head) for head in b),
        "shared": sorted(list(head) for head in shared),
        "of_union": len(shared) / len(union) if union else 0.0,
        "of_first": len(shared) / len(a) if a else 0.0,
        "expected": k * k / n_heads,
        "chance": ways / comb(n_heads, len(b)),
    }


def overlap_with_scipy(first, second, k, floor, n_heads):
    from scipy.stats import hypergeom

    def circuit(stages):
        places = set()
        for scores in stages:
            sizes = scores.abs().flatten()
            order = torch.argsort(sizes, descending=True, stable=True)[:k]
            places.update(int(i) for i in order if sizes[i] >= floor)
        return places

    width = first.shape[-1]
    a, b = circuit(first), circuit(second)
    named = {"first": a, "second": b, "shared": a & b}
    found = {key: [[i // width, i % width] for i in sorted(places)] for key, places in named.items()}
    found["of_union"] = float(len(a & b)) / max(len(a | b), 1)
    found["of_first"] = float(len(a & b)) / max(len(a), 1)
    found["expected"] = float(hypergeom(n_heads, len(a), len(b)).mean())
    found["chance"] = float(hypergeom(n_heads, len(a), len(b)).sf(len(a & b) - 1))
    return found


def overlap_by_masks(first, second, k, floor, n_heads):
    def member(stages):
        mask = torch.zeros(stages[0].numel(), dtype=torch.bool)
        for scores in stages:
            sizes = scores.abs().reshape(-1).double()
            larger = (sizes[None] > sizes[:, None]).sum(1)
            earlier = ((sizes[None] == sizes[:, None]).long().tril(-1)).sum(1)
            mask |= (larger + earlier < k) & (sizes >= floor)
        return mask.view(stages[0].shape)

    a, b = member(first), member(second)
    sizes = [int(mask.sum()) for mask in (a, b, a & b, a | b)]
    below = sum(comb(sizes[0], s) * comb(n_heads - sizes[0], sizes[1] - s) for s in range(sizes[2]) if s <= sizes[1])
    return {
        "first": a.nonzero().tolist(),
        "second": b.nonzero().tolist(),
        "shared": (a & b).nonzero().tolist(),
        "of_union": sizes[2] / sizes[3] if sizes[3] else 0.0,
        "of_first": sizes[2] / sizes[0] if sizes[0] else 0.0,
        "expected": sizes[0] * sizes[1] / n_heads,
        "chance": 1.0 - below / comb(n_heads, sizes[1]),
    }


EXERCISE = Exercise(
    name="circuit_overlap",
    card=Card(
        title="Say what two circuits share, and what chance would share",
        difficulty=3,
        minutes=18,
        why="78% is the headline of the paper. A share says nothing before you know of what, and how much two random "
        "sets of heads would share.",
        paper="The overlap of circuits: 25 of 32 heads (abstract; section 4). The null is ours.",
    ),
    groups=(
        Group(
            "the circuits",
            3,
            partial(_draw, parts=_SETS),
            hint="Top k by size in each stage, then the union; sorted lists of [layer, head].",
        ),
        Group(
            "ties, and fewer than k strong heads",
            1,
            partial(_draw, parts=_SETS, ties=True),
            hint="Equal sizes: the earlier head comes first.",
        ),
        Group(
            "weak heads",
            1,
            partial(_draw, parts=_SETS, weak=True),
            hint="A head whose score is smaller than floor in size does not belong, even if fewer than k are left.",
        ),
        Group(
            "shares of a large first circuit",
            1,
            partial(_draw, parts=_SHARES, small="second"),
            hint="of_union = |shared| / |union|, of_first = |shared| / |first|; between 0 and 1.",
        ),
        Group(
            "shares of a small first circuit",
            1,
            partial(_draw, parts=_SHARES, small="first"),
            hint="of_first divides by the size of the first circuit, be it the smaller or the larger one.",
        ),
        Group(
            "chance",
            2,
            partial(_draw, parts=_CHANCE),
            hint="expected = |first| |second| / n_heads; chance = the probability of as many shared heads or more.",
        ),
        Group(
            "an empty first circuit",
            0.5,
            partial(_draw, parts=[*_SHARES, *_CHANCE], empty=("first",)),
            cases=1,
            hint="Nothing is shared: shares are 0.0, expected is 0.0, and 'none or more' is certain, 1.0.",
        ),
        Group(
            "two empty circuits",
            0.5,
            partial(_draw, parts=[*_SHARES, *_CHANCE], empty=("first", "second")),
            cases=1,
            hint="Both are empty, so that the union is empty too: shares are 0.0, expected is 0.0, chance is 1.0.",
        ),
    ),
    mistakes=(
        Mistake(
            counts_a_head_once_a_stage,
            "A head that is strong in several stages stands in your circuit several times. A circuit is a set: unite "
            "the stages.",
            1,
        ),
        Mistake(
            takes_the_largest_with_their_signs,
            "You rank scores with their signs, so that a head with a strong negative score (a negative mover) is left "
            "out. Rank by size: abs().",
            1,
        ),
        Mistake(
            keeps_weak_heads,
            "You keep heads below the floor. Where only two heads do anything, the third largest is noise: leave out "
            "whatever is smaller than floor in size.",
            6,
        ),
        Mistake(
            divides_by_the_sum_of_sizes,
            "You divide by |first| + |second|, in which shared heads count twice: two equal circuits would overlap by "
            "one half. Divide by the union.",
            8,
        ),
        Mistake(
            gives_percentages,
            "You return percentages. Shares of 1 are asked for, here and everywhere in the course.",
            8,
        ),
        Mistake(
            gives_the_chance_of_exactly_as_many,
            "You give the chance of exactly as many shared heads. With more heads any exact number becomes unlikely; "
            "the question is how often chance does at least as well: add up the tail.",
            8,
        ),
        Mistake(
            gives_the_chance_of_fewer,
            "You give the chance of fewer shared heads, one minus what is asked for. A small value should mean that "
            "the overlap is hard to get by chance.",
            7,
        ),
        Mistake(
            ranks_all_stages_together,
            "You rank all stages together. Effects on the logits are larger than those further back, so that whole "
            "stages drop out: take the top k of each stage.",
            1,
        ),
        Mistake(
            forgets_the_size_at_the_floor,
            "You rank by size, but compare the score itself with floor, so that negative ones never belong: abs() "
            "there too.",
            1,
        ),
        Mistake(
            leaves_out_a_head_at_the_floor,
            "You leave out a head whose score is just as large as floor. It belongs: >= floor.",
            9,
        ),
        Mistake(
            gives_ties_to_the_later_head,
            "Of heads with equal sizes yours takes the later ones. The earlier head comes first: lower layer, then "
            "lower head.",
            9,
        ),
        Mistake(
            names_the_head_before_the_layer,
            "Your pairs are [head, layer]. The layer comes first: [layer, head].",
            5,
        ),
        Mistake(
            divides_by_the_smaller_circuit,
            "of_first divides by the smaller circuit in yours. It is the share of the first one, whichever is larger.",
            9,
        ),
        Mistake(
            divides_by_the_second_circuit,
            "of_first divides by the size of the second circuit in yours.",
            8,
        ),
        Mistake(
            counts_all_heads_of_the_model,
            "You count all heads in the scores. Pruned heads cannot belong to a circuit, and chance cannot draw them: "
            "use n_heads.",
            8,
        ),
        Mistake(
            gives_the_chance_of_more,
            "You give the chance of more shared heads than there are. As many or more: the sum starts at the number "
            "shared.",
            7,
        ),
        Mistake(
            draws_heads_with_replacement,
            "You draw heads with replacement (a binomial law). A circuit contains a head once: use the hypergeometric "
            "law of the text.",
            8,
        ),
        Mistake(
            takes_k_for_the_sizes,
            "You take k for the size of a circuit. After the union circuits have sizes of their own: use |first| and "
            "|second|.",
            7,
        ),
    ),
    variants=(overlap_with_scipy, overlap_by_masks),
    probe="ch03.part",
)
