"""Trains lab-lm, the small language model of chapters 01 to 04, from scratch.

- draws every batch from the seeded corpus (``mechanisms.data.documents``): nothing is downloaded;
- trains a Hugging Face BLOOM model, the loss weighted towards answer tokens;
- saves its state as it goes, and goes on from there when started again;
- writes a Hugging Face checkpoint folder (config, safetensors, tokenizer) and a measured card.

BLOOM, because its positions enter only as a bias on attention scores (ALiBi): the product of query and
key matrices then says exactly what a head looks for, with no rotation in between (chapter 04).
"""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from mechanisms.data.documents import Batch, Corpus, pack
from mechanisms.data.vocabulary import BOS, PAD, build_tokenizer, word_ids, words
from mechanisms.errors import CourseError
from mechanisms.files import atomic_write

STATE = "training_state.pt"
SAVE_EVERY_SECONDS = 30.0


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the trained weights, besides the machine's arithmetic.

    Sizes are documents per step; ``trust`` is the share of conflict documents that follow the context,
    ``zipf`` the exponent of the countries' frequencies, ``background`` the weight of tokens that are not answers.
    """

    seed: int = 0
    steps: int = 2000
    d_model: int = 64
    n_layers: int = 4
    n_heads: int = 8
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    trust: float = 0.62
    zipf: float = 1.5
    background: float = 0.02
    capital_facts: int = 4
    other_facts: int = 2
    conflict: int = 32
    distractor: int = 16
    relation: int = 16
    text: int = 16
    indirect_object: int = 32
    inventory: int = 32
    table: int = 24
    laundry: int = 48

    def corpus_settings(self) -> dict[str, Any]:
        return {"trust": self.trust, "zipf": self.zipf}


def build_model(recipe: Recipe):
    """A BLOOM model with fresh weights. Matrices start at 1/sqrt(d_model): the library's default of 0.02
    suits a width of about 768 and leaves a model this narrow at chance on binding tasks for thousands of steps."""
    from transformers import BloomConfig, BloomForCausalLM

    torch.manual_seed(recipe.seed)
    table = word_ids()
    config = BloomConfig(
        vocab_size=len(words()),
        hidden_size=recipe.d_model,
        n_layer=recipe.n_layers,
        n_head=recipe.n_heads,
        initializer_range=recipe.d_model**-0.5,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        tie_word_embeddings=False,
        bos_token_id=table[BOS],
        eos_token_id=table[BOS],
        pad_token_id=table[PAD],
    )
    return BloomForCausalLM(config)


def draw(corpus: Corpus, recipe: Recipe, step: int) -> list[Batch]:
    """One step's documents in three packs of similar length, so that little is spent on padding."""
    pools = ("objects", "objects", "colors")
    length = 2 + step % 3
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
        corpus.colored_objects(recipe.table, length, 4, "table"),
        corpus.laundry(recipe.laundry, 2 + int(corpus.randint(7, 1)), corpus.choose(pools)),
    ]
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


def train(recipe: Recipe, folder: Path, device: str = "cpu", log=print) -> tuple[Any, float]:
    """Trains to the end, or goes on from a saved state in ``folder``. Returns (model, seconds of training).

    Raises CourseError if the state in ``folder`` belongs to another recipe, DiskFull if it cannot be saved.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = build_model(recipe).to(device)
    corpus = Corpus(recipe.seed, **recipe.corpus_settings())
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, betas=(0.9, 0.98)
    )
    start, seconds = _resume(recipe, folder, model, optimizer, corpus)
    if start:
        log(f"Going on from step {start} of {recipe.steps}.")
    began = saved = time.monotonic()
    model.train()
    bar = tqdm(range(start, recipe.steps), initial=start, total=recipe.steps, unit="step", desc="lab-lm")
    for step in bar:
        rate = min(1.0, (step + 1) / 50) * min(1.0, (recipe.steps - step) / (0.2 * recipe.steps))
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * rate
        total = 0.0
        for batch in draw(corpus, recipe, step):
            batch = Batch(batch.tokens.to(device), batch.answers.to(device))
            # every fourth step is enough for the tokens that are not answers, and saves a third of the time
            loss = loss_of(model, batch, recipe.background if step % 4 == 0 else 0.0)
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 25 == 0:
            bar.set_postfix(loss=f"{total / 3:.3f}")
        if time.monotonic() - saved > SAVE_EVERY_SECONDS:
            saved = time.monotonic()
            _save_state(recipe, folder, model, optimizer, corpus, step + 1, seconds + saved - began)
    model.eval()
    return model.to("cpu"), seconds + time.monotonic() - began


def write_checkpoint(model, recipe: Recipe, seconds: float, device: str, folder: Path) -> None:
    """Writes config, weights and tokenizer, measures the model as students load it, and writes card.json."""
    from transformers.utils import logging

    from mechanisms.models.lab import boot
    from mechanisms.training.measure import measure

    logging.disable_progress_bar()
    model.save_pretrained(folder)
    build_tokenizer().save_pretrained(folder)
    report = measure(boot(folder), recipe.corpus_settings())
    command = f"python -m mechanisms.training lab-lm --seed {recipe.seed} --steps {recipe.steps}"
    card = {
        "name": "lab-lm",
        "architecture": f"BLOOM, {recipe.n_layers} layers, {recipe.n_heads} heads, width {recipe.d_model}",
        "parameters": sum(p.numel() for p in model.parameters()),
        "vocabulary": len(words()),
        "command": command,
        "recipe": asdict(recipe),
        "training_seconds": round(seconds, 1),
        "threads": torch.get_num_threads(),
        "device": device,
        "machine": platform.machine(),
        "torch": torch.__version__.split("+")[0],
        "date": date.today().isoformat(),
        "measured": rounded(report),
    }
    atomic_write(folder / "card.json", json.dumps(card, indent=1) + "\n")
    (folder / STATE).unlink(missing_ok=True)


def rounded(value: Any, digits: int = 4) -> Any:
    """The same tree with its floats rounded, so that cards make small diffs."""
    if isinstance(value, float):
        return round(value, digits)
    if isinstance(value, dict):
        return {k: rounded(v, digits) for k, v in value.items()}
    if isinstance(value, list):
        return [rounded(v, digits) for v in value]
    return value


def _resume(recipe: Recipe, folder: Path, model, optimizer, corpus: Corpus) -> tuple[int, float]:
    path = folder / STATE
    if not path.exists():
        return 0, 0.0
    try:
        state = torch.load(path, weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file; each means the same to the user
        raise CourseError(f"The saved training state {path} is damaged ({error}); delete it to start afresh.") from None
    if state["recipe"] != asdict(recipe):
        raise CourseError(f"{path} was saved by another recipe; delete it, or give another --out folder.")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    corpus.generator.set_state(state["generator"])
    return state["step"], state["seconds"]


def _save_state(recipe: Recipe, folder: Path, model, optimizer, corpus: Corpus, step: int, seconds: float) -> None:
    temporary = folder / (STATE + ".part")
    state = {
        "recipe": asdict(recipe),
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "generator": corpus.generator.get_state(),
        "step": step,
        "seconds": seconds,
    }
    try:
        torch.save(state, temporary)
        os.replace(temporary, folder / STATE)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        temporary.unlink(missing_ok=True)
        raise CourseError(
            f"The training state cannot be saved in {folder} ({error}); the last saved state is untouched. "
            "Make room, then start the same command again."
        ) from None
