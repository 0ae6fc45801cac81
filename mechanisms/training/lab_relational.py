"""Trains the relational model of chapter 01 from a seed, and its control on a random table of facts.

- draws every batch from a seeded generator (``mechanisms.data.relations``): nothing is downloaded;
- ``train`` returns the model in evaluation mode.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from mechanisms.data.relations import LENGTH, VOCABULARY, WORDS, Task, batch
from mechanisms.models.relational import Relational, RelationalConfig


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the trained weights, besides the machine's arithmetic. ``table``: see ``Task``."""

    seed: int = 0
    steps: int = 1500
    table: str = "regular"
    blind_layers: int = 0
    batch: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 0.1
    warm_up: int = 100

    def task(self) -> Task:
        return Task(self.table, self.seed)


def train(recipe: Recipe) -> Relational:
    """A model trained to the end of the recipe."""
    torch.manual_seed(recipe.seed)
    model = Relational(RelationalConfig(VOCABULARY, LENGTH, blind_layers=recipe.blind_layers), small_rows=WORDS)
    generator, task = torch.Generator().manual_seed(recipe.seed), recipe.task()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, betas=(0.9, 0.98)
    )
    for step in range(recipe.steps):
        cosine = 0.5 * (1 + math.cos(math.pi * step / recipe.steps)) + 0.02
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * min(1.0, (step + 1) / recipe.warm_up) * cosine
        tokens, weights = batch(task, recipe.batch, generator)
        logits, weights = model(tokens[:, :-1]), weights[:, 1:].flatten()
        losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
        loss = (losses * weights).sum() / weights.sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model.eval().requires_grad_(False)
