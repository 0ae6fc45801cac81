"""The sweep of chapter 06: trains lab-dual over seeds, for every way of forgetting, and writes down the outcome.

- ``python -m mechanisms.training.dual_sweep`` trains every condition of ``CONDITIONS``, from seed 0 up;
- each run is kept in ``mechanisms/data/dual_sweep.json`` at once, so that a sweep that was stopped goes on where it
  was; a run of another recipe is made again;
- ``summary`` gives means over seeds with Student's 95% intervals, ``paired`` the same for a difference of two
  conditions seed by seed;
- ``unfinished`` says which runs a table lacks.

No run is left out of the file or of a summary.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from mechanisms.files import atomic_write
from mechanisms.training.gating_sweep import dump, load, mean_interval
from mechanisms.training.lab_dual import Recipe, train
from mechanisms.training.lab_lm import rounded
from mechanisms.training.measure_dual import scores

TABLE = Path(__file__).parents[1] / "data" / "dual_sweep.json"
SEEDS = 5
STOPS = (200, 400, 600, 900, 1200, 1500)
SHOWN = ("validation", "switch", "tail switch", "random", "no cue")


@dataclass(frozen=True)
class Condition:
    """``seeds`` runs of the default recipe with ``changes``."""

    seeds: int
    changes: Mapping[str, Any]
    about: str


# The language of the dual process: the cue is hidden in a tenth of the sequences, and half of all tokens are ambiguous,
# so that the structure stays worth reading. Larger embeddings forget more: a few steps do not move them far.
HIDDEN = {
    "hidden": 0.1, "ambiguous": 0.5, "spread": 0.1, "steps": 3000, "every": 50, "until": 1500, "measure_every": 100,
}  # fmt: skip

CONDITIONS = {
    "vanilla": Condition(SEEDS, {"every": 0, "until": 0}, "no reset at all"),
    **{f"stop at {stop}": Condition(SEEDS, {"until": stop}, f"resets until step {stop}") for stop in STOPS},
    "active": Condition(SEEDS, {"until": 0}, "resets that never stop"),
    "hidden, vanilla": Condition(SEEDS, {**HIDDEN, "every": 0, "until": 0}, "the cue is hidden now and then; no reset"),
    "hidden, temporary": Condition(SEEDS, HIDDEN, "the cue is hidden now and then; resets in the first half"),
    "hidden, active": Condition(
        SEEDS, {**HIDDEN, "until": 0}, "the cue is hidden now and then; resets that never stop"
    ),
}


def run(recipe: Recipe) -> dict[str, Any]:
    """One training and its measurement, as plain data."""
    with tempfile.TemporaryDirectory() as folder:
        model, progress = train(recipe, Path(folder))
    curve = [{name: row[name] for name in ("step", "loss", *SHOWN)} for row in progress.curve]
    found = scores(model, recipe.world(), recipe.spread, n=2000)
    return rounded(
        {"seed": recipe.seed, "recipe": asdict(recipe), "seconds": progress.seconds, **found, "curve": curve}
    )


def summary(runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """For every score its mean over seeds with a 95% interval, and the least and the most."""
    names = [name for name in runs[0] if name not in ("seed", "recipe", "seconds", "curve")]
    return {
        name: mean_interval([found[name] for found in runs])
        | {"least": min(found[name] for found in runs), "most": max(found[name] for found in runs)}
        for name in names
    }


def paired(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]], name: str) -> dict[str, float]:
    """The difference of a score between two conditions, seed by seed: its mean with a 95% interval, least and most."""
    second = {found["seed"]: found[name] for found in other}
    values = [found[name] - second[found["seed"]] for found in one if found["seed"] in second]
    return mean_interval(values) | {"least": min(values), "most": max(values)}


def unfinished(table: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """What is still missing from a table, in words: "active: 2 of 5 seeds". Empty for a whole sweep."""
    counts = {name: (len(table.get(name, ())), condition.seeds) for name, condition in CONDITIONS.items()}
    return [f"{name}: {have} of {wanted} seeds" for name, (have, wanted) in counts.items() if have < wanted]


def runs_of(path: Path = TABLE) -> dict[str, list[dict[str, Any]]]:
    """The runs of every condition, by name. Empty if there is no file."""
    return load(path)


def main(argv: list[str] | None = None) -> int:
    """Makes what is missing from the table."""
    prog = "python -m mechanisms.training.dual_sweep"
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
            told = ", ".join(f"{key} {done[key]:.3f}" for key in SHOWN)
            print(f"{name}, seed {seed}: {told}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
