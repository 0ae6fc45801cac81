"""Trains lab-gate, the attention-only model of chapter 05, from scratch on the reference-back task.

- draws every batch from a seeded generator (``mechanisms.data.reference_back``): nothing is downloaded;
- takes the loss where the answers are, and follows accuracy on a fixed test set as it goes (the training curve);
- saves its state as it goes, and goes on from there when started again;
- writes a checkpoint folder and a measured card.

``train`` takes another loss and a function that looks on, so that a notebook trains the same model with a student's own
loss and draws the curve meanwhile.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm.auto import tqdm

from mechanisms.data.reference_back import ANSWER, SYMBOL, TRAPS, WIDTH, Task, adversarial, sequences
from mechanisms.files import atomic_write
from mechanisms.training.interrupt import Stopped, interruptible
from mechanisms.training.lab_lm import rounded
from mechanisms.training.state import STATE, load_state, save_state

SAVE_EVERY_SECONDS = 10.0  # a student may interrupt at any time; the state is small
TEST_SEED = 123


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the trained weights, besides the machine's arithmetic.

    ``first_window`` tokens are what a position of the first layer sees: its own tuple at most, so that whatever reaches
    further back goes through the second layer (0: everything before it). ``embedding_std`` is the spread of token and
    position embeddings at the start. ``lures`` is the share of "different" tuples in training whose symbol was shown
    before; test sets have none. ``control`` trains a control of the task.
    """

    seed: int = 0
    steps: int = 4000
    registers: int = 2
    symbols: int = 10
    tuples: int = 10
    control: str = ""
    lures: float = 0.7
    d_model: int = 64
    n_layers: int = 2
    n_heads: int = 2
    first_window: int = 4
    embedding_std: float = 1.0
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warm_up: int = 100
    decay_from: float = 0.8
    measure_every: int = 50

    def task(self) -> Task:
        """The task as it is tested, without lures."""
        return Task(self.registers, self.symbols, self.tuples, self.control)

    def practice(self) -> Task:
        """The task as it is trained on."""
        return Task(self.registers, self.symbols, self.tuples, self.control, self.lures)


@dataclass
class Progress:
    """How far a training has come; ``curve`` has one row for every measurement, see ``test_accuracy``."""

    step: int = 0
    seconds: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)


def build_model(recipe: Recipe):
    """An AttentionOnly model with fresh weights, drawn from the recipe's seed."""
    from mechanisms.models.attention_only import AttentionOnly, AttentionOnlyConfig

    torch.manual_seed(recipe.seed)
    task = recipe.task()
    model = AttentionOnly(
        AttentionOnlyConfig(
            task.vocabulary, task.length, recipe.d_model, recipe.n_layers, recipe.n_heads, recipe.first_window
        )
    )
    for table in (model.embed, model.pos_embed):
        torch.nn.init.normal_(table.weight, std=recipe.embedding_std)
    return model


def answer_loss(logits: Float[Tensor, "batch pos vocab"], tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, ""]:
    """Mean cross-entropy of the answer tokens; the logits at a symbol predict the answer after it."""
    predicted, target = logits[:, SYMBOL::WIDTH], tokens[:, ANSWER::WIDTH]
    return torch.nn.functional.cross_entropy(predicted.flatten(0, 1), target.flatten())


