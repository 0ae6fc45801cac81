"""Trains lab-list, the attention-only model of chapter 04, from scratch on laundry lists.

- draws every batch from a seeded generator (``mechanisms.data.missing_item``): nothing is downloaded;
- takes the loss after every thing of the second list: the next one, or the missing one, must be one that is still due;
- keeps one head in the last layer, which sees the first list only, and reads the logits from this head alone;
- folds LayerNorm into the weights, so that scores of weights mean something;
- saves its state as it goes, goes on from there when started again, and writes a checkpoint folder and a measured card.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from mechanisms.data.missing_item import DOT, Task, lists, practice
from mechanisms.files import atomic_write
from mechanisms.training.lab_lm import rounded
from mechanisms.training.state import STATE, load_state, save_state

SAVE_EVERY_SECONDS = 10.0
TEST_SEED = 123


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the trained weights, besides the machine's arithmetic.

    ``longest`` is the length of the longest list in training; a list may have up to ``slots`` things in a test.
    ``embedding_std`` is the spread of token and position embeddings at the start. ``last_heads`` heads of the last
    layer write anything.
    """

    seed: int = 0
    steps: int = 2500
    items: int = 60
    slots: int = 12
    longest: int = 8
    d_model: int = 64
    n_layers: int = 3
    n_heads: int = 8
    last_heads: int = 1
    embedding_std: float = 1.0
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warm_up: int = 100
    decay_from: float = 0.8
    measure_every: int = 250

    def task(self) -> Task:
        """The task of training and tests."""
        return Task(items=self.items, slots=self.slots, longest=self.longest)


@dataclass
class Progress:
    """How far a training has come; ``curve`` has one row for every measurement."""

    step: int = 0
    seconds: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)


def build_model(recipe: Recipe):
    """An AttentionOnly model with fresh weights, drawn from the recipe's seed."""
    from mechanisms.models.attention_only import AttentionOnly, AttentionOnlyConfig

    torch.manual_seed(recipe.seed)
    task = recipe.task()
    sizes = (task.vocabulary, task.length, recipe.d_model, recipe.n_layers, recipe.n_heads)
    model = AttentionOnly(AttentionOnlyConfig(*sizes, last_view=task.view, last_alone=True))
    for table in (model.embed, model.pos_embed):
        torch.nn.init.normal_(table.weight, std=recipe.embedding_std)
    silence(model, recipe)
    return model


@torch.no_grad()
def silence(model, recipe: Recipe) -> None:
    """Sets to zero what the last layer's heads from ``last_heads`` on write."""
    model.blocks[-1].attn.W_out.weight[:, recipe.last_heads * model.cfg.d_head :] = 0


def next_item_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy where ``targets`` [batch, pos] name a thing; logits [batch, pos, vocab]."""
    due = targets != DOT
    return torch.nn.functional.cross_entropy(logits[due], targets[due])


@torch.no_grad()
def accuracy(model, task: Task, length: int, n: int = 400) -> float:
    """Share of ``n`` fixed lists of that length whose missing thing is found."""
    batch = lists(task, n, length, torch.Generator().manual_seed(TEST_SEED))
    device = next(model.parameters()).device
    return (model(batch.prompts.to(device))[:, -1].argmax(-1).cpu() == batch.targets).float().mean().item()


def train(recipe: Recipe, folder: Path, device: str = "cpu", log: Callable[[str], Any] = print) -> tuple[Any, Progress]:
    """Trains to the end, or goes on from a saved state in ``folder``. Returns the model, folded, and how it went.

    Raises CourseError if the state in ``folder`` belongs to another recipe or cannot be saved.
    """
    from mechanisms.models.attention_only import fold_layer_norm

    folder.mkdir(parents=True, exist_ok=True)
    model = build_model(recipe).to(device)
    generator = torch.Generator().manual_seed(recipe.seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    progress = Progress(**(load_state(recipe, folder, model, optimizer, generator) or {}))
    if progress.step:
        log(f"Going on from step {progress.step} of {recipe.steps}.")
    began = saved = time.monotonic()
    earlier, task = progress.seconds, recipe.task()
    with tqdm(initial=progress.step, total=recipe.steps, unit="step", desc="lab-list") as bar:
        while progress.step < recipe.steps:
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * _rate(recipe, progress.step)
            prompts, targets = (tokens.to(device) for tokens in practice(task, recipe.batch, generator))
            loss = next_item_loss(model(prompts), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            silence(model, recipe)
            progress.step += 1
            bar.update()
            progress.seconds = earlier + time.monotonic() - began
            if progress.step % recipe.measure_every == 0 or progress.step == recipe.steps:
                found = {f"accuracy {n}": accuracy(model, task, n) for n in (recipe.longest // 2, recipe.longest)}
                progress.curve.append({"step": progress.step, "loss": loss.item(), **found})
                bar.set_postfix(loss=f"{loss.item():.3f}")
            if time.monotonic() - saved > SAVE_EVERY_SECONDS or progress.step == recipe.steps:
                saved = time.monotonic()
                save_state(recipe, folder, model, optimizer, generator, progress)
    model.eval().to("cpu")
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    fold_layer_norm(model)
    return model, progress


def _rate(recipe: Recipe, step: int) -> float:
    """The factor on the learning rate: a short rise, then level, then a straight fall to zero."""
    left = (recipe.steps - step) / ((1 - recipe.decay_from) * recipe.steps)
    return min(1.0, (step + 1) / recipe.warm_up, left)


def write_checkpoint(model, recipe: Recipe, progress: Progress, device: str, folder: Path) -> None:
    """Writes config and weights, measures the model as students load it, and writes card.json with the curve."""
    from mechanisms.models.attention_only import save
    from mechanisms.training.measure_list import aims

    save(model, folder)
    report = measure_checkpoint(folder, recipe)
    heads = f"{recipe.n_heads} heads ({recipe.last_heads} in the last layer)"
    card = {
        "name": "lab-list",
        "architecture": f"attention only, {recipe.n_layers} layers, {heads}, width {recipe.d_model}",
        "parameters": sum(p.numel() for p in model.parameters()),
        "vocabulary": recipe.task().vocabulary,
        "command": f"python -m mechanisms.training lab-list --seed {recipe.seed} --steps {recipe.steps}",
        "recipe": asdict(recipe),
        "training_seconds": round(progress.seconds, 1),
        "threads": torch.get_num_threads(),
        "device": device,
        "machine": platform.machine(),
        "torch": torch.__version__.split("+")[0],
        "date": date.today().isoformat(),
        "aims": rounded(aims(report)),
        "measured": rounded(report),
        "curve": rounded(progress.curve),
    }
    atomic_write(folder / "card.json", json.dumps(card, indent=1) + "\n")
    (folder / STATE).unlink(missing_ok=True)


def measure_checkpoint(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """What the card's ``measured`` holds, for the checkpoint in ``folder``."""
    from mechanisms.models.lab import boot
    from mechanisms.training.measure_list import measure

    return measure(boot(folder), recipe.task())
