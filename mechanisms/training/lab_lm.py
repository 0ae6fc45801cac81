"""Trains lab-lm, the small language model of chapters 01 to 04, from scratch.

- draws every batch from the seeded corpus (``mechanisms.data.documents``): nothing is downloaded;
- trains a Hugging Face MPT model, the loss weighted towards answer tokens;
- saves its state as it goes, and goes on from there when started again;
- writes a Hugging Face checkpoint folder (config, safetensors, tokenizer) and a measured card.

MPT, because its positions enter only as a bias on attention scores (ALiBi, as in BLOOM): the product of query
and key matrices then says exactly what a head looks for, with no rotation in between (chapter 04). Unlike
BLOOM's, its slopes are a setting; ours are steeper (1/2 to 1/16 for four heads), as the documents are short.
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
from tqdm.auto import tqdm

from mechanisms.data.documents import Batch, Corpus, pack
from mechanisms.data.vocabulary import BOS, PAD, build_tokenizer, word_ids, words
from mechanisms.files import atomic_write
from mechanisms.training.state import STATE, load_state, save_state

SAVE_EVERY_SECONDS = 30.0


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the trained weights, besides the machine's arithmetic.

    Sizes are documents per step; ``trust`` is the share of conflict documents that follow the context,
    ``zipf`` the exponent of the countries' frequencies, ``background`` the weight of tokens that are not answers.
    Before the ``steps`` of the mixture come up to ``binding_steps`` with coloured objects only (the inventory
    style), until their loss is under ``binding_loss``: mixed in from the start, binding stayed at chance for
    1,000 steps and more. The table style joins after ``table_from`` of the mixture's steps. ``live_heads`` counts
    the heads of each layer that may write; the others are pruned: their output matrices stay zero, so that the
    copying from context rests on fewer heads.
    """

    seed: int = 0
    steps: int = 1500
    d_model: int = 64
    n_layers: int = 3
    n_heads: int = 4
    alibi_bias_max: int = 4
    live_heads: str = "4,2,1"
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    trust: float = 0.6
    zipf: float = 1.5
    conflict_zipf: float = 0.5
    background: float = 0.02
    binding_steps: int = 1500
    binding_loss: float = 0.15
    binding: int = 96
    table_from: float = 0.6
    capital_facts: int = 8
    other_facts: int = 2
    conflict: int = 19
    distractor: int = 15
    relation: int = 16
    text: int = 16
    indirect_object: int = 32
    inventory: int = 32
    table: int = 1
    laundry: int = 48

    def corpus_settings(self) -> dict[str, Any]:
        return {"trust": self.trust, "zipf": self.zipf, "conflict_zipf": self.conflict_zipf}


def build_model(recipe: Recipe):
    """An MPT model with fresh weights. Matrices start at 1/sqrt(d_model): the library's default of 0.02
    suits a width of about 768 and leaves a model this narrow at chance on binding tasks for thousands of steps."""
    from transformers import MptConfig, MptForCausalLM

    torch.manual_seed(recipe.seed)
    table = word_ids()
    config = MptConfig(
        vocab_size=len(words()),
        d_model=recipe.d_model,
        n_layers=recipe.n_layers,
        n_heads=recipe.n_heads,
        max_seq_len=64,
        expansion_ratio=4,
        initializer_range=recipe.d_model**-0.5,
        tie_word_embeddings=False,
        bos_token_id=table[BOS],
        eos_token_id=table[BOS],
        pad_token_id=table[PAD],
        attn_config={"alibi": True, "alibi_bias_max": recipe.alibi_bias_max},
    )
    model = MptForCausalLM(config)
    prune(model, recipe)
    return model


@torch.no_grad()
def prune(model, recipe: Recipe) -> None:
    """Zeroes the output matrices of the heads beyond ``live_heads`` in each layer."""
    for block, live in zip(model.transformer.blocks, recipe.live_heads.split(","), strict=True):
        weight = block.attn.out_proj.weight  # [d_model, head * d_head]
        weight.view(len(weight), recipe.n_heads, -1)[:, int(live) :] = 0.0


@dataclass
class Progress:
    """How far a training has come: steps on binding alone, whether that is over, steps on the mixture."""

    binding: int = 0
    mean_loss: float = 10.0
    bound: bool = False
    step: int = 0
    seconds: float = 0.0


def draw(corpus: Corpus, recipe: Recipe, progress: Progress) -> list[Batch]:
    """One step's documents in packs of similar length, so that little is spent on padding."""
    if not progress.bound:
        return [corpus.colored_objects(recipe.binding, 2 + progress.binding % 3, 4)]
    length = 2 + progress.step % 3
    short = [
        corpus.facts(recipe.capital_facts),
        corpus.facts(recipe.other_facts, corpus.choose(("language", "currency", "continent"))),
        corpus.relation(recipe.relation, corpus.choose(("past", "upper", "copy", "capital"))),
        corpus.text(recipe.text),
    ]
    middle = [
        corpus.context(recipe.conflict, "conflict"),
        corpus.context(recipe.distractor, "distractor"),
        corpus.ioi(recipe.indirect_object, corpus.choose(("names", "names", "colors"))),
    ]
    long = [
        corpus.colored_objects(recipe.inventory, length, 4),
        corpus.laundry(recipe.laundry, 2 + int(corpus.randint(7, 1)), corpus.choose(("objects", "objects", "colors"))),
    ]
    if progress.step >= recipe.table_from * recipe.steps:
        long.append(corpus.colored_objects(recipe.table, length, 4, "table"))
    return [pack(group) for group in (short, middle, long)]


