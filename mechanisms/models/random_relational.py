"""Writes random-relational: an untrained model of chapter 01's kind that ships with the course for checks.

- it knows nothing; it is there because it has other sizes than lab-relational (five layers, FFNs in layers 0, 2, 3 and
  4), so that a function written for lab-relational is checked where nothing may depend on them;
- ``python -m mechanisms.models.random_relational FOLDER`` writes it again, the same weights every time.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from mechanisms.files import atomic_write
from mechanisms.models.relational import Relational, RelationalConfig, save

SEED = 0
SPREAD = 0.4  # standard deviation of all weights: large enough that every vector moves the logits


def write(folder: Path) -> None:
    """Writes config, weights and card to ``folder``, which is made if need be."""
    model = Relational(RelationalConfig(40, 16, d_model=16, n_layers=5, n_heads=2, ffn_layers=(0, 2, 3, 4)))
    generator = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            middle = 1.0 if "ln" in name and name.endswith("weight") else 0.0
            parameter.copy_(middle + SPREAD * torch.randn(parameter.shape, generator=generator))
    save(model, folder)
    card = {
        "name": "random-relational",
        "architecture": "5 layers, FFNs in layers 0, 2, 3 and 4, width 16, random weights: for checks, never trained",
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "command": "python -m mechanisms.models.random_relational",
        "seed": SEED,
    }
    atomic_write(folder / "card.json", json.dumps(card, indent=1) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
