"""Exercise 1.6, ``compare_vectors``: what an injected vector does beside its two controls.

- lab-relational with vectors of its own, and random-relational, where every number is different.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake
from autograder.specs.ch01 import prompts
from autograder.specs.ch01.injection import injects_by_a_mask as inject
from mechanisms import models
from mechanisms.check.codec import ModelRef
from mechanisms.data.relations import Task, fact_prompts

Rng = np.random.Generator


def _draw(rng: Rng, kind: str) -> dict[str, Any]:
    def wanted(case: dict[str, Any]) -> bool:
        inputs = case | {"model": models.load(kind)}
        right = compares_with_own_hooks(**inputs)
        return all(mistake(**inputs) != right for mistake in _MISTAKES)

    return prompts.until(rng, _lab_case if kind == prompts.LAB else _random_case, wanted, 60)


def _noise(rng: Rng, width: int) -> torch.Tensor:
    """Four directions, of any length."""
    return torch.tensor(rng.normal(size=(4, width)) * rng.uniform(1, 12, size=(4, 1)), dtype=torch.float32)


def _lab_case(rng: Rng) -> dict[str, Any]:
    task, layer = Task(), 2
    contexts, stems = prompts.lab_contexts(rng, 8)
    relations = rng.permutation([1, 2, 3])[:2]
    vectors = []
    for relation in relations:
        source = task.trained_stems(int(relation))[-1:]
        prompt = fact_prompts(task, int(relation), source, 1, prompts.torch_generator(rng))
        _, cache = models.load(prompts.LAB).run_with_cache(prompt)
        vectors.append(cache[f"blocks.{layer}.hook_mlp_out"][0, -1])
    return {
        "model": ModelRef(prompts.LAB),
        "contexts": contexts,
        "target": task.answers[stems, int(relations[0])],
        "own": 1.5 * vectors[0],
        "other": vectors[1],
        "noise": _noise(rng, 64),
        "layer": layer,
    }


def _random_case(rng: Rng) -> dict[str, Any]:
    contexts = prompts.random_tokens(rng, 8)
    own, other = (torch.tensor(rng.normal(size=16), dtype=torch.float32) for _ in range(2))
    return {
        "model": ModelRef(prompts.RANDOM),
        "contexts": contexts,
        "target": torch.tensor(rng.integers(40, size=8)),
        "own": 2 * own,
        "other": 0.5 * other,
        "noise": _noise(rng, 16),
        "layer": int(rng.choice([0, 2, 3])),
    }


def does_not_rescale_the_noise(model, contexts, target, own, other, noise, layer):
    def score(logits):
        rank = (logits > logits.gather(1, target[:, None])).sum(1)
        return (rank == 0).float().mean().item(), rank.float().mean().item()

    before = score(model(contexts)[:, -1])
    runs = [inject(model, contexts, vector, [layer], False) for vector in (own, other, *noise)]
    scores = torch.tensor([score(logits) for logits in runs])
    rows = [before, scores[0].tolist(), scores[1].tolist(), scores[2:].mean(0).tolist()]
    names = ("before", "own", "other", "random")
    return {
        "hits": {n: row[0] for n, row in zip(names, rows, strict=True)},
        "ranks": {n: row[1] for n, row in zip(names, rows, strict=True)},
    }


def averages_the_noise_first(model, contexts, target, own, other, noise, layer):
    def score(logits):
        rank = (logits > logits.gather(1, target[:, None])).sum(1)
        return (rank == 0).float().mean().item(), rank.float().mean().item()

    mean = noise.mean(0)
    mean = mean * own.norm() / mean.norm()
    rows = [score(model(contexts)[:, -1])]
    rows += [score(inject(model, contexts, vector, [layer], False)) for vector in (own, other, mean)]
    names = ("before", "own", "other", "random")
    return {
        "hits": {n: row[0] for n, row in zip(names, rows, strict=True)},
        "ranks": {n: row[1] for n, row in zip(names, rows, strict=True)},
    }


def counts_ranks_from_one(model, contexts, target, own, other, noise, layer):
    def score(logits):
        rank = (logits > logits.gather(1, target[:, None])).sum(1)
        return (rank == 0).float().mean().item(), rank.float().mean().item() + 1

    same = noise * own.norm() / noise.norm(dim=-1, keepdim=True)
    before = score(model(contexts)[:, -1])
    runs = [inject(model, contexts, vector, [layer], False) for vector in (own, other, *same)]
    scores = torch.tensor([score(logits) for logits in runs])
    rows = [before, scores[0].tolist(), scores[1].tolist(), scores[2:].mean(0).tolist()]
    names = ("before", "own", "other", "random")
    return {
        "hits": {n: row[0] for n, row in zip(names, rows, strict=True)},
        "ranks": {n: row[1] for n, row in zip(names, rows, strict=True)},
    }


def replaces_where_it_should_add(model, contexts, target, own, other, noise, layer):
    def score(logits):
        rank = (logits > logits.gather(1, target[:, None])).sum(1)
        return (rank == 0).float().mean().item(), rank.float().mean().item()

    same = noise * own.norm() / noise.norm(dim=-1, keepdim=True)
    before = score(model(contexts)[:, -1])
    runs = [inject(model, contexts, vector, [layer], True) for vector in (own, other, *same)]
    scores = torch.tensor([score(logits) for logits in runs])
    rows = [before, scores[0].tolist(), scores[1].tolist(), scores[2:].mean(0).tolist()]
    names = ("before", "own", "other", "random")
    return {
        "hits": {n: row[0] for n, row in zip(names, rows, strict=True)},
        "ranks": {n: row[1] for n, row in zip(names, rows, strict=True)},
    }


def stretches_the_other_vector_too(model, contexts, target, own, other, noise, layer):
    def score(logits):
        rank = (logits > logits.gather(1, target[:, None])).sum(1)
        return (rank == 0).float().mean().item(), rank.float().mean().item()

    same = noise * own.norm() / noise.norm(dim=-1, keepdim=True)
    other = other * own.norm() / other.norm()
    before = score(model(contexts)[:, -1])
    runs = [inject(model, contexts, vector, [layer], False) for vector in (own, other, *same)]
    scores = torch.tensor([score(logits) for logits in runs])
    rows = [before, scores[0].tolist(), scores[1].tolist(), scores[2:].mean(0).tolist()]
    names = ("before", "own", "other", "random")
    return {
        "hits": {n: row[0] for n, row in zip(names, rows, strict=True)},
        "ranks": {n: row[1] for n, row in zip(names, rows, strict=True)},
    }


def compares_by_loops(model, contexts, target, own, other, noise, layer):
    def score(logits):
        hits, ranks = 0, 0
        for row, token in zip(logits.tolist(), target.tolist(), strict=True):
            rank = sum(value > row[token] for value in row)
            hits, ranks = hits + (rank == 0), ranks + rank
        return hits / len(logits), ranks / len(logits)

    found = {"hits": {}, "ranks": {}}
    groups = {
        "before": [torch.zeros_like(own)],
        "own": [own],
        "other": [other],
        "random": [row / row.norm() * own.norm() for row in noise],
    }
    for name, vectors in groups.items():
        scores = [score(inject(model, contexts, vector, [layer], False)) for vector in vectors]
        found["hits"][name] = sum(one for one, _ in scores) / len(scores)
        found["ranks"][name] = sum(two for _, two in scores) / len(scores)
    return found


def compares_with_own_hooks(model, contexts, target, own, other, noise, layer):
    name = f"blocks.{layer}.hook_mlp_out"
    unit = torch.nn.functional.normalize(noise, dim=-1)
    stacked = torch.cat([torch.zeros_like(own)[None], own[None], other[None], own.norm() * unit])
    ranks = []
    for vector in stacked:

        def add(value, hook, vector=vector):
            value = value.clone()
            value[:, -1] += vector
            return value

        logits = model.run_with_hooks(contexts, fwd_hooks=[(name, add)])[:, -1]
        ranks.append((logits > logits[torch.arange(len(target)), target][:, None]).sum(-1).double())
    ranks = torch.stack(ranks)

    def parts(values):
        keys = ("before", "own", "other")
        return {**dict(zip(keys, values[:3].mean(1).tolist(), strict=True)), "random": values[3:].mean().item()}

    return {"hits": parts((ranks == 0).double()), "ranks": parts(ranks)}


_MISTAKES = (
    does_not_rescale_the_noise,
    averages_the_noise_first,
    counts_ranks_from_one,
    replaces_where_it_should_add,
    stretches_the_other_vector_too,
)

EXERCISE = Exercise(
    name="compare_vectors",
    card=Card(
        title="Compare it with vectors that should do nothing",
        difficulty=3,
        minutes=15,
        why="Any push of that size might lift the target by accident, and any relation's vector might look like 'some "
        "relation'. Two controls decide.",
        paper="Rank of the target before and after the injection; the two controls are the course's.",
    ),
    groups=(
        Group(
            "vectors of lab-relational",
            4,
            partial(_draw, kind=prompts.LAB),
            hint="Four rows: without injection, with own, with other, and the mean over the rows of noise, each first "
            "scaled to the length of own. Hits: share with rank 0. Ranks: mean of the 0-based ranks.",
        ),
        Group(
            "a random model of other sizes",
            4,
            partial(_draw, kind=prompts.RANDOM),
            cases=3,
            hint="If lab-relational is right and this one is not, some number is right there by accident: check "
            "the length of each noise vector, and that you average results, not vectors.",
        ),
    ),
    mistakes=(
        Mistake(
            does_not_rescale_the_noise,
            "Your random vectors keep their own lengths. A longer or shorter push is no control: scale each row of "
            "noise to the length of own.",
            0,
        ),
        Mistake(
            averages_the_noise_first,
            "You average the noise vectors and inject their mean. Inject each one by itself and average the results.",
            0,
        ),
        Mistake(
            counts_ranks_from_one,
            "Your ranks count from 1. Here a rank says how many tokens are above: 0 for the top one.",
            0,
        ),
        Mistake(
            replaces_where_it_should_add,
            "You replace the FFN's output. In this exercise vectors are added: inject(..., replace=False).",
            0,
        ),
        Mistake(
            stretches_the_other_vector_too,
            "You stretch the other relation's vector. It is a real vector of the model and is injected as it is; only "
            "the noise has no length of its own.",
            0,
        ),
    ),
    variants=(compares_by_loops, compares_with_own_hooks),
    rtol=1e-3,
    atol=1e-3,
)
