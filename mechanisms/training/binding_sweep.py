"""The sweep of chapter 08: CLIP trained again from each of several seeds, and every number written down.

- ``python -m mechanisms.training.binding_sweep`` trains lab-clip for five seeds and measures zero-shot answers and
  composition heads; then the changed recipes of ``OTHERS``, zero-shot; the result is kept in
  ``mechanisms/data/binding_sweep.json`` at once, and a sweep that was stopped goes on where it was;
- ``value`` reads one number of one run, ``over_seeds`` its mean with Student's 95% interval, ``difference`` the mean
  difference of two recipes, seed by seed;
- ``aims`` gives the chapter's aims over all seeds.

No run is left out of the file or of a mean.
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

from mechanisms.files import atomic_write
from mechanisms.training import binding, lab_clip
from mechanisms.training.composition import HeadRecipe
from mechanisms.training.gating_sweep import mean_interval
from mechanisms.training.lab_lm import rounded

TABLE = Path(__file__).parents[1] / "data" / "binding_sweep.json"
MAIN = "lab"
OTHERS: dict[str, dict[str, Any]] = {
    "captions that name one": {"named": "some"},
    "captions that name one, twice as long": {"named": "some", "steps": 2000},
    "ResNet": {"tower": "resnet"},
    "ResNet, captions that name one": {"tower": "resnet", "named": "some"},
    "trained twice as long": {"steps": 2000},
    "crossed captions": {"crossed": 1},
}
CONDITIONS = dict.fromkeys((MAIN, *OTHERS), 5)  # how many seeds, from 0 up
NEUTRAL = "heads, held-out pairs no distractors"


def run(seed: int, condition: str) -> dict[str, Any]:
    """One seed, trained and measured; of the changed recipes zero-shot alone."""
    recipe = lab_clip.Recipe(seed=seed, **OTHERS.get(condition, {}))
    model, progress = lab_clip.train(recipe, TABLE.parent, log=lambda _: None)
    told = {
        "seed": seed,
        "recipe": asdict(recipe),
        "seconds": round(progress.seconds, 1),
        "loss": round(progress.loss, 4),
    }
    if condition != MAIN:
        return {**told, "zero-shot": rounded(binding.zero_shot_all(model, seed))}
    neutral = binding.heads(model, seed, HeadRecipe(neutral=True), ("single", "two"))
    return {
        **told,
        "head_recipe": asdict(HeadRecipe()),
        **rounded(binding.measure(model, seed)),
        NEUTRAL: rounded(neutral),
    }


def load(path: Path = TABLE) -> dict[str, list[dict[str, Any]]]:
    """The runs of every condition, by name, in the order of ``CONDITIONS``. Empty if there is no file."""
    table = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {name: table[name] for name in CONDITIONS if name in table}


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
            runs.append(make(seed, condition))
            atomic_write(path, json.dumps(table, indent=1) + "\n")
            print(f"{condition}, seed {seed}: done", flush=True)
    return table


def value(found: Mapping[str, Any], *keys: str) -> float:
    """One number of a run, by the names that lead to it: ``value(run, "zero-shot", "two", "seen pairs", ...)``."""
    for key in keys:
        found = found[key]
    return found  # type: ignore[return-value]


def over_seeds(runs: Sequence[Mapping[str, Any]], *keys: str) -> dict[str, float]:
    """Mean over seeds of one share with Student's interval, cut off at 0 and 1: "mean", "low", "high", "n"."""
    found = mean_interval([value(run, *keys) for run in runs])
    return {**found, "low": max(0.0, found["low"]), "high": min(1.0, found["high"])}


def difference(runs: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]], *keys: str) -> dict[str, float]:
    """One share of ``runs`` less the same of ``others``, seed by seed: mean with Student's interval."""
    before = {found["seed"]: value(found, *keys) for found in others}
    return mean_interval([value(found, *keys) - before[found["seed"]] for found in runs if found["seed"] in before])


def aims(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The chapter's aims over seeds: how many seeds meet each, with mean, least and most of what was measured."""
    each = [binding.aims(found) for found in runs]
    rows = []
    for same in zip(*each, strict=True):
        values = [row["measured"] for row in same]
        met = sum(row["met"] for row in same)
        told = {"mean": sum(values) / len(values), "least": min(values), "most": max(values)}
        rows.append({"quantity": same[0]["quantity"], "aim": same[0]["aim"], **told, "met": met, "seeds": len(same)})
    return rows


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m mechanisms.training.binding_sweep", description=__doc__.splitlines()[0]
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
        for setting, splits in runs[0]["zero-shot"].items() if runs else ():
            for split, quantities in splits.items():
                line = [over_seeds(runs, "zero-shot", setting, split, name) for name in quantities]
                told = "  ".join(
                    f"{name} {v['mean']:.3f} [{v['low']:.3f}, {v['high']:.3f}]"
                    for name, v in zip(quantities, line, strict=True)
                )
                print(f"{condition:24s} {setting:9s} {split:15s} {told}")
    for block in ("heads", NEUTRAL):
        for kind, settings in table[MAIN][0][block].items() if table.get(MAIN) else ():
            for setting, splits in settings.items():
                told = "  ".join(
                    f"{split} {over_seeds(table[MAIN], block, kind, setting, split, 'five-way')['mean']:.3f}"
                    for split in splits
                )
                print(f"{block[:12]:12s} {kind:4s} {setting:9s} {told}")
    for row in aims(table[MAIN]) if table.get(MAIN) else []:
        told = f"{row['mean']:.3f} ({row['least']:.3f} to {row['most']:.3f})"
        print(f"{row['quantity']:52s} {row['aim']:20s} {told}  met in {row['met']} of {row['seeds']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
