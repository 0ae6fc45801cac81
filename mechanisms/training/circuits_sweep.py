"""The sweep of chapter 03: which heads serve which task, and does the repair work, over seeds.

- ``python -m mechanisms.training.circuits_sweep`` trains every condition of ``CONDITIONS`` over its seeds and measures
  each model with ``measure_circuits``; the outcome is ``mechanisms/data/circuits_sweep.json``, kept after every run, so
  that a sweep that was stopped goes on where it was;
- ``--checkpoints FOLDER`` keeps the trained models there and measures those that are there without training them
  again; the shipped lab-lm stands for its seed in any case;
- ``summary`` gives means and ranges over seeds, the repair's lift with a 95% interval and the share of seeds in which
  it works, and one pooled rank correlation;
- ``unfinished`` says which runs a table lacks. No run is left out of the file or of the summary.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from scipy.stats import spearmanr

from mechanisms.data.vocabulary import build_tokenizer
from mechanisms.files import atomic_write
from mechanisms.models.lab import boot, checkpoint_folder
from mechanisms.training import lab_lm
from mechanisms.training.gating_sweep import dump, mean_interval, wilson
from mechanisms.training.lab_lm import rounded
from mechanisms.training.measure_circuits import measure

TABLE = Path(__file__).parents[1] / "data" / "circuits_sweep.json"
CHOSEN_ON = 0  # the seed on which the repair's rule was chosen: shown, and left out of every count
LIFT, LEARNED = 0.20, 0.95
BASE, CONTROL, REPAIR = "indirect objects", "capitals (control)", "held-out objects, inventory"
LEVELS = ("base", "repaired", "objects", "bos", "least_inhibiting", "new_errors", "mended")
LEVELS += ("mover_to_wrong", "mover_to_right", "says_a_listed_color")


@dataclass(frozen=True)
class Condition:
    """``seeds`` runs of a recipe. The first ``whole`` of them are trained to the end whatever comes; of the others,
    those whose binding stage ends without success are trained no further, and counted."""

    seeds: int
    whole: int
    recipe: type[lab_lm.Recipe]


CONDITIONS = {
    "lab-lm": Condition(6, 5, lab_lm.Recipe),
}


def run(name: str, seed: int, folder: Path) -> dict[str, Any]:
    """One model of a condition, trained in ``folder`` unless it is there already, and measured; plain data. Of a seed
    that was trained no further, only "unbound", the steps that it tried."""
    condition = CONDITIONS[name]
    recipe = condition.recipe(seed=seed)

    def hopeless(progress: lab_lm.Progress) -> bool:
        return seed >= condition.whole and progress.bound and progress.binding >= recipe.binding_steps

    if not (folder / "model.safetensors").is_file():
        model, progress = lab_lm.train(recipe, folder, stop=hopeless)
        if hopeless(progress):
            (folder / lab_lm.STATE).unlink(missing_ok=True)
            return {"seed": seed, "recipe": asdict(recipe), "unbound": progress.binding}
        model.save_pretrained(folder)
        build_tokenizer().save_pretrained(folder)
        (folder / lab_lm.STATE).unlink(missing_ok=True)
    return {"seed": seed, "recipe": asdict(recipe), **rounded(measure(boot(folder)))}


def load(path: Path = TABLE) -> dict[str, list[dict[str, Any]]]:
    """The runs of every condition, by name. Empty if there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def unfinished(table: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """What is still missing from a table, in words. Empty for a whole sweep."""
    counts = {name: (len(table.get(name, ())), condition.seeds) for name, condition in CONDITIONS.items()}
    return [f"{name}: {have} of {wanted} seeds" for name, (have, wanted) in counts.items() if have < wanted]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Mean over seeds, the least and the most of them; ``n`` seeds. Empty for no values."""
    if not values:
        return {}
    return {"mean": sum(values) / len(values), "least": min(values), "most": max(values), "n": len(values)}


def measured(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The runs that were trained to the end."""
    return [found for found in runs if "unbound" not in found]


def learned(found: Mapping[str, Any]) -> bool:
    """Whether this model does coloured objects at all, on objects that it was asked about in training."""
    return "unbound" not in found and found["tasks"]["coloured objects"]["accuracy"] >= LEARNED


def _compared(runs: Sequence[Mapping[str, Any]], task: str) -> dict[str, Any]:
    """The overlap with indirect objects over the seeds in which both tasks have a circuit."""
    able = [found for found in runs if found["tasks"][BASE]["heads"] and found["tasks"][task]["heads"]]
    ones = [found["overlap"][task] for found in able]
    return {
        **{key: spread([one[key] for one in ones]) for key in ("of_union", "of_first", "expected", "chance")},
        "direct_rho": spread([one["direct_rho"] for one in ones if one["direct_rho"] is not None]),
        "same_mover": sum(one["same_mover"] for one in ones),
        "significant": sum(one["chance"] < 0.05 for one in ones),
        "seeds": len(ones),
    }


def _above_control(runs: Sequence[Mapping[str, Any]], task: str) -> dict[str, float]:
    """By how much more of the union a task shares than the control does, seed by seed, with a 95% interval."""
    able = [run for run in runs if all(run["tasks"][name]["heads"] for name in (BASE, CONTROL, task))]
    differences = [run["overlap"][task]["of_union"] - run["overlap"][CONTROL]["of_union"] for run in able]
    return mean_interval(differences) if differences else {}


def _repaired(runs: Sequence[Mapping[str, Any]], kind: str) -> dict[str, Any]:
    """The repair over some seeds: levels, the lift with an interval, and in how many it is ``LIFT`` or more."""
    ones = [found["repair"][kind] for found in runs]
    lifts = [one["repaired"] - one["base"] for one in ones]
    lifted = sum(lift >= LIFT for lift in lifts)
    low, high = wilson(lifted, len(ones)) if ones else (0.0, 1.0)
    return {
        **{key: spread([one[key] for one in ones]) for key in LEVELS},
        "lift": mean_interval(lifts) if ones else {},
        "lifted": lifted,
        "share": {"low": low, "high": high},
        "seeds": len(ones),
    }


def summary(runs: Sequence[Mapping[str, Any]], kind: str = REPAIR, name: str = "lab-lm") -> dict[str, Any]:
    """What the seeds of one condition say: overlaps over all models that were measured; the repair ``kind`` over the
    seeds that were trained whatever came, and over all that learned coloured objects, both without the seed on which
    its rule was chosen."""
    tried, whole = len(runs), CONDITIONS[name].whole
    able = sum(map(learned, runs))
    low, high = wilson(able, tried)
    runs = measured(runs)
    counted = [found for found in runs if found["seed"] != CHOSEN_ON]
    return {
        "tried": tried,
        "learned": able,
        "learned share": {"low": low, "high": high},
        "seeds": len(runs),
        "accuracy": {task: spread([found["tasks"][task]["accuracy"] for found in runs]) for task in runs[0]["tasks"]},
        "overlap": {task: _compared(runs, task) for task in runs[0]["overlap"]},
        "above control": {task: _above_control(runs, task) for task in runs[0]["overlap"] if task != CONTROL},
        "repair": _repaired([found for found in counted if found["seed"] < whole], kind),
        "repair where learned": _repaired([found for found in counted if learned(found)], kind),
        "agreement": pooled_agreement(counted, kind),
    }


def pooled_agreement(runs: Sequence[Mapping[str, Any]], kind: str = REPAIR) -> dict[str, float]:
    """Rank correlation over the heads of all runs: what overriding a head does to coloured objects, against the share
    of the indirect-object effect that it carries into the mover's queries. Heads that feed the mover only."""
    moved, carried = [], []
    for found in runs:
        mover = found["tasks"]["indirect objects"]["mover"]
        for layer, head in found["live_heads"]:
            share = found["tasks"]["indirect objects"]["queries"][layer][head]
            if layer < mover[0] and share is not None:
                moved.append(found["repair"][kind]["override_effects"][layer][head])
                carried.append(share)
    if len(moved) < 3:
        return {"rho": 0.0, "p": 1.0, "n": len(moved)}
    result = spearmanr(moved, carried)
    return {"rho": float(result.statistic), "p": float(result.pvalue), "n": len(moved)}


def _told(done: Mapping[str, Any]) -> str:
    if "unbound" in done:
        return f"no binding after {done['unbound']} steps, not trained further"
    found = done["repair"][REPAIR]
    return f"coloured objects {found['base']:.2f} → {found['repaired']:.2f}"


def main(argv: list[str] | None = None) -> int:
    """Makes what is missing from the table."""
    prog = "python -m mechanisms.training.circuits_sweep"
    parser = argparse.ArgumentParser(prog=prog, description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=TABLE)
    parser.add_argument("--checkpoints", type=Path, help="keep trained models here, as NAME-SEED")
    parser.add_argument("--only", nargs="*", default=list(CONDITIONS), help="conditions (default: all)")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    for name in options.only:
        for seed in range(CONDITIONS[name].seeds):
            table = load(options.out)
            kept = {found["seed"]: found for found in table.get(name, [])}
            if seed in kept and kept[seed]["recipe"] == asdict(CONDITIONS[name].recipe(seed=seed)):
                continue
            with tempfile.TemporaryDirectory() as scratch:
                folder = (options.checkpoints or Path(scratch)) / f"{name.replace(' ', '-')}-{seed}"
                shipped = name == "lab-lm" and seed == lab_lm.Recipe().seed
                kept[seed] = done = run(name, seed, checkpoint_folder("lab-lm") if shipped else folder)
            table[name] = [kept[s] for s in sorted(kept)]
            atomic_write(options.out, dump({key: table[key] for key in CONDITIONS if key in table}))
            print(f"{name}, seed {seed}: {_told(done)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
