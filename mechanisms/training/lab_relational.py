"""Trains the relational model of chapter 01 from a seed, and its control on a random table of facts.

- draws every batch from a seeded generator (``mechanisms.data.relations``): nothing is downloaded;
- ``train`` returns the model in evaluation mode; a training takes about a minute and is not resumed;
- writes a checkpoint folder and a measured card.
"""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import torch

from mechanisms.data.relations import FIRST_CUES, LENGTH, SECOND_CUES, VOCABULARY, WORDS, Task, batch
from mechanisms.files import atomic_write
from mechanisms.models.lab import boot
from mechanisms.models.relational import Relational, RelationalConfig, save
from mechanisms.training.lab_lm import rounded
from mechanisms.training.measure_relational import aims, measure, reach

# What queries and keys see, layer by layer: "blind" ones see positions alone in the first two layers; "cue-blind" ones
# see words in the third as well, but not which cue of its kind a cue is.
ATTENTION = {"free": (), "blind": ("positions", "positions"), "cue-blind": ("positions", "positions", "alike")}

NAMES = {"free": "lab-relational", "blind": "blind-relational", "cue-blind": "cue-blind-relational"}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the trained weights, besides the machine's arithmetic.

    ``seed``: the shipped model has the seed whose injection hits are the median of the sweep's first five.
    ``table``: see ``Task``. ``attention``: a key of ``ATTENTION``. ``ffn_dropout``: the share of
    documents that lose the last FFN at the end of training; half of them lose both. It grows in a straight line.
    ``dropout_on``: "all" documents alike, or "copying": only those in which the last answer can be copied and no table
    helps (blocks of words, and invented answers; of the latter nothing but the copy counts then).
    """

    seed: int = 3
    steps: int = 1500
    table: str = "regular"
    attention: str = "free"
    ffn_dropout: float = 0.0
    dropout_on: str = "all"
    batch: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 0.1
    warm_up: int = 100

    def task(self) -> Task:
        return Task(self.table, self.seed)


@dataclass(frozen=True)
class Progress:
    """How a training went."""

    step: int
    seconds: float


def build(recipe: Recipe) -> Relational:
    """A model with fresh weights, drawn from torch's global generator."""
    sizes = RelationalConfig(
        VOCABULARY,
        LENGTH,
        sees=ATTENTION[recipe.attention],
        alike=((FIRST_CUES, SECOND_CUES), (SECOND_CUES, VOCABULARY)),
    )
    return Relational(sizes, small_rows=WORDS)


def kept_ffns(
    recipe: Recipe, step: int, tokens: torch.Tensor, weights: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor | None, torch.Tensor]:
    """How many FFNs each document of a batch keeps [batch], and the loss weights [batch, pos] to go with it.

    None for the first, and nothing drawn, where no FFN is ever lost.
    """
    if not recipe.ffn_dropout:
        return None, weights
    share = recipe.ffn_dropout * step / recipe.steps
    draw = torch.rand(len(tokens), generator=generator)
    if recipe.dropout_on == "copying":
        invented = (weights == 0).any(1)  # at first sight an invented answer counts for nothing
        draw[~(invented | (tokens[:, :4] == tokens[:, 4:8]).all(1))] = 1.0
        weights = weights.clone()
        weights[(draw < share) & invented, :-1] = 0.0
    return 2 - (draw < share).long() - (draw < share / 2).long(), weights


def train(
    recipe: Recipe, folder: Path | None = None, device: str = "cpu", watch: Callable[[int], Any] | None = None
) -> tuple[Relational, Progress]:
    """A model trained to the end of the recipe, in about a minute, and how long it took.

    ``folder`` is only made: so short a training keeps no state in between. ``watch`` is called with every step.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    model = build(recipe).to(device)
    generator, task = torch.Generator().manual_seed(recipe.seed), recipe.task()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, betas=(0.9, 0.98)
    )
    began = time.monotonic()
    for step in range(recipe.steps):
        cosine = 0.5 * (1 + math.cos(math.pi * step / recipe.steps)) + 0.02
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * min(1.0, (step + 1) / recipe.warm_up) * cosine
        tokens, weights = batch(task, recipe.batch, generator)
        kept, weights = kept_ffns(recipe, step, tokens, weights, generator)
        tokens, weights = tokens.to(device), weights.to(device)
        logits = model(tokens[:, :-1], kept if kept is None else kept.to(device))
        weights = weights[:, 1:].flatten()
        losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
        loss = (losses * weights).sum() / weights.sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if watch is not None:
            watch(step)
    return model.eval().requires_grad_(False).to("cpu"), Progress(recipe.steps, time.monotonic() - began)


def write_checkpoint(model: Relational, recipe: Recipe, progress: Progress, device: str, folder: Path) -> None:
    """Writes config and weights, measures the model as students load it, and writes card.json."""
    save(model, folder)
    report = measure_checkpoint(folder, recipe)
    name = "control-relational" if recipe.table == "random" else NAMES[recipe.attention]
    changed = {item.name for item in fields(recipe) if getattr(recipe, item.name) != item.default}
    flags = "".join(f" --{key.replace('_', '-')} {getattr(recipe, key)}" for key in asdict(recipe) if key in changed)
    card = {
        "name": name,
        "architecture": f"{model.cfg.n_layers} layers, FFNs in layers 1 and 2, {model.cfg.n_heads} heads, width "
        f"{model.cfg.d_model}, tied embeddings",
        "parameters": sum(p.numel() for p in model.parameters()),
        "vocabulary": VOCABULARY,
        "command": f"python -m mechanisms.training lab-relational{flags}",
        "recipe": asdict(recipe),
        "training_seconds": round(progress.seconds, 1),
        "threads": torch.get_num_threads(),
        "device": device,
        "machine": platform.machine(),
        "torch": torch.__version__.split("+")[0],
        "date": date.today().isoformat(),
        "aims": rounded(aims(report)),
        "measured": rounded(report),
    }
    atomic_write(folder / "card.json", json.dumps(card, indent=1) + "\n")


def measure_checkpoint(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """What the card's ``measured`` holds, for the checkpoint in ``folder``."""
    model, task = boot(folder), recipe.task()
    return {**measure(model, task), "reach": reach(model, task)}
