"""Trains lab-dual, the masked language models of chapter 06, from scratch on the toy language.

- draws every batch from a seeded generator (``mechanisms.data.dual_process``): nothing is downloaded;
- follows what the model goes by on fixed test sets as it goes, *before* the embeddings are reset;
- resets the word embeddings by the recipe's schedule: vanilla, active or temporary forgetting;
- saves its state as it goes, and goes on from there when started again;
- writes a checkpoint folder and a measured card.

``train`` takes other functions for the schedule and the reset, so that a notebook trains with a student's own.
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
from tqdm.auto import tqdm

from mechanisms.data.dual_process import ANSWERS, LENGTH, World, practice
from mechanisms.files import atomic_write
from mechanisms.training.forgetting import forgetful_loop, reset_embeddings, should_reset
from mechanisms.training.interrupt import Stopped, interruptible
from mechanisms.training.lab_lm import rounded
from mechanisms.training.measure_dual import aims, scores
from mechanisms.training.state import STATE, load_state, save_state

SAVE_EVERY_SECONDS = 10.0  # a student may interrupt at any time; the state is small


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the trained weights, besides the machine's arithmetic.

    ``every`` steps lie between two resets of the word embeddings (0: never, vanilla training). There is no reset at
    step ``until`` or later (0: they never stop, active forgetting), and none after the last step. ``spread`` is the
    standard deviation of fresh weights.
    """

    seed: int = 0
    steps: int = 1800
    every: int = 100
    until: int = 900
    content: int = 400
    spare: int = 40
    alpha: float = 1.2
    ambiguous: float = 0.1
    hidden: float = 0.0
    d_model: int = 64
    n_layers: int = 2
    batch: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    spread: float = 0.02
    measure_every: int = 50

    def world(self) -> World:
        """The language."""
        return World(self.content, self.spare, self.alpha, self.ambiguous, self.hidden)


@dataclass
class Progress:
    """How far a training has come; ``curve`` has one row for every measurement: step, loss and ``scores``."""

    step: int = 0
    seconds: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)


def build_model(recipe: Recipe):
    """A BertForMaskedLM with fresh weights, drawn from the recipe's seed; its decoder is tied to its embeddings."""
    from transformers import BertConfig, BertForMaskedLM

    torch.manual_seed(recipe.seed)
    config = BertConfig(
        vocab_size=recipe.world().vocabulary,
        hidden_size=recipe.d_model,
        num_hidden_layers=recipe.n_layers,
        num_attention_heads=1,
        intermediate_size=2 * recipe.d_model,
        max_position_embeddings=LENGTH,
        type_vocab_size=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=recipe.spread,
        pad_token_id=None,
        attn_implementation="eager",
    )
    return BertForMaskedLM(config)


def train(
    recipe: Recipe,
    folder: Path,
    device: str = "cpu",
    log: Callable[[str], Any] = print,
    due: Callable[[int, int, int], bool] = should_reset,
    forget: Callable[..., Any] = reset_embeddings,
    watch: Callable[[Progress], Any] | None = None,
    n_test: int = 500,
) -> tuple[Any, Progress]:
    """Trains to the end, or goes on from a saved state in ``folder``. Returns the model and how it went.

    ``watch`` is called after every measurement. Raises CourseError if the state in ``folder`` belongs to another recipe
    or cannot be saved, and Stopped, with the state saved, when it is interrupted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    world, model = recipe.world(), build_model(recipe).to(device).train()
    generator = torch.Generator().manual_seed(recipe.seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    progress = Progress(**(load_state(recipe, folder, model, optimizer, generator) or {}))
    if progress.step:
        log(f"Going on from step {progress.step} of {recipe.steps}.")
    began = saved = time.monotonic()
    earlier, last = progress.seconds, torch.tensor(0.0)
    bar = tqdm(initial=progress.step, total=recipe.steps, unit="step", desc="lab-dual")

    def take_step() -> None:
        nonlocal last
        tokens, answers = (part.to(device) for part in practice(world, recipe.batch, generator))
        logits = model(tokens).logits[:, -ANSWERS:]
        last = torch.nn.functional.cross_entropy(logits.flatten(0, 1), answers.flatten())
        optimizer.zero_grad()
        last.backward()
        optimizer.step()
        progress.step += 1
        bar.update()

    def measure(step: int) -> None:
        row = {"step": step, "loss": last.item(), **scores(model, world, recipe.spread, n_test)}
        progress.curve.append(rounded(row))
        bar.set_postfix(loss=f"{row['loss']:.3f}", switch=f"{row['switch']:.2f}")
        if watch is not None:
            watch(progress)

    def reset() -> None:
        shape = model.get_input_embeddings().weight.shape
        fresh = recipe.spread * torch.randn(shape, generator=generator)
        forget(model, optimizer, fresh.to(device))

    def save(step: int) -> None:
        nonlocal saved
        progress.seconds = earlier + time.monotonic() - began
        stop = asked() and step < recipe.steps
        if stop or time.monotonic() - saved > SAVE_EVERY_SECONDS or step == recipe.steps:
            saved = time.monotonic()
            save_state(recipe, folder, model, optimizer, generator, progress)
        if stop:
            raise Stopped(step, recipe.steps, folder)

    def due_before_the_end(step: int, every: int, until: int) -> bool:
        # A reset after the last step would throw away the model that is asked for.
        return step < recipe.steps and due(step, every, until)

    with bar, interruptible() as asked:
        forgetful_loop(
            recipe.steps, recipe.every, recipe.until, recipe.measure_every, take_step, measure, reset,
            first=progress.step + 1, due=due_before_the_end, after=save,
        )  # fmt: skip
    return model.eval().to("cpu"), progress


def write_checkpoint(model, recipe: Recipe, progress: Progress, device: str, folder: Path) -> None:
    """Writes config and weights, measures the model as students load it, and writes card.json with the curve."""
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    report = measure_checkpoint(folder, recipe)
    flags = " ".join(
        f"--{name.replace('_', '-')} {value}"
        for name, value in asdict(recipe).items()
        if value != getattr(Recipe(), name) or name == "seed"
    )
    elsewhere = "" if folder.name == "lab-dual" else f"--out mechanisms/models/weights/{folder.name}"
    card = {
        "name": folder.name,
        "architecture": f"BertForMaskedLM, {recipe.n_layers} layers, 1 head, width {recipe.d_model}, tied embeddings",
        "parameters": sum(p.numel() for p in model.parameters()),
        "vocabulary": recipe.world().vocabulary,
        "command": f"python -m mechanisms.training lab-dual {flags} {elsewhere}".rstrip(),
        "recipe": asdict(recipe),
        "training_seconds": round(progress.seconds, 1),
        "threads": torch.get_num_threads(),
        "device": device,
        "machine": platform.machine(),
        "torch": torch.__version__.split("+")[0],
        "date": date.today().isoformat(),
        "aims": rounded(aims(report, recipe.hidden > 0)),
        "measured": rounded(report),
        "curve": progress.curve,
    }
    atomic_write(folder / "card.json", json.dumps(card, indent=1) + "\n")
    (folder / STATE).unlink(missing_ok=True)


def measure_checkpoint(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """What the card's ``measured`` holds, for the checkpoint in ``folder``."""
    from mechanisms.models.lab import boot

    return scores(boot(folder), recipe.world(), recipe.spread, n=2000)
