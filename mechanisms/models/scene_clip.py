"""lab-clip: a small CLIP of open_clip's own classes, for scenes of coloured shapes.

- ``architecture``: the sizes, as open_clip's configuration files write them; ``build`` makes the model;
- ``scene_tower``: the image tower, registered with timm, where open_clip looks for towers that are not its own;
- ``save`` writes a folder that ``open_clip.create_model("local-dir:...")`` and ``open_clip.get_tokenizer`` read, and
  ``boot`` reads it; ``tokenizer`` gives open_clip's tokenizer for its fourteen words;
- ``SceneFeatures``, ``save_features`` and ``load_features``: image vectors of many scenes, computed once, for whoever
  has no open_clip at hand.

open_clip is imported when it is needed, and a sentence says what to install where it is absent.
"""

from __future__ import annotations

import copy
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from types import MethodType
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechanisms.data.binding import VOCABULARY
from mechanisms.errors import CourseError, ModelMissing
from mechanisms.files import atomic_write
from mechanisms.models.encoders import Tower, TowerConfig
from mechanisms.models.lab import SCENE_CLIP

TOWER = "scene_tower"
D_EMBED = 64
LONGEST = 6  # five words and the end
PAD, UNKNOWN, END = "<pad>", "<unk>", "<end>"
TOKENS = (PAD, *VOCABULARY, UNKNOWN, END)  # open_clip's text tower reads a caption at its highest token id: the end
FEATURES = Path(__file__).parents[1] / "data" / "binding_features.safetensors"


def library() -> Any:
    """The module open_clip, which then knows our image tower. Raises CourseError with what to install."""
    try:
        import open_clip
        import timm
    except ImportError:
        raise CourseError("lab-clip is a model of the open_clip library: pip install open_clip_torch.") from None
    if not timm.is_model(TOWER):
        timm.models.register_model(scene_tower)
    return open_clip


def scene_tower(pretrained: bool = False, num_classes: int = D_EMBED, width: int = 16, **_settings: Any) -> Tower:
    """The image tower of chapter 07 under a name that timm knows, so that open_clip's configuration can ask for it."""
    if pretrained:
        raise CourseError("There are no pretrained weights of this tower alone.")
    return Tower(TowerConfig(width=width, d_embed=num_classes))


def architecture(tower: str = TOWER) -> dict[str, Any]:
    """open_clip's ``model_cfg``: an image tower and open_clip's text transformer.

    ``tower``: "scene_tower", three convolution blocks and a linear layer; or "resnet", open_clip's own ModifiedResNet
    (the family of RN50) with one block a stage and 8 channels in the first. Raises CourseError for another.
    """
    towers = {
        # timm_proj "": the tower's own last layer gives the embedding
        TOWER: {"image_size": 32, "timm_model_name": TOWER, "timm_pool": "", "timm_proj": ""},
        "resnet": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "head_width": 32},
    }
    if tower not in towers:
        raise CourseError(f"The image towers are {', '.join(towers)}; there is no {tower!r}.")
    return {
        "embed_dim": D_EMBED,
        "vision_cfg": towers[tower],
        "text_cfg": {
            "context_length": LONGEST,
            "vocab_size": len(TOKENS),
            "hf_tokenizer_name": "lab-clip",  # from a local folder open_clip takes the tokenizer in the folder
            "width": 64,
            "heads": 4,
            "layers": 2,
        },
    }


def build(model_cfg: dict[str, Any] | None = None) -> Any:
    """An untrained model; weights are drawn from torch's global generator."""
    return library().CLIP(**copy.deepcopy(model_cfg or architecture()))


def _tokenizer_json() -> str:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    ids = {word: i for i, word in enumerate(TOKENS)}
    core = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.post_processor = processors.TemplateProcessing(single=f"$A {END}", special_tokens=[(END, ids[END])])
    return core.to_str(pretty=True)