@cache
def test_set(task: Task, n: int) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """The fixed test set of a task: ``n`` sequences, and adversarial ones with their last answers, trap by trap."""
    generator = torch.Generator().manual_seed(TEST_SEED)
    tokens = sequences(task, n, generator)
    if task.control == "no ignore":  # there nothing is ever ignored, so two of the traps do not exist
        return tokens, []
    return tokens, [adversarial(task, n // len(TRAPS), trap, generator) for trap in TRAPS]


@torch.no_grad()
def test_accuracy(model, task: Task, n: int = 400) -> dict[str, float]:
    """Accuracy on the fixed test set: of answers, of whole sequences, and on adversarial last answers."""
    device = next(model.parameters()).device
    tokens, traps = test_set(task, n)
    tokens, traps = tokens.to(device), [(hard.to(device), answer.to(device)) for hard, answer in traps]
    right = (model(tokens)[:, SYMBOL::WIDTH].argmax(-1) == tokens[:, ANSWER::WIDTH]).float()
    found = {"accuracy": right.mean().item(), "whole": right.all(1).float().mean().item()}
    if traps:
        hits = [(model(hard)[:, -1].argmax(-1) == answer).float().mean().item() for hard, answer in traps]
        found["adversarial"] = sum(hits) / len(hits)
    return found


def train(
    recipe: Recipe,
    folder: Path,
    device: str = "cpu",
    log: Callable[[str], Any] = print,
    loss: Callable[[Tensor, Tensor], Tensor] = answer_loss,
    watch: Callable[[Progress], Any] | None = None,
) -> tuple[Any, Progress]:
    """Trains to the end, or goes on from a saved state in ``folder``. Returns the model and how it went.

    ``watch`` is called after every measurement. Raises CourseError if the state in ``folder`` belongs to another recipe
    or cannot be saved, and Stopped, with the state saved, when it is interrupted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = build_model(recipe).to(device)
    generator = torch.Generator().manual_seed(recipe.seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    progress = Progress(**(load_state(recipe, folder, model, optimizer, generator) or {}))
    if progress.step:
        log(f"Going on from step {progress.step} of {recipe.steps}.")
    began = saved = time.monotonic()
    earlier = progress.seconds
    practice, test = recipe.practice(), recipe.task()
    with interruptible() as asked, tqdm(initial=progress.step, total=recipe.steps, unit="step", desc="lab-gate") as bar:
        while progress.step < recipe.steps:
            model.train()
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * _rate(recipe, progress.step)
            tokens = sequences(practice, recipe.batch, generator).to(device)
            value = loss(model(tokens), tokens)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            progress.step += 1
            bar.update()
            progress.seconds = earlier + time.monotonic() - began
            if progress.step % recipe.measure_every == 0 or progress.step == recipe.steps:
                model.eval()
                row = {"step": progress.step, "loss": value.item(), **test_accuracy(model, test)}
                progress.curve.append(row)
                bar.set_postfix(loss=f"{row['loss']:.3f}", accuracy=f"{row['accuracy']:.3f}")
                if watch is not None:
                    watch(progress)
            stop = asked() and progress.step < recipe.steps
            if stop or time.monotonic() - saved > SAVE_EVERY_SECONDS or progress.step == recipe.steps:
                saved = time.monotonic()
                save_state(recipe, folder, model, optimizer, generator, progress)
            if stop:
                raise Stopped(progress.step, recipe.steps, folder)
    return model.eval().to("cpu"), progress


def _rate(recipe: Recipe, step: int) -> float:
    """The factor on the learning rate: a short rise, then level, then a straight fall to zero."""
    left = (recipe.steps - step) / ((1 - recipe.decay_from) * recipe.steps)
    return min(1.0, (step + 1) / recipe.warm_up, left)


def write_checkpoint(model, recipe: Recipe, progress: Progress, device: str, folder: Path) -> None:
    """Writes config and weights, measures the model as students load it, and writes card.json with the curve."""
    from mechanisms.models.attention_only import save
    from mechanisms.training.measure_gate import aims

    save(model, folder)
    report = measure_checkpoint(folder, recipe)
    card = {
        "name": "lab-gate",
        "architecture": f"attention only, {recipe.n_layers} layers, {recipe.n_heads} heads, width {recipe.d_model}",
        "parameters": sum(p.numel() for p in model.parameters()),
        "vocabulary": recipe.task().vocabulary,
        "command": f"python -m mechanisms.training lab-gate --seed {recipe.seed} --steps {recipe.steps}",
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
    from mechanisms.training.measure_gate import measure

    return measure(boot(folder), recipe.task())
