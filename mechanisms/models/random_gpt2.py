"""Writes random-gpt2: an untrained two-layer GPT-2 that ships with the course for checks.

- it knows nothing; it is there because its architecture has every bias, as GPT-2 and Pythia do and lab-lm does not,
  so that a function written for lab-lm is checked on both kinds of model;
- ``python -m mechanisms.models.random_gpt2 FOLDER`` writes it again, the same weights every time.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from mechanisms.data.vocabulary import build_tokenizer, words
from mechanisms.files import atomic_write

SEED = 0
SPREAD = 0.4  # standard deviation of all weights: large enough that every part of a logit difference is visible


def write(folder: Path) -> None:
    """Writes config, weights, tokenizer and card to ``folder``, which is made if need be."""
    from transformers import GPT2Config, GPT2LMHeadModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    config = GPT2Config(vocab_size=len(words()), n_positions=32, n_embd=24, n_layer=2, n_head=3, bos_token_id=1)
    model = GPT2LMHeadModel(config)
    generator = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            middle = 1.0 if "ln_" in name and name.endswith("weight") else 0.0
            parameter.copy_(middle + SPREAD * torch.randn(parameter.shape, generator=generator))
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    build_tokenizer().save_pretrained(folder)
    card = {
        "name": "random-gpt2",
        "architecture": "GPT-2, 2 layers, 3 heads, width 24, random weights: for checks, it was never trained",
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "command": "python -m mechanisms.models.random_gpt2",
        "seed": SEED,
    }
    atomic_write(folder / "card.json", json.dumps(card, indent=1) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
