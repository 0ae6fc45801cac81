"""The scenes that the page of chapter 08 lets its reader build: what the shipped lab-clip says of their captions.

- ``python -m mechanisms.training.binding_examples`` computes them and writes ``mechanisms/data/binding_examples.json``
  (half a minute);
- ``load`` reads the file: views as ``mechanisms.widgets.scene_views`` makes them.

Every scene of four colours and three shapes is there; none was chosen.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from mechanisms.files import atomic_write

TABLE = Path(__file__).parents[1] / "data" / "binding_examples.json"


def load(path: Path = TABLE) -> dict[str, dict[str, Any]]:
    """The views of the shipped file, by scene."""
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    from mechanisms.models import load as load_model
    from mechanisms.widgets import scene_views

    torch.set_num_threads(1)
    found = scene_views(load_model("lab-clip"))
    atomic_write(TABLE, json.dumps(found) + "\n")
    print(f"{TABLE.name}: {len(found)} scenes")
    sys.exit(0)
