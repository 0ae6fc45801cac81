"""Writes random-gate: an untrained attention-only model that ships with the course for checks.

- it knows nothing; it is there because it has other sizes than lab-gate (three layers, three heads), so that a function
  written for lab-gate is checked where nothing may depend on them;
- ``python -m mechanisms.models.random_gate FOLDER`` writes it again, the same weights every time.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from mechanisms.files import atomic_write
from mechanisms.models.attention_only import AttentionOnly, AttentionOnlyConfig, save

SEED = 0
SPREAD = 0.4  # standard deviation of all weights: large enough that every vector moves the logits


def write(folder: Path) -> None:
    """Writes config, weights and card to ``folder``, which is made if need be."""
    model = AttentionOnly(AttentionOnlyConfig(d_vocab=16, n_ctx=32, d_model=24, n_layers=3, n_heads=3))
    generator = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            middle = 1.0 if "ln" in name and name.endswith("weight") else 0.0
            parameter.copy_(middle + SPREAD * torch.randn(parameter.shape, generator=generator))
    save(model, folder)
    card = {
        "name": "random-gate",
        "architecture": "attention only, 3 layers, 3 heads, width 24, random weights: for checks, it was never trained",
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "command": "python -m mechanisms.models.random_gate",
        "seed": SEED,
    }
    atomic_write(folder / "card.json", json.dumps(card, indent=1) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
