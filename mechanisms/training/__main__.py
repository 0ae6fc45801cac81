"""Command line of the training recipes: ``python -m mechanisms.training lab-lm`` (or lab-gate, ...).

- trains a lab model from its recipe; the long ones show a progress bar and, started again, go on where they stopped;
- ``--measure-only`` measures a finished checkpoint again and prints the numbers.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import fields
from pathlib import Path

import torch

from mechanisms.errors import CourseError
from mechanisms.training import (
    lab_clip,
    lab_dual,
    lab_gate,
    lab_list,
    lab_lm,
    lab_lm_scenes,
    lab_relational,
    lab_vision,
)
from mechanisms.training.state import STATE

RECIPES = {
    "lab-lm": (lab_lm, "the language model of chapters 02-04"),
    "lab-list": (lab_list, "the attention-only model of chapter 04"),
    "lab-gate": (lab_gate, "the attention-only model of chapter 05"),
    "lab-relational": (lab_relational, "the model of chapter 01; --table random trains its control"),
    "lab-dual": (lab_dual, "the masked language models of chapter 06"),
    "lab-lm-scenes": (lab_lm_scenes, "the language model of chapter 07, which knows creatures from text alone"),
    "lab-vision": (lab_vision, "the four image encoders of chapter 07"),
    "lab-clip": (lab_clip, "the CLIP of chapter 08"),
}
SHIPPED = Path(__file__).parents[1] / "models" / "weights"


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m mechanisms.training", description=__doc__.splitlines()[0])
    commands = top.add_subparsers(dest="model", required=True)
    for name, (module, about) in RECIPES.items():
        command = commands.add_parser(name, help=about)
        command.add_argument(
            "--out", type=Path, default=SHIPPED / name, help="checkpoint folder (default: the shipped one)"
        )
        command.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
        command.add_argument(
            "--threads", type=int, default=1, help="CPU threads (default: 1, the setting of the shipped weights)"
        )
        command.add_argument(
            "--measure-only", action="store_true", help="measure the checkpoint in --out, train nothing"
        )
        for item in fields(module.Recipe):
            flag = "--" + item.name.replace("_", "-")
            command.add_argument(flag, type=type(item.default), default=item.default, help=f"default {item.default}")
    return top


def main(argv: list[str] | None = None) -> int:
    options = parser().parse_args(argv)
    module = RECIPES[options.model][0]
    recipe = module.Recipe(**{item.name: getattr(options, item.name) for item in fields(module.Recipe)})
    torch.set_num_threads(options.threads)
    try:
        if options.measure_only:
            print(json.dumps(lab_lm.rounded(module.measure_checkpoint(options.out, recipe)), indent=1))
            return 0
        model, progress = module.train(recipe, options.out, options.device)
        module.write_checkpoint(model, recipe, progress, options.device, options.out)
    except KeyboardInterrupt:
        kept = (options.out / STATE).exists()
        how = "goes on from the last saved state" if kept else "begins again: this training had saved nothing"
        print(f"Stopped. The same command {how}.", file=sys.stderr)
        return 130
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.out}: trained in {progress.seconds:.0f} s; card.json holds what was measured.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
