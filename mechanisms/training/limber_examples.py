"""The scenes that the page of chapter 07 shows: what the shipped models say of them.

- ``python -m mechanisms.training.limber_examples`` trains a map for each shipped encoder (ten seconds each), captions
  sixteen new scenes and writes ``mechanisms/data/limber_examples.json``;
- ``load`` reads the file: views as ``mechanisms.widgets.caption_views`` makes them.

The scenes are the first ones that the seed gives: none was chosen.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from mechanisms.data.scenes import creatures
from mechanisms.files import atomic_write

TABLE = Path(__file__).parents[1] / "data" / "limber_examples.json"
SCENES, SEED = 16, 31


def make() -> list[dict[str, Any]]:
    """The views, computed anew."""
    from mechanisms.models import load as load_model
    from mechanisms.models.encoders import NAMES
    from mechanisms.training import lab_vision, limber
    from mechanisms.widgets import caption_views

    encoders, lm, pool = load_model("lab-vision"), load_model("lab-lm-scenes"), lab_vision.pool(lab_vision.Recipe())
    scenes = creatures.draw(SCENES, torch.Generator().manual_seed(SEED), "seen")
    prompts = {}
    for name in NAMES:
        linear = limber.train_map(lm, encoders.features(name, pool.images), pool.labels)
        prompts[name] = linear.prompts(encoders.features(name, scenes.images))
    return caption_views(lm, scenes, prompts)


def load(path: Path = TABLE) -> list[dict[str, Any]]:
    """The views of the shipped file."""
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    atomic_write(TABLE, json.dumps(make(), indent=1) + "\n")
    print(f"{TABLE.name}: {SCENES} scenes")
    sys.exit(0)
