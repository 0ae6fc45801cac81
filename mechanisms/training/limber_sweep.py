"""The sweep of chapter 07: everything trained again from each of several seeds, and every number written down.

- ``python -m mechanisms.training.limber_sweep`` trains, for each seed, the language model, four encoders and their
  maps, measures them as the shipped models are measured, and keeps the result in
  ``mechanisms/data/limber_sweep.json`` at once: a sweep that was stopped goes on where it was;
- ``OTHERS``: then one encoder trained in another way (without language: denoising, masked prediction; with captions:
  every batch of one size and one colour), with the shipped language model;
- ``summary`` gives means over seeds with Student's 95% intervals; ``aims`` the chapter's aims over all seeds.

No run is left out of the file or of the summary.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from mechanisms import models
from mechanisms.data.scenes.creatures import ATTRIBUTES
from mechanisms.files import atomic_write
from mechanisms.models.encoders import NAMES, Encoders, TowerConfig
from mechanisms.training import lab_lm_scenes, lab_vision, limber
from mechanisms.training.gating_sweep import mean_interval
from mechanisms.training.lab_lm import rounded

TABLE = Path(__file__).parents[1] / "data" / "limber_sweep.json"
MAIN = "lab"
ALIKE = "captions, alike"
OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    **{
        way: ("self-supervised", {"self_supervised": way})
        for way in lab_vision.SELF_SUPERVISED
        if way != lab_vision.Recipe().self_supervised
    },
    ALIKE: ("captions", {"alike": 1.0}),
}  # which encoder, and what its recipe changes
CONDITIONS = {MAIN: 5, **dict.fromkeys(OTHERS, 3), ALIKE: 5}  # seeds of each, from 0 up


def run(seed: int, condition: str) -> dict[str, Any]:
    """One seed, trained and measured; of the other conditions the encoder that they are about alone."""
    recipe = lab_vision.Recipe(seed=seed)
    scenes = lab_vision.pool(recipe)
    if condition == MAIN:
        lm, lm_progress = lab_lm_scenes.train(lab_lm_scenes.Recipe(seed=seed), TABLE.parent)
        encoders, progress = lab_vision.train(recipe, TABLE.parent)
        report = limber.measure(encoders, lm, scenes, seed)
        seconds = {"language model": lm_progress.seconds, **{n: t["seconds"] for n, t in progress.towers.items()}}
        return {"seed": seed, "recipe": asdict(recipe), "seconds": seconds, **report}
    name, changed = OTHERS[condition]
    recipe = lab_vision.Recipe(seed=seed, **changed)
    encoders = Encoders(TowerConfig())
    encoders.towers[name], _, told = lab_vision.train_tower(name, recipe, scenes)
    encoders.standardise(name, scenes.images)
    encoders.eval().requires_grad_(False)
    report = limber.measure(encoders, models.load("lab-lm-scenes"), scenes, seed, names=(name,), blind=False)
    return {"seed": seed, "recipe": asdict(recipe), "seconds": {name: told["seconds"]}, **report}


def load(path: Path = TABLE) -> dict[str, list[dict[str, Any]]]:
    """The runs of every condition, by name. Empty if there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def unfinished(table: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """Which runs a table lacks, one phrase each."""
    lacks = []
    for condition, seeds in CONDITIONS.items():
        there = {found["seed"] for found in table.get(condition, [])}
        lacks += [f"{condition}, seed {seed}" for seed in range(seeds) if seed not in there]
    return lacks


def sweep(path: Path = TABLE, make: Callable[[int, str], dict[str, Any]] = run) -> dict[str, list[dict[str, Any]]]:
    """Makes every run that the file at ``path`` lacks, the main ones first."""
    table = load(path)
    for condition, seeds in CONDITIONS.items():
        for seed in range(seeds):
            runs = table.setdefault(condition, [])
            if seed in {found["seed"] for found in runs}:
                continue
            runs.append(rounded(make(seed, condition)))
            atomic_write(path, json.dumps(table, indent=1) + "\n")
            print(f"{condition}, seed {seed}: done", flush=True)
    return table


def summary(
    runs: Sequence[Mapping[str, Any]], what: Sequence[str] = (*ATTRIBUTES, "kind", "sound"), split: str = "seen"
) -> dict[str, dict[str, dict[str, float]]]:
    """Means over seeds with intervals: [encoder, or "blind"][attribute]; ``split`` "seen", "held out", "shuffled"."""
    names = [name for name in ("blind", *NAMES) if name in runs[0] and split in runs[0][name]]
    return {name: {w: mean_interval([found[name][split][w] for found in runs]) for w in what} for name in names}


def difference(runs: Sequence[Mapping[str, Any]], one: str, other: str, what: str) -> dict[str, float]:
    """Mean over seeds of one encoder's score minus another's on new scenes, with its interval (seeds are pairs)."""
    return mean_interval([found[one]["seen"][what] - found[other]["seen"][what] for found in runs])


def across(
    table: Mapping[str, Sequence[Mapping[str, Any]]], one: tuple[str, str], other: tuple[str, str], what: str
) -> dict[str, float]:
    """``difference`` between encoders of two conditions, each (condition, encoder), over the seeds that both have."""
    first, second = (
        {found["seed"]: found[name]["seen"][what] for found in table[condition]} for condition, name in (one, other)
    )
    return mean_interval([first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())])


def aims(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The chapter's aims over seeds: how many seeds meet each, with mean, least and most of what was measured."""
    each = [limber.aims(found) for found in runs]
    rows = []
    for same in zip(*each, strict=True):
        values = [row["measured"] for row in same]
        met = sum(row["met"] for row in same)
        told = {"mean": sum(values) / len(values), "least": min(values), "most": max(values)}
        rows.append({"quantity": same[0]["quantity"], "aim": same[0]["aim"], **told, "met": met, "seeds": len(same)})
    return rows


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m mechanisms.training.limber_sweep", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--out", type=Path, default=TABLE, help="the table (default: the shipped one)")
    parser.add_argument("--summary", action="store_true", help="print what the table says, train nothing")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    try:
        table = load(options.out) if options.summary else sweep(options.out)
    except KeyboardInterrupt:
        print("Stopped. The same command goes on with the next run.", file=sys.stderr)
        return 130
    for condition, runs in table.items():
        for name, found in summary(runs).items():
            line = "  ".join(f"{what} {v['mean']:.3f} [{v['low']:.3f}, {v['high']:.3f}]" for what, v in found.items())
            print(f"{condition:15s} {name:16s} {line}")
    for row in aims(table[MAIN]) if table.get(MAIN) else []:
        told = f"{row['mean']:.3f} ({row['least']:.3f} to {row['most']:.3f})"
        print(f"{row['quantity']:50s} {row['aim']:14s} {told}  met in {row['met']} of {row['seeds']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
