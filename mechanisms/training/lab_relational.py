"""Trains the relational model of chapter 01 from a seed, and its control on a random table of facts.

- draws every batch from a seeded generator (``mechanisms.data.relations``): nothing is downloaded;
- ``train`` returns the model in evaluation mode; a training takes a minute or two and is not resumed;
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

from mechanisms.data.relations import LENGTH, VOCABULARY, WORDS, Task, batch, copyable
from mechanisms.files import atomic_write
from mechanisms.models.lab import boot
from mechanisms.models.relational import Relational, RelationalConfig, save
from mechanisms.training.lab_lm import rounded
from mechanisms.training.measure_relational import aims, measure, reach

# "blind": in the first three layers the attention pattern is the same for every text, so that it cannot react to which
# cue stands where, and FFN 2 is the first sublayer that can put two cues together; the last layer looks three places
# back or more, past the three words of the question. "near": the same, but the last layer may look at the question.
ATTENTION = {
    "blind": {"blind_layers": (0, 1, 2), "nearest": 3},
    "near": {"blind_layers": (0, 1, 2)},
    "free": {},
}
DROPOUT_ON = ("copies", "repeats", "blocks")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the trained weights, besides the machine's arithmetic.

    ``seed``: the shipped model has the seed whose injection hits are the median of the sweep's first five.
    ``table``: see ``Task``. ``attention``: a key of ``ATTENTION``. Training has two parts, each with a learning rate
    that rises and falls. In the second, of ``copying_steps``, a share ``ffn_dropout`` of the documents in which
    something can be copied lose the last FFN, half of these both, and in such a document nothing but what can be copied
    counts. ``dropout_on``: which copies, see ``copyable``; with "repeats" facts of relation 0 keep all FFNs unless they
    repeat an earlier one, with "blocks" all facts do.
    """

    seed: int = 0
    steps: int = 1000
    table: str = "regular"
    attention: str = "blind"
    copying_steps: int = 500
    ffn_dropout: float = 0.4
    dropout_on: str = "copies"
    batch: int = 128
    learning_rate: float = 3e-3
    copying_rate: float = 2e-3
    weight_decay: float = 0.1
    warm_up: int = 100

    def __post_init__(self) -> None:
        for name, known in (("attention", tuple(ATTENTION)), ("dropout_on", DROPOUT_ON)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, not {getattr(self, name)!r}")

    def task(self) -> Task:
        return Task(self.table, self.seed)


@dataclass(frozen=True)
class Progress:
    """How a training went."""

    step: int
    seconds: float


def build(recipe: Recipe) -> Relational:
    """A model with fresh weights, drawn from torch's global generator."""
    sizes = RelationalConfig(VOCABULARY, LENGTH, **ATTENTION[recipe.attention])
    return Relational(sizes, small_rows=WORDS)


def kept_ffns(
    recipe: Recipe, share: float, tokens: torch.Tensor, weights: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor | None, torch.Tensor]:
    """How many FFNs each document of a batch keeps [batch], and the loss weights [batch, pos] to go with it.

    ``share``: of the documents in which something can be copied, how many lose the last FFN; half of these lose both.
    None for the first, and nothing drawn, where no FFN is ever lost.
    """
    if not share:
        return None, weights
    possible = copyable(tokens, recipe.dropout_on)
    draw = torch.rand(len(tokens), generator=generator)
    draw[~possible.any(1)] = 1.0
    weights = torch.where((draw < share)[:, None] & ~possible, 0.0, weights)
    return 2 - (draw < share).long() - (draw < share / 2).long(), weights


def train(
    recipe: Recipe,
    folder: Path | None = None,
    device: str = "cpu",
    watch: Callable[[int], Any] | None = None,
    halfway: Callable[[Relational], Any] | None = None,
) -> tuple[Relational, Progress]:
    """A model trained to the end of the recipe, in one to two minutes, and how long it took.

    ``folder`` is only made: so short a training keeps no state in between. ``watch`` is called with every step,
    ``halfway`` with the model before the first document loses an FFN.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    model = build(recipe).to(device)
    generator, task, began, done = torch.Generator().manual_seed(recipe.seed), recipe.task(), time.monotonic(), 0
    parts = ((recipe.steps, recipe.learning_rate, 0.0), (recipe.copying_steps, recipe.copying_rate, recipe.ffn_dropout))
    for number, (steps, rate, dropout) in enumerate(parts):
        if number and halfway is not None:
            halfway(model)
        optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=recipe.weight_decay, betas=(0.9, 0.98))
        for step in range(steps):
            cosine = 0.5 * (1 + math.cos(math.pi * step / steps)) + 0.02
            for group in optimizer.param_groups:
                group["lr"] = rate * min(1.0, (step + 1) / recipe.warm_up) * cosine
            loss = _loss(recipe, model, *batch(task, recipe.batch, generator), dropout, generator, device)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            if watch is not None:
                watch(done)
            done += 1
    return model.eval().requires_grad_(False).to("cpu"), Progress(done, time.monotonic() - began)


def _loss(
    recipe: Recipe,
    model: Relational,
    tokens: torch.Tensor,
    weights: torch.Tensor,
    dropout: float,
    generator: torch.Generator,
    device: str,
) -> torch.Tensor:
    kept, weights = kept_ffns(recipe, dropout, tokens, weights, generator)
    tokens, weights = tokens.to(device), weights.to(device)[:, 1:].flatten()
    logits = model(tokens[:, :-1], kept if kept is None else kept.to(device))
    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    return (losses * weights).sum() / weights.sum()


def write_checkpoint(model: Relational, recipe: Recipe, progress: Progress, device: str, folder: Path) -> None:
    """Writes config and weights, measures the model as students load it, and writes card.json."""
    save(model, folder)
    report = measure_checkpoint(folder, recipe)
    name = "control" if recipe.table == "random" else {"blind": "lab"}.get(recipe.attention, recipe.attention)
    changed = {item.name for item in fields(recipe) if getattr(recipe, item.name) != item.default}
    flags = "".join(f" --{key.replace('_', '-')} {getattr(recipe, key)}" for key in asdict(recipe) if key in changed)
    card = {
        "name": f"{name}-relational",
        "architecture": f"{model.cfg.n_layers} layers, FFNs in layers 2 and 3, {model.cfg.n_heads} heads, width "
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
