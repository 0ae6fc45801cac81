"""Trains lab-lm-scenes, the language model of chapter 07, on text about creatures. It never sees an image.

- every document is drawn from a seed (``mechanisms.data.creature_text``): five sentences about one creature;
- plain next-token prediction with Hugging Face's GPT-2; a minute on one core;
- ``write_checkpoint`` writes weights and a card that says what the model knows from text alone.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from mechanisms.data import creature_text as text
from mechanisms.data.scenes.creatures import CATEGORIES, COLOURS, SIZES, draw_labels
from mechanisms.errors import CourseError
from mechanisms.files import atomic_write
from mechanisms.models.scene_lm import SceneLM, SceneLMConfig, save
from mechanisms.training.lab_lm import rounded


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the trained weights, besides the machine's arithmetic."""

    seed: int = 0
    steps: int = 700
    documents: int = 6000
    batch: int = 32
    learning_rate: float = 2e-3
    d_model: int = 96
    n_layers: int = 3
    n_heads: int = 4


@dataclass
class Progress:
    """How long it took, and the loss of the last fifty steps."""

    seconds: float = 0.0
    loss: float = 0.0


def train(recipe: Recipe, folder: Path, device: str = "cpu", log: Callable[[str], Any] = print) -> tuple[Any, Progress]:
    """The trained model, gradients off, and how it went. ``folder`` is not written to: training takes a minute."""
    if device != "cpu":
        raise CourseError("lab-lm-scenes is trained on the CPU, where it takes a minute: leave --device out.")
    began = time.monotonic()
    generator = torch.Generator().manual_seed(recipe.seed)
    torch.manual_seed(recipe.seed)
    # All combinations occur in text: what is held out is held out of images alone.
    tokens = text.documents(draw_labels(recipe.documents, generator), generator)
    sizes = SceneLMConfig(len(text.WORDS), text.LONGEST + 8, recipe.d_model, recipe.n_layers, recipe.n_heads)
    model = SceneLM(sizes).train()
    torch.nn.init.normal_(model.transformer.wte.weight, std=0.1)
    optimizer = torch.optim.AdamW(model.parameters(), recipe.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=recipe.steps, pct_start=0.1
    )
    losses = []
    for _ in range(recipe.steps):
        rows = tokens[torch.randint(len(tokens), (recipe.batch,), generator=generator)]
        logits = model(input_ids=rows[:, :-1]).logits
        loss = functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), ignore_index=text.PAD)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    recent = losses[-50:]
    progress = Progress(time.monotonic() - began, sum(recent) / len(recent))
    log(f"lab-lm-scenes: {progress.seconds:.0f} s, loss {progress.loss:.3f}")
    return model.eval().requires_grad_(False), progress


def write_checkpoint(model: SceneLM, recipe: Recipe, progress: Progress, device: str, folder: Path) -> None:
    """Writes config and weights, measures the model as students load it, and writes card.json."""
    save(model, folder)
    report = measure_checkpoint(folder, recipe)
    card = {
        "name": "lab-lm-scenes",
        "architecture": f"GPT-2, {recipe.n_layers} layers, {recipe.n_heads} heads, width {recipe.d_model}",
        "parameters": sum(p.numel() for p in model.parameters()),
        "vocabulary": len(text.WORDS),
        "command": f"python -m mechanisms.training lab-lm-scenes --seed {recipe.seed} --steps {recipe.steps}",
        "recipe": asdict(recipe),
        "training_seconds": round(progress.seconds, 1),
        "training_loss": round(progress.loss, 4),
        "threads": torch.get_num_threads(),
        "device": device,
        "machine": platform.machine(),
        "torch": torch.__version__.split("+")[0],
        "date": date.today().isoformat(),
        "aims": rounded(aims(report)),
        "measured": rounded(report),
    }
    atomic_write(folder / "card.json", json.dumps(card, indent=1) + "\n")


@torch.no_grad()
def knowledge(model: SceneLM) -> dict[str, float]:
    """What the model says of each of the 216 creatures after one sentence about it: shares of right next words.

    "sound" and "kind" come from training (text that says which category makes which sound); "colour" and "size" are
    copied from the sentence.
    """
    every = torch.cartesian_prod(*(torch.arange(len(names)) for names in (SIZES, COLOURS, CATEGORIES)))
    asked = {"sound": "it says", "kind": "its kind is", "colour": "its colour is", "size": "its size is"}
    answers = {name: [] for name in asked}
    for size, colour, category in every.tolist():
        said = text.sentences(size, colour, category)
        answers["sound"].append(said[2].split()[-2])
        answers["kind"].append(said[3].split()[-2])
        answers["colour"].append(said[4].split()[-2])
        answers["size"].append(said[5].split()[-2])
    bos = torch.full((len(every), 1), text.BOS)
    caption = torch.cat([bos, text.caption_tokens(every)], dim=1)
    found = {}
    for name, stem in asked.items():
        ids = torch.cat([caption, torch.tensor(text.encode(stem)).expand(len(every), -1)], dim=1)
        said = model(input_ids=ids).logits[:, -1].argmax(-1)
        gold = torch.tensor([text.IDS[word] for word in answers[name]])
        found[name] = (said == gold).float().mean().item()
    return found


def measure_checkpoint(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """What the card's ``measured`` holds, for the checkpoint in ``folder``."""
    from mechanisms.models.lab import boot

    return {"knows": knowledge(boot(folder))}


def aims(report: dict[str, Any]) -> list[dict[str, Any]]:
    """What a language model for this chapter must know, with what was measured."""
    return [
        {"quantity": f"{name} after a description", "aim": "at least .95", "measured": value, "met": value >= 0.95}
        for name, value in report["knows"].items()
    ]
