"""The sweep of chapter 05: trains lab-gate's recipe over many seeds, with its controls, and writes down the outcome.

- ``python -m mechanisms.training.gating_sweep`` trains every condition of ``CONDITIONS``, from seed 0 up;
- each run is measured like the shipped model and kept in ``mechanisms/data/gating_sweep.json`` at once, so that a
  sweep that was stopped goes on where it was; a run of another recipe is made again;
- ``unfinished`` says which runs a table lacks;
- ``summary`` gives, for one condition, how many seeds solved the task, their steps to 99%, the number that never did,
  means over seeds with 95% intervals (Student's t over seeds), and in how many of them one kind of vector carries a
  gate's effect at least three times over the other two.

No run is left out of the file or of the summary.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from mechanisms.files import atomic_write
from mechanisms.training.lab_gate import Recipe, train
from mechanisms.training.lab_lm import rounded
from mechanisms.training.measure_gate import dominance, measure

TABLE = Path(__file__).parents[1] / "data" / "gating_sweep.json"
SOLVED = 0.99


@dataclass(frozen=True)
class Condition:
    """``seeds`` runs of the default recipe with ``changes``."""

    seeds: int
    changes: Mapping[str, Any]
    about: str


# The controls are solved in a fraction of the steps, so half of them are enough there.
CONDITIONS = {
    "lab-gate": Condition(6, {}, "the recipe as shipped"),
    "no ignore": Condition(
        5,
        {"control": "no ignore", "steps": 2000, "measure_every": 100},
        "the word ignore occurs, every tuple stores, half the steps",
    ),
    "split set": Condition(
        5,
        {"control": "split set", "steps": 2000, "measure_every": 100},
        "every symbol belongs to one register, half the steps",
    ),
    "whole view": Condition(
        5, {"first_window": 0, "measure_every": 200}, "the first layer sees everything before it, as the second does"
    ),
    "no lures": Condition(
        5, {"lures": 0.0, "steps": 2000, "measure_every": 100}, "practice on ordinary sequences only, half the steps"
    ),
}


def transition(curve: Sequence[Mapping[str, float]], level: float = SOLVED) -> int | None:
    """The first measured step from which accuracy stays at ``level`` or above; None if there is none."""
    reached = None
    for row in curve:
        if row["accuracy"] < level:
            reached = None
        elif reached is None:
            reached = int(row["step"])
    return reached


def run(recipe: Recipe) -> dict[str, Any]:
    """One training and its measurement, as plain data."""
    with tempfile.TemporaryDirectory() as folder:
        model, progress = train(recipe, Path(folder))
    found = rounded({"seconds": progress.seconds, **measure(model, recipe.task(), n=1000)})
    curve = [rounded({name: row[name] for name in ("step", "accuracy")}) for row in progress.curve]
    return {"seed": recipe.seed, "recipe": asdict(recipe), "transition": transition(curve), **found, "curve": curve}


def mean_interval(values: Sequence[float]) -> dict[str, float]:
    """Mean over seeds with Student's 95% interval; ``n`` seeds."""
    from scipy.stats import t

    n = len(values)
    mean = sum(values) / n
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1)) if n > 1 else math.nan
    half = float(t.ppf(0.975, n - 1)) * spread / math.sqrt(n) if n > 1 else math.nan
    return {"mean": mean, "low": mean - half, "high": mean + half, "n": n}


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Wilson's 95% interval for a share."""
    z, share = 1.96, successes / n
    middle, half = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = ((middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return max(low, 0.0), min(high, 1.0)  # rounding may leave the range of a share by a hair


def summary(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all seeds of one condition say; nothing is left out."""
    solved = [found for found in runs if found["transition"] is not None]
    low, high = wilson(len(solved), len(runs))
    effects, fractions = {}, {}
    for edit in runs[0]["gates"]:
        for kind in ("keys", "queries", "values"):
            # in units of the model's margin on its own task, so that models of different confidence compare
            effects[f"{edit}: {kind}"] = mean_interval([absolute(found, edit, kind) for found in runs])
            shares = [found["gates"][edit][kind] for found in runs]
            fractions[f"{edit}: {kind}"] = mean_interval(shares) | {"least": min(shares), "most": max(shares)}
    return {
        "seeds": len(runs),
        "solved": len(solved),
        "never": len(runs) - len(solved),
        "share": {"share": len(solved) / len(runs), "low": low, "high": high},
        "transitions": sorted(found["transition"] for found in solved),
        "accuracy": mean_interval([found["accuracy"] for found in runs]),
        "effects": effects,
        "fractions": fractions,
        "input gate in keys": sum(dominance(found["gates"]["instruction"], "keys") >= 3 for found in runs),
        "output gate in queries": sum(dominance(found["gates"]["query"], "queries") >= 3 for found in runs),
    }


def absolute(found: Mapping[str, Any], edit: str, kind: str) -> float:
    """The effect of patching ``kind``, in units of a full turn of the model's answer (twice its margin on the task)."""
    gate = found["gates"][edit]
    return gate[kind] * gate["gap"] / (2 * found["margin"])


def load(path: Path = TABLE) -> dict[str, list[dict[str, Any]]]:
    """The runs of every condition, by name. Empty if there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def unfinished(table: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """What is still missing from a table, in words: "no lures: 2 of 5 seeds". Empty for a whole sweep."""
    counts = {name: (len(table.get(name, ())), condition.seeds) for name, condition in CONDITIONS.items()}
    return [f"{name}: {have} of {wanted} seeds" for name, (have, wanted) in counts.items() if have < wanted]


def dump(table: Mapping[str, list[dict[str, Any]]]) -> str:
    """The table as JSON, one run per line: a file that reads well in a diff."""
    parts = []
    for name, runs in table.items():
        lines = ",\n".join("  " + json.dumps(found) for found in runs)
        parts.append(f" {json.dumps(name)}: [\n{lines}\n ]")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main(argv: list[str] | None = None) -> int:
    """Makes what is missing from the table."""
    prog = "python -m mechanisms.training.gating_sweep"
    parser = argparse.ArgumentParser(prog=prog, description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=TABLE)
    parser.add_argument("--only", nargs="*", default=list(CONDITIONS), help="conditions (default: all)")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    table = load(options.out)
    for name in options.only:
        condition = CONDITIONS[name]
        for seed in range(condition.seeds):
            recipe = Recipe(seed=seed, **condition.changes)
            kept = {found["seed"]: found for found in table.get(name, [])}
            if seed in kept and kept[seed]["recipe"] == asdict(recipe):
                continue
            kept[seed] = done = run(recipe)
            table = {**load(options.out), name: [kept[s] for s in sorted(kept)]}
            atomic_write(options.out, dump({key: table[key] for key in CONDITIONS if key in table}))
            print(f"{name}, seed {seed}: accuracy {done['accuracy']:.4f}, 99% from {done['transition']}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