def save(model: Any, model_cfg: dict[str, Any], folder: Path) -> None:
    """Writes weights, configuration and tokenizer to ``folder``, which is made if need be."""
    from safetensors.torch import save as to_bytes

    folder.mkdir(parents=True, exist_ok=True)
    atomic_write(folder / "config.json", json.dumps({"model_type": SCENE_CLIP}) + "\n")
    preprocess = {"mean": [0.0] * 3, "std": [1.0] * 3}
    atomic_write(
        folder / "open_clip_config.json",
        json.dumps({"model_cfg": model_cfg, "preprocess_cfg": preprocess}, indent=1) + "\n",
    )
    about = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": PAD,
        "unk_token": UNKNOWN,
        "eos_token": END,
        "model_max_length": LONGEST,
    }
    atomic_write(folder / "tokenizer_config.json", json.dumps(about, indent=1) + "\n")
    atomic_write(folder / "tokenizer.json", _tokenizer_json() + "\n")
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    atomic_write(folder / "model.safetensors", to_bytes(weights))


def boot(folder: str | Path, device: str = "cpu") -> Any:
    """open_clip's ``CLIP`` from a checkpoint folder, gradients off. Raises ModelMissing, or CourseError."""
    open_clip = library()
    state = torch.get_rng_state()
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)  # open_clip tells on stderr what it loads
    try:
        model = open_clip.create_model(f"local-dir:{folder}", device=device)
    except Exception as error:  # open_clip and safetensors raise many kinds for a damaged folder
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelMissing(
            f"The model in {folder} cannot be read: {first_line} Reinstall the course package to get a sound copy."
        ) from error
    finally:
        logging.disable(level)
        torch.set_rng_state(state)  # drawing weights that are thrown away must not change anybody's random numbers
    model.reset_hooks = MethodType(_no_hooks, model)
    return model.eval().requires_grad_(False)


def _no_hooks(_model: Any) -> None:
    """There are no hook points in open_clip's models; the models of the course all answer to ``reset_hooks``."""


def tokenizer(folder: str | Path | None = None) -> Any:
    """open_clip's tokenizer of a checkpoint folder (the shipped lab-clip): texts to token ids [text, place]."""
    from transformers.utils import logging as transformers_logging

    from mechanisms.models.lab import checkpoint_folder

    open_clip = library()
    level = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # it wonders at a folder that is no model of its own
    try:
        return open_clip.get_tokenizer(f"local-dir:{folder or checkpoint_folder('lab-clip')}")
    finally:
        transformers_logging.set_verbosity(level)


def tokens(words: Int[Tensor, "n word"]) -> Int[Tensor, "n place"]:
    """Token ids of captions given as word ids: what the tokenizer gives for their text, without the text."""
    n, length = words.shape
    ids = torch.full((n, LONGEST), TOKENS.index(PAD))
    ids[:, :length] = words + 1
    ids[:, length] = TOKENS.index(END)
    return ids


@dataclass(frozen=True)
class SceneFeatures:
    """Image vectors of length 1 [n, d] by lab-clip, and what the scenes show, from left to right [n, count]."""

    vectors: Float[Tensor, "n d"]
    colours: Int[Tensor, "n count"]
    shapes: Int[Tensor, "n count"]


def save_features(tables: dict[str, SceneFeatures], path: Path = FEATURES) -> None:
    """Writes named tables to one file, vectors in half precision."""
    from safetensors.torch import save as to_bytes

    parts = {}
    for name, table in tables.items():
        parts[f"{name}.vectors"] = table.vectors.half().contiguous()
        parts[f"{name}.colours"] = table.colours.to(torch.uint8).contiguous()
        parts[f"{name}.shapes"] = table.shapes.to(torch.uint8).contiguous()
    atomic_write(path, to_bytes(parts))


def load_features(path: Path = FEATURES) -> dict[str, SceneFeatures]:
    """The shipped tables: "single train", "single new", "two train", "two new" (no held-out pair in any of them)."""
    from safetensors.torch import load_file

    parts = load_file(path)
    names = sorted({key.rsplit(".", 1)[0] for key in parts})
    return {
        name: SceneFeatures(
            torch.nn.functional.normalize(parts[f"{name}.vectors"].float(), dim=-1),
            parts[f"{name}.colours"].long(),
            parts[f"{name}.shapes"].long(),
        )
        for name in names
    }
