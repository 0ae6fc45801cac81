"""The sweep of chapter 04: trains lab-list's recipe over seeds and writes down what was measured.

- ``python -m mechanisms.training.list_sweep`` makes the runs that ``mechanisms/data/list_sweep.json`` lacks; seed 0 is
  the shipped model, read from its card;
- ``--checkpoints FOLDER`` keeps the trained models, and measures those that are there without training them again;
- ``interval`` gives a quantity's mean over seeds with Student's 95% interval.

No run is left out of the file.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from mechanisms.files import atomic_write
from mechanisms.training.gating_sweep import mean_interval
from mechanisms.training.lab_list import Recipe, train
from mechanisms.training.lab_lm import rounded
from mechanisms.training.measure_list import aims, measure

TABLE = Path(__file__).parents[1] / "data" / "list_sweep.json"
SEEDS = 5


def load(path: Path = TABLE) -> list[dict[str, Any]]:
    """The runs, by seed. Empty if there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def trained(recipe: Recipe, checkpoints: Path | None) -> Any:
    """The recipe's model: from ``checkpoints`` if it is there, else trained (and kept there)."""
    from mechanisms.models.attention_only import boot, save

    if checkpoints is None:
        with tempfile.TemporaryDirectory() as folder:
            return train(recipe, Path(folder))[0]
    folder = checkpoints / f"lab-list-{recipe.seed}"
    if not (folder / "model.safetensors").exists():
        save(train(recipe, folder)[0], folder)
    return boot(folder)


def run(seed: int, checkpoints: Path | None = None) -> dict[str, Any]:
    """One training and its measurement, as plain data without the table of components."""
    from mechanisms.models import card

    if seed == 0:
        report, recipe = card("lab-list")["measured"], Recipe(**card("lab-list")["recipe"])
    else:
        recipe = Recipe(seed=seed)
        report = rounded(measure(trained(recipe, checkpoints), recipe.task()))
    kept = {name: value for name, value in report.items() if name != "components"}
    return {"seed": seed, "recipe": asdict(recipe), "aims": rounded(aims(report)), **kept}


def interval(runs: Sequence[dict[str, Any]], read: Callable[[dict[str, Any]], float]) -> dict[str, Any]:
    """Mean, "low" and "high" of a quantity over runs, with its "values"."""
    values = [read(found) for found in runs]
    return {**mean_interval(values), "values": values}


def gained(found: dict[str, Any]) -> float:
    """What the edits of a run added to the accuracy on held-out lists of the longest length."""
    return found["edit"]["steps"][-1]["held_out"] - found["edit"]["before"]["held_out"]


def fitted(found: dict[str, Any], what: str) -> float:
    """What fitted gains of ``what`` ("all components", "highest scores", ...) added on held-out lists; the mean over
    draws for "random directions"."""
    after = found["gains"][what]
    draws = after if isinstance(after, list) else [after]
    return sum(draw["held_out"] for draw in draws) / len(draws) - found["gains"]["before"]["held_out"]


def main(argv: list[str] | None = None) -> int:
    """Makes what is missing from the table."""
    prog = "python -m mechanisms.training.list_sweep"
    parser = argparse.ArgumentParser(prog=prog, description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=TABLE)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--checkpoints", type=Path, help="keep the trained models in this folder")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    for seed in range(options.seeds):
        kept = {found["seed"]: found for found in load(options.out)}
        if seed in kept and kept[seed]["recipe"] == asdict(Recipe(seed=seed)):
            continue
        kept[seed] = run(seed, options.checkpoints)
        lines = ",\n".join(" " + json.dumps(kept[s]) for s in sorted(kept))
        atomic_write(options.out, f"[\n{lines}\n]\n")
        print(f"seed {seed}: {json.dumps(kept[seed]['aims'])}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
