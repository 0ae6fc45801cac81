"""The sweep of chapter 01: trains the relational recipe over seeds, with its controls, and writes down the outcome.

- ``python -m mechanisms.training.relational_sweep`` makes the runs that ``mechanisms/data/relational_sweep.json``
  lacks, and keeps each at once; ``--print`` prints one line for every run instead;
- no run is left out of the file.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from mechanisms.files import atomic_write
from mechanisms.training.lab_lm import rounded
from mechanisms.training.lab_relational import Recipe, train
from mechanisms.training.measure_relational import measure

TABLE = Path(__file__).parents[1] / "data" / "relational_sweep.json"
# In the order in which they are made: the claim's five seeds, one control, one trial of attention blind to the cues.
RUNS = (
    *(("regular", Recipe(seed=seed)) for seed in range(2)),
    ("random table", Recipe(table="random")),
    ("blind attention", Recipe(blind_layers=2)),
    *(("regular", Recipe(seed=seed)) for seed in range(2, 5)),
    *(("random table", Recipe(seed=seed, table="random")) for seed in range(1, 3)),
)


def load(path: Path = TABLE) -> list[dict[str, Any]]:
    """The runs made so far; empty if there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def line(run: dict[str, Any]) -> str:
    """One run in words: means over the three relations."""
    mean = {
        key: sum(row[key] for row in run["injection"]) / len(run["injection"])
        for key in ("hits", "random", "other relation")
    }
    facts, held, share = (sum(run[key]) / len(run[key]) for key in ("facts", "held out", "FFN share"))
    return (
        f"{run['condition']}, seed {run['recipe']['seed']}: facts {facts:.2f}, held out {held:.2f}, "
        f"hits {mean['hits']:.3f}, random {mean['random']:.3f}, other relation {mean['other relation']:.3f}, "
        f"FFN share {share:.2f}"
    )


def main(argv: list[str] | None = None) -> int:
    """Makes what is missing from the table."""
    parser = argparse.ArgumentParser(prog="python -m mechanisms.training.relational_sweep", description=__doc__)
    parser.add_argument("--out", type=Path, default=TABLE)
    parser.add_argument("--print", action="store_true", help="print the table, train nothing")
    options = parser.parse_args(argv)
    runs = load(options.out)
    if options.print:
        print("\n".join(map(line, runs)))
        return 0
    torch.set_num_threads(1)
    for condition, recipe in RUNS:
        if any(run["recipe"] == asdict(recipe) for run in runs):
            continue
        found = rounded(measure(train(recipe), recipe.task()))
        runs.append({"condition": condition, "recipe": asdict(recipe), **found})
        atomic_write(options.out, "[\n" + ",\n".join(" " + json.dumps(run) for run in runs) + "\n]\n")
        print(line(runs[-1]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
