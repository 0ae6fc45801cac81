"""Chapter 07 at the paper's scale: CLIP ViT-B/32 and GPT-2 joined by one linear map, where there is a GPU.

- ``load_pair``: both models, frozen; or one printed sentence and None, so that a notebook runs to its end without;
- ``read_captions``: images and captions of a folder in the layout of Flickr8k;
- ``patch_features``: what CLIP gives for each of its 49 patches, computed once;
- ``fit``: trains a map with the student's own functions, and goes on where it was interrupted; ``describe`` captions
  images with it;
- ``original_map``: a projection that the paper's authors trained for GPT-J, for a GPU that can hold that model.

Weights are looked for in the folder MECHANISMS_PAPER_DIR (``<folder>/gpt2`` as saved by Hugging Face and
``<folder>/ViT-B-32.pt`` as open_clip reads it), if it is set, and otherwise where both libraries keep and fetch theirs.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm.auto import tqdm

from mechanisms.errors import CourseError
from mechanisms.models.paper import hub_answers
from mechanisms.training.interrupt import Stopped, interruptible
from mechanisms.training.state import drop_state_of_others, load_state, save_state

CLIP, LM = "ViT-B-32", "gpt2"
STEM = "A picture of"
LONGEST = 24  # tokens of a caption
SAVE_EVERY_SECONDS = 60.0


@dataclass
class Pair:
    """A frozen image encoder with its preprocessing, and a frozen language model with its tokenizer."""

    clip: Any
    preprocess: Callable[[Any], Tensor]
    lm: Any
    tokenizer: Any
    device: str


def load_pair(clip: str = CLIP, lm: str = LM, device: str | None = None) -> Pair | None:
    """CLIP (an open_clip architecture with OpenAI's weights) and a Hugging Face language model, both frozen.

    Needs a GPU unless ``device`` is given. Where they cannot be had, prints one sentence that says why, returns None.
    """
    problem = None if device or torch.cuda.is_available() else "it needs a GPU (in Colab: Runtime, Change runtime type)"
    folder = os.environ.get("MECHANISMS_PAPER_DIR")
    local = {"clip": Path(folder) / f"{clip}.pt", "lm": Path(folder) / lm} if folder else {}
    if not (local and all(path.exists() for path in local.values())):
        local = {}
        if problem is None and not hub_answers():
            problem = "the Hugging Face hub does not answer"
    if problem is None:
        try:
            return _boot(clip, lm, str(device or "cuda"), local)
        except ImportError:
            problem = "open_clip is not installed (pip install open_clip_torch)"
        except torch.cuda.OutOfMemoryError:
            problem = "the GPU has too little free memory for both models"
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            problem = f"they could not be loaded ({(str(error).splitlines() or [type(error).__name__])[0]})"
    print(f"No paper-scale run of {clip} and {lm} here: {problem}. Everything above is complete without it.")
    return None


def _boot(clip: str, lm: str, device: str, local: dict[str, Path]) -> Pair:
    import open_clip
    from transformers import AutoModelForCausalLM, AutoTokenizer

    weights = str(local["clip"]) if local else "openai"
    encoder, _, preprocess = open_clip.create_model_and_transforms(clip, pretrained=weights, force_quick_gelu=True)
    encoder.visual.output_tokens = True  # the patches as well as the pooled vector
    source = str(local["lm"]) if local else lm
    tokenizer = AutoTokenizer.from_pretrained(source)
    tokenizer.pad_token = tokenizer.eos_token
    language = AutoModelForCausalLM.from_pretrained(source)
    language.loss_type = "ForCausalLM"  # unnamed it is the same loss, with a warning on stderr
    frozen = [model.to(device).eval().requires_grad_(False) for model in (encoder, language)]
    return Pair(frozen[0], preprocess, frozen[1], tokenizer, device)


def read_captions(folder: str | Path | None, limit: int = 3000) -> list[tuple[Path, str]] | None:
    """(image, caption) pairs of a folder with ``captions.txt`` (lines "image,caption" after a header) and ``Images/``.

    This is how Flickr8k, 8,000 photographs with five captions each, is handed round. One caption of each image is
    taken, the first. Without such a folder prints one sentence and returns None. Raises CourseError if it is damaged.
    """
    root = Path(folder or os.environ.get("MECHANISMS_CAPTIONS_DIR") or "flickr8k")
    table = root / "captions.txt"
    if not table.is_file():
        print(
            f"No captions in {root}: put Flickr8k there (captions.txt and Images/), or name its folder in "
            "MECHANISMS_CAPTIONS_DIR."
        )
        return None
    pairs: dict[str, str] = {}
    with table.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if not row.get("image") or not row.get("caption"):
                raise CourseError(f"{table} should have the columns image and caption.")
            pairs.setdefault(row["image"], row["caption"].strip())
    found = [(root / "Images" / name, caption) for name, caption in pairs.items()][:limit]
    missing = [path.name for path, _ in found if not path.is_file()]
    if missing:
        raise CourseError(f"{len(missing)} of the images that {table} names are not in {root / 'Images'}: {missing[0]}")
    return found


@torch.no_grad()
def patch_features(pair: Pair, images: Sequence[Path], batch: int = 64) -> Float[Tensor, "n patch d_img"]:
    """CLIP's last vector for every patch of every image, centred and divided by one number, on the CPU."""
    from PIL import Image

    parts = []
    for start in tqdm(range(0, len(images), batch), desc="patches", unit="batch"):
        pixels = torch.stack([pair.preprocess(Image.open(p).convert("RGB")) for p in images[start : start + batch]])
        parts.append(pair.clip.visual(pixels.to(pair.device))[1].float().cpu())
    features = torch.cat(parts)
    return (features - features.mean((0, 1))) / features.std()


def tokens(pair: Pair, captions: Sequence[str]) -> Int[Tensor, "n pos"]:
    """Token ids of the stem and each caption, with an end token; padded on the right with the same token."""
    texts = [f"{STEM} {caption.lower().rstrip(' .')}." for caption in captions]
    end = pair.tokenizer.eos_token_id
    rows = [[*pair.tokenizer(text)["input_ids"][: LONGEST - 1], end] for text in texts]
    width = max(map(len, rows))
    return torch.tensor([row + [end] * (width - len(row)) for row in rows])


@dataclass(frozen=True)
class Fit:
    """What decides a trained map, besides the functions it is trained with and the machine's arithmetic."""

    clip_width: int
    lm_width: int
    images: int
    captions: int  # tokens that are no padding
    steps: int
    batch: int
    learning_rate: float


@dataclass
class FitProgress:
    """How far a training of the map has come, and its last loss."""

    step: int = 0
    loss: float = 0.0


def fit(
    pair: Pair,
    features: Float[Tensor, "n patch d_img"],
    captions: Sequence[str],
    project: Callable[..., Tensor],
    build: Callable[..., dict[str, Tensor]],
    steps: int = 1000,
    batch: int = 32,
    learning_rate: float = 8e-4,
    folder: str | Path = "my-big-map",
    log: Callable[[str], Any] = print,
) -> dict[str, Tensor]:
    """One map for all patches, trained with the student's ``project_features`` and ``build_inputs``.

    GPT-2 has no token for padding. Here padding gets an id of its own, one behind the vocabulary, so that the end token
    stays a label and the model learns to stop. Returns {"weight" [d_lm, d_img], "bias" [d_lm]} on the CPU.

    The state is kept in ``folder``: a training that was interrupted goes on there, unless one of the two functions is
    written differently now; then it starts afresh. Raises Stopped, with the state saved, when it is interrupted, and
    CourseError if the state belongs to other images or settings, or cannot be saved.
    """
    folder, d_lm = Path(folder), pair.lm.get_input_embeddings().weight.shape[1]
    if drop_state_of_others(folder, (project, build)):
        log(f"Your functions have changed since the state in {folder} was saved: the training starts afresh.")
    torch.manual_seed(0)
    layer = torch.nn.Linear(features.shape[-1], d_lm).to(pair.device)
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=learning_rate, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps, pct_start=0.1)
    ids = tokens(pair, captions)
    end = pair.tokenizer.eos_token_id
    table = pair.lm.get_input_embeddings().weight.detach()
    extended, pad = torch.cat([table, table[end : end + 1]]), len(table)
    ends = (ids == end).int().cumsum(1)
    ids = torch.where(ends > 1, pad, ids)
    recipe = Fit(features.shape[-1], d_lm, len(features), int((ids != pad).sum()), steps, batch, learning_rate)
    progress = FitProgress(**(load_state(recipe, folder, layer, optimizer, generator) or {}))
    # The state of a stopped training holds no schedule: where it stands follows from the step alone.
    schedule.last_epoch = progress.step
    if progress.step:
        log(f"Going on from step {progress.step} of {steps}.")
    saved = time.monotonic()
    with interruptible() as asked, tqdm(initial=progress.step, total=steps, unit="step", desc="one linear map") as bar:
        while progress.step < steps:
            rows = torch.randint(len(features), (batch,), generator=generator)
            chosen = features[rows].to(pair.device)
            prompts = project(chosen, layer.weight, layer.bias, chosen.shape[1])
            inputs = build(prompts, ids[rows].to(pair.device), extended, pad)
            loss = pair.lm(**inputs).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            progress.step += 1
            bar.update()
            if progress.step % max(1, steps // 100) == 0:
                progress.loss = loss.item()
                bar.set_postfix(loss=f"{progress.loss:.2f}")
            stop = asked() and progress.step < steps
            if stop or progress.step == steps or time.monotonic() - saved > SAVE_EVERY_SECONDS:
                saved = time.monotonic()
                save_state(recipe, folder, layer, optimizer, generator, progress)
            if stop:
                raise Stopped(progress.step, steps, folder)
    return {"weight": layer.weight.detach().cpu(), "bias": layer.bias.detach().cpu()}


@torch.no_grad()
def describe(
    pair: Pair, features: Float[Tensor, "n patch d_img"], linear: dict[str, Tensor], project: Callable[..., Tensor]
) -> list[str]:
    """Greedy captions of images; features of zeros give what the model says blindly."""
    weight, bias = linear["weight"].to(pair.device), linear["bias"].to(pair.device)
    prompts = project(features.to(pair.device), weight, bias, features.shape[1])
    embed = pair.lm.get_input_embeddings()
    stem = torch.tensor(pair.tokenizer(STEM)["input_ids"], device=pair.device)
    inputs = torch.cat([prompts, embed(stem).expand(len(prompts), -1, -1)], dim=1)
    said = []
    for _ in range(LONGEST):
        said.append(pair.lm(inputs_embeds=inputs).logits[:, -1].argmax(-1))
        inputs = torch.cat([inputs, embed(said[-1])[:, None]], dim=1)
    end = pair.tokenizer.eos_token_id
    rows = torch.stack(said, dim=1).tolist()
    return [pair.tokenizer.decode(row[: row.index(end)] if end in row else row).strip() for row in rows]


def original_map(path: str | Path) -> dict[str, Tensor]:
    """A projection saved as a state dict with one matrix [out, in] and one vector [out], as {"weight", "bias"}.

    The paper's repository (jmerullo/limber) has such files for GPT-J. Which of them goes with which encoder its README
    says; check it against the shapes here: 3072 columns for CLIP, 1024 for BEIT, 2048 for NF-ResNet50.
    Raises CourseError if the file is no such map.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        state = state.get("state_dict", state)
        matrices = [value for value in state.values() if torch.is_tensor(value) and value.ndim == 2]
        vectors = [value for value in state.values() if torch.is_tensor(value) and value.ndim == 1]
    except Exception as error:  # torch raises many kinds for a file that is not its own
        raise CourseError(f"{path} cannot be read as a projection ({type(error).__name__}).") from None
    if len(matrices) != 1 or len(vectors) != 1 or len(vectors[0]) != len(matrices[0]):
        raise CourseError(f"{path} holds no single linear map: a matrix [out, in] and a vector [out] are expected.")
    return {"weight": matrices[0].float(), "bias": vectors[0].float()}