def loss_of(model, batch: Batch, background: float) -> torch.Tensor:
    """Mean cross-entropy of answer tokens plus ``background`` times that of all other tokens.

    The unembedding is applied only where a loss is taken, which is most of the cost at this size.
    """
    hidden = model.transformer(batch.tokens[:, :-1]).last_hidden_state
    target, answer = batch.tokens[:, 1:], batch.answers[:, 1:]
    loss = torch.nn.functional.cross_entropy(model.lm_head(hidden[answer]), target[answer])
    if background:
        rest = ~answer & (target != word_ids()[PAD])
        loss = loss + background * torch.nn.functional.cross_entropy(model.lm_head(hidden[rest]), target[rest])
    return loss


def train(
    recipe: Recipe, folder: Path, device: str = "cpu", log=print, stop: Callable[[Progress], bool] = lambda _: False
) -> tuple[Any, Progress]:
    """Trains to the end, or goes on from a saved state in ``folder``. Returns the model and how it went.

    ``stop(progress)``, asked after every step, may end it earlier.
    Raises CourseError if the state in ``folder`` belongs to another recipe or cannot be saved.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = build_model(recipe).to(device)
    corpus = Corpus(recipe.seed, **recipe.corpus_settings())
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, betas=(0.9, 0.98)
    )
    progress = Progress(**(load_state(recipe, folder, model, optimizer, corpus.generator) or {}))
    if progress.binding:
        log(f"Going on from {progress.binding} steps of binding and {progress.step} of {recipe.steps} of the mixture.")
    began = saved = time.monotonic()
    earlier = progress.seconds
    model.train()
    with tqdm(initial=progress.step, total=recipe.steps, unit="step", desc="lab-lm") as bar:
        while progress.step < recipe.steps and not stop(progress):
            in_binding = not progress.bound
            loss = _step(model, optimizer, corpus, recipe, progress, device)
            progress.mean_loss += 0.05 * (loss - progress.mean_loss)
            if in_binding:
                progress.binding += 1
                solved = progress.mean_loss < recipe.binding_loss
                progress.bound = solved or progress.binding >= recipe.binding_steps
            else:
                progress.step += 1
                bar.update()
            if (progress.binding + progress.step) % 25 == 0:
                bar.set_postfix(loss=f"{loss:.3f}", binding_steps=progress.binding)
            now = time.monotonic()
            progress.seconds = earlier + now - began
            if now - saved > SAVE_EVERY_SECONDS:
                saved = now
                save_state(recipe, folder, model, optimizer, corpus.generator, progress)
    model.eval()
    return model.to("cpu"), progress


def _step(model, optimizer, corpus: Corpus, recipe: Recipe, progress: Progress, device: str) -> float:
    """One optimizer step; returns the loss, summed over the packs."""
    left = recipe.steps - progress.step
    rate = min(1.0, (progress.binding + 1) / 50, left / (0.2 * recipe.steps))
    for group in optimizer.param_groups:
        group["lr"] = recipe.learning_rate * rate
    total = 0.0
    # every fourth step is enough for the tokens that are not answers, and saves a third of the time
    background = recipe.background if (progress.binding + progress.step) % 4 == 0 else 0.0
    for batch in draw(corpus, recipe, progress):
        loss = loss_of(model, Batch(batch.tokens.to(device), batch.answers.to(device)), background)
        loss.backward()
        total += loss.item()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    prune(model, recipe)
    return total


def write_checkpoint(model, recipe: Recipe, progress: Progress, device: str, folder: Path) -> None:
    """Writes config, weights and tokenizer, measures the model as students load it, and writes card.json."""
    from transformers.utils import logging

    from mechanisms.training.measure import aims

    logging.disable_progress_bar()
    model.save_pretrained(folder)
    build_tokenizer().save_pretrained(folder)
    report = measure_checkpoint(folder, recipe)
    command = f"python -m mechanisms.training lab-lm --seed {recipe.seed} --steps {recipe.steps}"
    card = {
        "name": "lab-lm",
        "architecture": f"MPT (ALiBi), {recipe.n_layers} layers, {recipe.n_heads} heads, width {recipe.d_model}",
        "parameters": sum(p.numel() for p in model.parameters()),
        "vocabulary": len(words()),
        "command": command,
        "recipe": asdict(recipe),
        "training_seconds": round(progress.seconds, 1),
        "binding_steps_taken": progress.binding,
        "threads": torch.get_num_threads(),
        "device": device,
        "machine": platform.machine(),
        "torch": torch.__version__.split("+")[0],
        "date": date.today().isoformat(),
        "aims": rounded(aims(report)),
        "measured": rounded(report),
    }
    atomic_write(folder / "card.json", json.dumps(card, indent=1) + "\n")
    (folder / STATE).unlink(missing_ok=True)


def measure_checkpoint(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """What the card's ``measured`` holds, for the checkpoint in ``folder``."""
    from mechanisms.models.lab import boot
    from mechanisms.training.measure import measure

    return measure(boot(folder), recipe.corpus_settings())


def rounded(value: Any, digits: int = 4) -> Any:
    """The same tree with its floats rounded, so that cards make small diffs."""
    if isinstance(value, float):
        return round(value, digits)
    if isinstance(value, dict):
        return {k: rounded(v, digits) for k, v in value.items()}
    if isinstance(value, list):
        return [rounded(v, digits) for v in value]
    return value
