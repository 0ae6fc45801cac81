"""Chapter 08 at the paper's scale: CLIP ViT-B/32 and RN50 of open_clip on our own scenes, where there is a GPU.

- ``load_clip``: a frozen CLIP with its preprocessing and tokenizer; or one printed sentence and None;
- ``image_vectors`` and ``caption_vectors``: what the student's ``zero_shot_scores`` takes;
- ``candidates``: questions as rows of a list of captions, with the words around them that CLIP is used to.

Weights are looked for in the folder MECHANISMS_PAPER_DIR (``<folder>/ViT-B-32.pt``, ``<folder>/RN50.pt``, as open_clip
reads them), if it is set, and otherwise where open_clip keeps and fetches them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechanisms.data.binding import text
from mechanisms.models.paper import hub_answers

NAMES = ("ViT-B-32", "RN50")
ENLARGE = 7  # from 32 pixels a side to 224, each pixel a square
BATCH = 64


@dataclass
class Clip:
    """A frozen CLIP: open_clip's model, what turns a picture into its input, and its tokenizer."""

    model: Any
    preprocess: Callable[[Any], Tensor]
    tokenizer: Callable[[list[str]], Tensor]
    device: str


def load_clip(name: str = NAMES[0], device: str | None = None) -> Clip | None:
    """An open_clip architecture with OpenAI's weights, frozen.

    Needs a GPU unless ``device`` is given. Where it cannot be had, prints one sentence that says why, returns None.
    """
    problem = None if device or torch.cuda.is_available() else "it needs a GPU (in Colab: Runtime, Change runtime type)"
    folder = os.environ.get("MECHANISMS_PAPER_DIR")
    local = Path(folder) / f"{name}.pt" if folder else None
    if local is None or not local.exists():
        local = None
        if problem is None and not hub_answers():
            problem = "the Hugging Face hub does not answer"
    if problem is None:
        try:
            return _boot(name, str(device or "cuda"), str(local or "openai"))
        except ImportError:
            problem = "open_clip is not installed (pip install open_clip_torch)"
        except torch.cuda.OutOfMemoryError:
            problem = "the GPU has too little free memory for it"
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            problem = f"it could not be loaded ({(str(error).splitlines() or [type(error).__name__])[0]})"
    print(f"No paper-scale run of {name} here: {problem}. Everything above is complete without it.")
    return None


def _boot(name: str, device: str, weights: str) -> Clip:
    import open_clip

    model, _, preprocess = open_clip.create_model_and_transforms(name, pretrained=weights, force_quick_gelu=True)
    return Clip(model.to(device).eval().requires_grad_(False), preprocess, open_clip.get_tokenizer(name), device)


@torch.no_grad()
def image_vectors(clip: Clip, images: Float[Tensor, "n 3 row column"]) -> Float[Tensor, "n d"]:
    """Image vectors of rendered scenes, enlarged without smoothing, on the CPU."""
    from PIL import Image

    large = images.repeat_interleave(ENLARGE, 2).repeat_interleave(ENLARGE, 3).clamp(0, 1)
    pixels = (large * 255).round().byte().permute(0, 2, 3, 1).numpy()
    found = []
    for start in range(0, len(pixels), BATCH):
        batch = torch.stack([clip.preprocess(Image.fromarray(picture)) for picture in pixels[start : start + BATCH]])
        found.append(clip.model.encode_image(batch.to(clip.device)).float().cpu())
    return torch.cat(found)


@torch.no_grad()
def caption_vectors(clip: Clip, captions: Sequence[str]) -> Float[Tensor, "n d"]:
    """Caption vectors, on the CPU."""
    found = []
    for start in range(0, len(captions), BATCH):
        tokens = clip.tokenizer(list(captions[start : start + BATCH]))
        found.append(clip.model.encode_text(tokens.to(clip.device)).float().cpu())
    return torch.cat(found)


def candidates(questions: Int[Tensor, "n choice word"]) -> tuple[list[str], Int[Tensor, "n choice"]]:
    """Every different candidate once, in words that CLIP is used to, and the candidates of each question as its rows.

    "red square" becomes "a photo of a red square", "square left ring" "a photo of a square to the left of a ring".
    """
    different, place = questions.flatten(0, 1).unique(dim=0, return_inverse=True)
    return [_in_words(caption) for caption in text(different)], place.view(questions.shape[:2])


def _in_words(caption: str) -> str:
    words = caption.split()
    if len(words) == 2:
        return f"a photo of a {caption}"
    subject, relation, thing = words
    return f"a photo of a {subject} to the {relation} of a {thing}"
