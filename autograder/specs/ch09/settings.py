"""Exercise 9.2, ``enumerate_settings``: 12 settings on one GPU, 22 on several, none where nothing can run.

- numbers of GPUs, batches and the kinds of sharding are drawn; the rules are looked at one by one.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator
KINDS = ("zero_1", "zero_2", "zero_3", "fsdp_shard_grad_op", "fsdp_full_shard")


def _draw(rng: Rng, gpus: tuple[int, ...], why_not: str = "") -> dict[str, Any]:
    n_gpus = int(rng.choice(gpus))
    share = int(2 ** rng.integers(3, 9))
    batch = n_gpus * share
    precision, ampere = str(rng.choice(["fp32", "fp16", "bf16"])), True
    if why_not == "rest":
        # the share, rounded down, would be a power of two
        batch += int(rng.integers(1, n_gpus))
    elif why_not == "share":
        batch = n_gpus * share * int(rng.choice([3, 5, 7]))
    elif why_not == "bf16":
        precision, ampere = "bf16", False
    elif why_not == "old, but fine":
        precision, ampere = "fp16", False
    kinds = ["none", *(str(kind) for kind in rng.permutation(KINDS)[: rng.integers(2, 5)])]
    return {"n_gpus": n_gpus, "batch": batch, "precision": precision, "ampere": ampere, "sharding": kinds}


def keeps_all_24(n_gpus, batch, precision, ampere, sharding):
    share, rest = divmod(batch, n_gpus)
    if rest or share & (share - 1) or (precision == "bf16" and not ampere):
        return []
    return [
        {"checkpointing": c, "sharding": s, "offloading": o}
        for c in (False, True)
        for s in sharding
        for o in (False, True)
    ]


def offloads_without_a_shard(n_gpus, batch, precision, ampere, sharding):
    share, rest = divmod(batch, n_gpus)
    if rest or share & (share - 1) or (precision == "bf16" and not ampere):
        return []
    return [
        {"checkpointing": c, "sharding": s, "offloading": o}
        for c in (False, True)
        for s in sharding
        for o in (False, True)
        if not (n_gpus == 1 and s != "none" and not o)
    ]


def shards_a_single_gpu(n_gpus, batch, precision, ampere, sharding):
    share, rest = divmod(batch, n_gpus)
    if rest or share & (share - 1) or (precision == "bf16" and not ampere):
        return []
    return [
        {"checkpointing": c, "sharding": s, "offloading": o}
        for c in (False, True)
        for s in sharding
        for o in (False, True)
        if not (o and s == "none")
    ]


def never_shards_a_single_gpu(n_gpus, batch, precision, ampere, sharding):
    share, rest = divmod(batch, n_gpus)
    if rest or share & (share - 1) or (precision == "bf16" and not ampere):
        return []
    return [
        {"checkpointing": c, "sharding": s, "offloading": o}
        for c in (False, True)
        for s in sharding
        for o in (False, True)
        if not (o and s == "none") and not (n_gpus == 1 and s != "none")
    ]


def ignores_the_remainder(n_gpus, batch, precision, ampere, sharding):
    share = batch // n_gpus
    if share & (share - 1) or (precision == "bf16" and not ampere):
        return []
    return [
        {"checkpointing": c, "sharding": s, "offloading": o}
        for c in (False, True)
        for s in sharding
        for o in (False, True)
        if not (o and s == "none") and not (n_gpus == 1 and s != "none" and not o)
    ]


def accepts_any_share(n_gpus, batch, precision, ampere, sharding):
    if batch % n_gpus or (precision == "bf16" and not ampere):
        return []
    return [
        {"checkpointing": c, "sharding": s, "offloading": o}
        for c in (False, True)
        for s in sharding
        for o in (False, True)
        if not (o and s == "none") and not (n_gpus == 1 and s != "none" and not o)
    ]


def gives_bf16_to_old_gpus(n_gpus, batch, precision, ampere, sharding):
    share, rest = divmod(batch, n_gpus)
    if rest or share & (share - 1):
        return []
    return [
        {"checkpointing": c, "sharding": s, "offloading": o}
        for c in (False, True)
        for s in sharding
        for o in (False, True)
        if not (o and s == "none") and not (n_gpus == 1 and s != "none" and not o)
    ]


def refuses_every_old_gpu(n_gpus, batch, precision, ampere, sharding):
    share, rest = divmod(batch, n_gpus)
    if rest or share & (share - 1) or not ampere:
        return []
    return [
        {"checkpointing": c, "sharding": s, "offloading": o}
        for c in (False, True)
        for s in sharding
        for o in (False, True)
        if not (o and s == "none") and not (n_gpus == 1 and s != "none" and not o)
    ]


def tests_the_whole_batch(n_gpus, batch, precision, ampere, sharding):
    if batch % n_gpus or batch & (batch - 1) or (precision == "bf16" and not ampere):
        return []
    return [
        {"checkpointing": c, "sharding": s, "offloading": o}
        for c in (False, True)
        for s in sharding
        for o in (False, True)
        if not (o and s == "none") and not (n_gpus == 1 and s != "none" and not o)
    ]


def lists_the_papers_kinds(n_gpus, batch, precision, ampere, sharding):
    share, rest = divmod(batch, n_gpus)
    if rest or share & (share - 1) or (precision == "bf16" and not ampere):
        return []
    return [
        {"checkpointing": c, "sharding": s, "offloading": o}
        for c in (False, True)
        for s in ("none", "zero_1", "zero_2", "zero_3", "fsdp_shard_grad_op", "fsdp_full_shard")
        for o in (False, True)
        if not (o and s == "none") and not (n_gpus == 1 and s != "none" and not o)
    ]


def settings_by_product(n_gpus, batch, precision, ampere, sharding):
    import itertools

    can_run = batch % n_gpus == 0 and bin(batch // n_gpus).count("1") == 1 and (ampere or precision != "bf16")
    keys = ("checkpointing", "sharding", "offloading")
    every = itertools.product([False, True], sharding, [False, True]) if can_run else []
    rows = [dict(zip(keys, values, strict=True)) for values in every]
    rows = [row for row in rows if row["sharding"] != "none" or not row["offloading"]]
    return [row for row in rows if n_gpus > 1 or row["sharding"] == "none" or row["offloading"]]


def settings_by_cases(n_gpus, batch, precision, ampere, sharding):
    share = batch / n_gpus
    while share > 1:
        share /= 2
    if share != 1 or (precision == "bf16" and not ampere):
        return []
    result = []
    for c in (False, True):
        result.append({"checkpointing": c, "sharding": "none", "offloading": False})
        for s in sharding[1:]:
            for o in [True] if n_gpus == 1 else [False, True]:
                result.append({"checkpointing": c, "sharding": s, "offloading": o})
    return result


ENUMERATE_SETTINGS = Exercise(
    name="enumerate_settings",
    card=Card(
        title="List the settings that make sense",
        difficulty=2,
        minutes=12,
        why="A search over settings is only as good as its list. Combinations that do nothing waste GPU hours, and "
        "a forgotten one may be the best.",
        paper="The space of efficient training methods: checkpointing × sharding × offloading, with its rules of "
        "validity (12 settings on one GPU, 22 on several).",
    ),
    groups=(
        Group(
            "several GPUs",
            2,
            partial(_draw, gpus=(3, 6)),
            cases=3,
            hint="All but offloading without sharding; checkpointing outermost, sharding in the order of the list. The "
            "batch itself need be no power of two: three GPUs may share 48.",
        ),
        Group(
            "one GPU",
            2,
            partial(_draw, gpus=(1,)),
            cases=3,
            hint="Without sharding, or with sharding and offloading, each with and without checkpointing.",
        ),
        Group(
            "older GPUs without bf16",
            1,
            partial(_draw, gpus=(2, 4), why_not="old, but fine"),
            hint="Only bf16 needs Ampere: with fp16 an older GPU has all settings.",
        ),
        Group(
            "a batch that the GPUs cannot share",
            1,
            partial(_draw, gpus=(2, 4, 8), why_not="rest"),
            hint="If batch % n_gpus is not 0, return an empty list.",
        ),
        Group(
            "a share that is no power of two",
            1,
            partial(_draw, gpus=(1, 2, 4), why_not="share"),
            hint="batch // n_gpus must be 1, 2, 4, 8, …; otherwise return an empty list.",
        ),
        Group(
            "bf16 before Ampere",
            1,
            partial(_draw, gpus=(1, 2, 4), why_not="bf16"),
            hint="bf16 needs ampere=True; the other precisions run on every GPU.",
        ),
    ),
    mistakes=(
        Mistake(
            keeps_all_24,
            "You return all 24 combinations. Offloading without sharding is none, and on one GPU sharding without "
            "offloading saves nothing.",
            3,
        ),
        Mistake(
            offloads_without_a_shard,
            "You keep offloading without sharding. What is offloaded is the shard: without one there is nothing to "
            "move.",
            3,
        ),
        Mistake(
            shards_a_single_gpu,
            "You keep sharding without offloading on a single GPU. There the shard is the whole: nothing is saved, so "
            "it only repeats the setting without sharding.",
            6,
        ),
        Mistake(
            never_shards_a_single_gpu,
            "You leave out all sharding on one GPU. With offloading it does save memory there: the state moves to the "
            "host. With all five kinds, 12 settings remain, not 2.",
            6,
        ),
        Mistake(
            ignores_the_remainder,
            "You round the share of each GPU down. A batch that does not divide by the number of GPUs cannot be run: "
            "return an empty list.",
            7,
        ),
        Mistake(
            accepts_any_share,
            "You accept a share that is no power of two. Micro batches are doubled from 1, so they never fill it "
            "evenly: return an empty list.",
            7,
        ),
        Mistake(
            tests_the_whole_batch,
            "You ask whether the whole batch is a power of two. It is a GPU's share of it, batch // n_gpus, that micro "
            "batches have to fill.",
            6,
        ),
        Mistake(
            lists_the_papers_kinds,
            "You list the paper's five kinds whatever software there is. The kinds to try are handed in, in the list "
            "sharding.",
            3,
        ),
        Mistake(
            gives_bf16_to_old_gpus,
            "You list settings for bf16 on GPUs older than Ampere, which do not have it: return an empty list.",
            7,
        ),
        Mistake(
            refuses_every_old_gpu,
            "You refuse every GPU older than Ampere. Only bf16 needs Ampere; fp16 and fp32 run on all of them.",
            7,
        ),
    ),
    variants=(settings_by_product, settings_by_cases),
)
