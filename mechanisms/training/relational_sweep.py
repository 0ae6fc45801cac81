"""The sweep of chapter 01: trains the relational recipe over seeds, with its controls, and writes down the outcome.

- ``python -m mechanisms.training.relational_sweep`` makes the runs that ``mechanisms/data/relational_sweep.json``
  lacks, and keeps each at once; ``--print`` describes every run instead;
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
from mechanisms.training.lab_relational import Recipe, train, write_checkpoint
from mechanisms.training.measure_relational import mean, measure, reach

TABLE = Path(__file__).parents[1] / "data" / "relational_sweep.json"
BY_HEART = 3000  # steps of the first part that a random table takes; after 1000 little of it is known
# The claim's seeds, the control's, and what becomes of the effects without each choice that favours them.
RUNS = (
    *(("regular", Recipe(seed=seed)) for seed in range(5)),
    *(("random table", Recipe(seed=seed, table="random", steps=BY_HEART)) for seed in range(3)),
    ("random table, short", Recipe(seed=0, table="random")),
    *(("free attention", Recipe(seed=seed, attention="free")) for seed in range(3)),
    *(("dropout on blocks", Recipe(seed=seed, dropout_on="blocks")) for seed in range(3)),
    *(("dropout on repeats", Recipe(seed=seed, dropout_on="repeats")) for seed in range(3)),
    *(("last layer near", Recipe(seed=seed, attention="near")) for seed in range(3)),
)
BEFORE = ", before"  # what a condition is called before the first document lost an FFN


def load(path: Path = TABLE) -> list[dict[str, Any]]:
    """The runs made so far; empty if there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def unfinished(runs: list[dict[str, Any]]) -> list[str]:
    """Which runs the table lacks, in words. Empty for a whole sweep."""
    made = [run["recipe"] for run in runs]
    return [f"{condition}, seed {recipe.seed}" for condition, recipe in RUNS if asdict(recipe) not in made]


def by_condition(runs: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The runs of every condition, in the order of ``RUNS``; after each, the same models before FFN dropout."""
    found = {}
    for name in dict.fromkeys(condition for condition, _ in RUNS):
        kept = [run for run in runs if run["condition"] == name]
        if kept:
            found[name] = kept
            found[name + BEFORE] = [halfway(run) for run in kept]
    return found


def halfway(run: dict[str, Any]) -> dict[str, Any]:
    """The same training before the first document lost an FFN."""
    return {"condition": run["condition"] + BEFORE, "recipe": run["recipe"], **run["before"]}


def hits(run: dict[str, Any]) -> dict[str, float]:
    """Means over the relations: how often the own, another relation's and a random vector put the target on top."""
    keys = {"own": "hits", "other": "other relation", "random": "random"}
    return {name: mean([row[key] for row in run["injection"]]) for name, key in keys.items()}


def holds(run: dict[str, Any], factor: float = 5.0) -> bool:
    """Whether the own vector hits at least ``factor`` times as often as both controls."""
    found = hits(run)
    return found["own"] >= factor * max(found["other"], found["random"], 1e-9)


def line(run: dict[str, Any]) -> str:
    """One run in words: means over the three relations, then the curves and the cost of removing both FFNs.

    Curves are read from the first attention on: before it the last position knows neither argument nor relation.
    """
    hits, noise, other = (mean([row[key] for row in run["injection"]]) for key in ("hits", "random", "other relation"))
    before, after = (mean([row[key] for row in run["injection"]]) for key in ("rank before", "rank after"))
    peaks = [max((row["argument"] for row in rows[1:]), default=0.0) for rows in run["curves"]]
    leads = [
        next((row["after"] for row in rows[1:] if row["answer"] > row["argument"]), "nowhere") for rows in run["curves"]
    ]
    whole, none = run["removal"][0], run["removal"][-1]
    cost = {kind: whole[kind] - none[kind] for kind in ("abstractive", "extractive")}
    return (
        f"{run['condition']}, seed {run['recipe']['seed']}: facts {mean(run['facts']):.2f}, "
        f"held out {mean(run['held out']):.2f}, FFN share {mean(run['FFN share']):.2f}\n"
        f"  injection: hits {hits:.3f}, random {noise:.3f}, other relation {other:.3f}, "
        f"mean rank {before:.1f} -> {after:.1f}\n"
        f"  argument peaks {', '.join(f'{peak:.2f}' for peak in peaks)}; answer leads first after {', '.join(leads)}\n"
        f"  both FFNs removed: abstractive loses {cost['abstractive']:.2f}, extractive {cost['extractive']:.2f}"
    )


def _run(recipe: Recipe, folder: Path | None) -> dict[str, Any]:
    """What one training gives, and what it gave before FFN dropout; ``folder`` gets the checkpoint."""
    before = {}
    model, progress = train(recipe, halfway=lambda model: before.update(measure(model, recipe.task())))
    if folder is not None:
        write_checkpoint(model, recipe, progress, "cpu", folder)
    task = recipe.task()
    return rounded({**measure(model, task), "reach": reach(model, task), "before": before})


def _keep(run: dict[str, Any], path: Path) -> None:
    """Adds a run to the file, in the order of ``RUNS``; read again, for another process may have added to it."""
    order = [asdict(recipe) for _, recipe in RUNS]
    runs = sorted([*load(path), run], key=lambda run: order.index(run["recipe"]))
    atomic_write(path, "[\n" + ",\n".join(" " + json.dumps(run) for run in runs) + "\n]\n")


def main(argv: list[str] | None = None) -> int:
    """Makes what is missing from the table."""
    parser = argparse.ArgumentParser(prog="python -m mechanisms.training.relational_sweep", description=__doc__)
    parser.add_argument("--out", type=Path, default=TABLE)
    parser.add_argument("--checkpoints", type=Path, help="a folder that gets every trained model")
    parser.add_argument("--only", nargs="*", metavar="CONDITION", help="make the missing runs of these alone")
    parser.add_argument("--print", action="store_true", help="describe the runs, train nothing")
    options = parser.parse_args(argv)
    if options.print:
        runs = load(options.out)
        print("\n".join(line(part) for run in runs for part in (halfway(run), run)))
        print("Not yet made:", "; ".join(unfinished(runs)) or "nothing")
        return 0
    torch.set_num_threads(1)
    for condition, recipe in RUNS:
        if options.only and condition not in options.only:
            continue
        if any(run["recipe"] == asdict(recipe) for run in load(options.out)):
            continue
        name = f"{condition}-{recipe.seed}".replace(" ", "-")
        found = _run(recipe, options.checkpoints and options.checkpoints / name)
        run = {"condition": condition, "recipe": asdict(recipe), **found}
        _keep(run, options.out)
        print(line(run), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
