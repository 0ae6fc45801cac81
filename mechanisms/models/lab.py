"""Loads the lab models, the small trained networks that ship with the course.

- finds the checkpoint folder of a lab model (in the package, or where MECHANISMS_LAB_DIR points);
- boots it as a TransformerLens ``TransformerBridge`` in compatibility mode, quietly; or, where it is no Hugging Face
  model, as the course's own ``AttentionOnly`` or ``Relational`` model with the same names; or, a masked language
  model, as the ``BertForMaskedLM`` that it is;
- builds the planted networks, whose weights are written by hand and need no file;
  or as the image encoders or the scenes' GPT-2 of chapter 07, which their own modules boot;
- reads its model card.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from mechanisms.errors import ModelMissing

ATTENTION_ONLY, RELATIONAL = "attention-only", "relational"  # model_type of checkpoints that are no Hugging Face models
PLANTED = "planted-relations-"  # planted-relations-2 applies its relation in the FFN of layer 2
VISION = "small-encoders"
SCENE_LM = "gpt2-scenes"
SCENE_CLIP = "open-clip-scenes"
_OWN = {
    ATTENTION_ONLY: "attention_only",
    RELATIONAL: "relational",
    VISION: "encoders",
    SCENE_LM: "scene_lm",
    SCENE_CLIP: "scene_clip",
}
MASKED = "bert"  # the model_type of masked language models, which stay as they are
_PARTS = ("config.json", "model.safetensors", "tokenizer.json")
# Models whose words are their token ids ship no tokenizer.
_DUAL = {"lab-dual", "lab-dual-vanilla", "lab-dual-active", "lab-dual-hidden"}
_TOKENS_ALONE = {"lab-gate", "random-gate", *_DUAL, "lab-vision", "lab-lm-scenes"}
_TOKENS_ALONE |= {"planted-circuit"} | {f"{kind}-relational" for kind in ("lab", "control", "free", "random")}
_TOKENS_ALONE |= {"lab-list"}


def checkpoint_folder(name: str = "lab-lm") -> Path:
    """The Hugging Face folder of lab model ``name``.

    MECHANISMS_LAB_DIR, if set, is a folder of checkpoints that takes the place of the shipped ones.
    Raises ModelMissing if the folder or one of its parts is not there.
    """
    root = os.environ.get("MECHANISMS_LAB_DIR") or str(files("mechanisms.models") / "weights")
    folder = Path(root) / name
    absent = [part for part in (_PARTS[:2] if name in _TOKENS_ALONE else _PARTS) if not (folder / part).is_file()]
    if absent:
        raise ModelMissing(
            f"The lab model {name!r} is not complete in {folder} (missing: {', '.join(absent)}). "
            "Reinstall the course package, or correct MECHANISMS_LAB_DIR if you have set it."
        )
    return folder


def load(name: str = "lab-lm", device: str | torch.device | None = None, fresh: bool = False):
    """Loads lab model ``name`` as a TransformerBridge in compatibility mode.

    lab-list and chapter 05's models come as an ``AttentionOnly``, chapter 01's as a ``Relational``, lab-dual as a plain
    ``BertForMaskedLM``, lab-vision as ``Encoders``, lab-lm-scenes as a Hugging Face GPT-2, lab-clip as open_clip's
    ``CLIP``.

    In a bridge LayerNorm is folded into the weights that follow it, writing weights are centred, and every head has
    its own ``W_Q``, ``W_K``, ``W_V`` [layer, head, d_model, d_head] and ``W_O`` [layer, head, d_head, d_model].
    ``model.to_tokens(text)`` puts one ``<bos>`` in front. Gradients are off.

    The same model object is returned each time, unless ``fresh``: then it is a new one, that nobody else holds.
    Raises ModelMissing if the checkpoint cannot be found or read.
    """
    device = str(device or "cpu")
    if name.startswith(PLANTED):
        return _plant(name, device) if fresh else _plant_once(name, device)
    folder = str(checkpoint_folder(name))
    return boot(folder, device) if fresh else _boot_once(folder, device)


def card(name: str = "lab-lm") -> dict[str, Any]:
    """The model card's numbers: seed, command, wall time and every measured quantity.

    Raises ModelMissing if the model has no readable card.
    """
    path = checkpoint_folder(name) / "card.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelMissing(f"The lab model {name!r} has no readable card at {path}: {error}.") from None


def _model_type(folder: str | Path) -> str:
    try:
        return str(json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""  # whoever boots it as a Hugging Face folder will say what is wrong


def _plant(name: str, device: str):
    from mechanisms.models import planted_relations

    try:
        return planted_relations.build(int(name.removeprefix(PLANTED))).to(device)
    except ValueError as error:
        raise ModelMissing(f"There is no model {name!r}: {error}.") from None


_plant_once = cache(_plant)


@cache
def _boot_once(folder: str, device: str):
    return boot(folder, device)


def boot(folder: str | Path, device: str = "cpu"):
    """Boots any checkpoint folder as ``load`` does. Raises ModelMissing if it cannot be read."""
    kind = _model_type(folder)
    if kind in _OWN:
        return import_module(f"mechanisms.models.{_OWN[kind]}").boot(folder, device)
    with _quiet(folder):
        if kind == MASKED:
            from transformers import BertForMaskedLM

            model = BertForMaskedLM.from_pretrained(str(folder), attn_implementation="eager").to(device)
        else:
            from transformer_lens.model_bridge import TransformerBridge

            model = TransformerBridge.boot_transformers(str(folder), device=device)
            model.enable_compatibility_mode(disable_warnings=True, fold_value_biases=False)
            model.cfg.default_prepend_bos = True
    model.eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model


@contextmanager
def _quiet(folder: str | Path) -> Iterator[None]:
    """Loading without a word; what goes wrong is ModelMissing, in one sentence."""
    from safetensors import SafetensorError
    from transformers.utils import logging

    # A progress bar on stderr would be noise in a notebook, and nbgrader gives 0 to a cell that writes there.
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelMissing(
            f"The model in {folder} cannot be read: {first_line} Reinstall the course package to get a sound copy."
        ) from error
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
