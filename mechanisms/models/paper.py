"""Loads the models that the papers used, where there is a GPU and a way to get them.

- ``load_paper_model``: a hub model as a TransformerBridge that answers to the same names as the lab models; or
  one printed sentence and None, so that a notebook runs to its end without it;
- ``paper_facts``: countries, capitals and the first token of each capital for a real tokenizer;
- ``conflicts_by_length``: conflict prompts as token tensors, grouped by length so that nothing needs padding;
- ``locate``: where a model can be had here, or why it cannot; ``hub_answers``: whether the hub can be reached.

Weights are looked for in the folder MECHANISMS_PAPER_DIR (``<folder>/EleutherAI/pythia-1.4b``), if it is set, in
the Hugging Face cache, then on the hub.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from mechanisms.data.vocabulary import countries

REACH_SECONDS = 5


@dataclass(frozen=True)
class Conflicts:
    """Conflict prompts of one length: ``prompts`` [n, position], ``in_context`` and ``memorised`` [n] first tokens."""

    prompts: torch.Tensor
    in_context: torch.Tensor
    memorised: torch.Tensor

    def __len__(self) -> int:
        return len(self.prompts)


def load_paper_model(name: str, device: str | torch.device | None = None):
    """Model ``name`` (a hub name, or a local Hugging Face folder) as a TransformerBridge in compatibility mode.

    Folding and per-head weights as in ``mechanisms.models.load``; gradients are off. A hub model needs a GPU unless
    ``device`` is given; a local folder is loaded on whatever is there. Where it cannot be had, prints one sentence
    that says why and returns None.
    """
    source, problem = locate(name, device)
    if problem is None:
        target = str(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        try:
            return _boot(source, target)
        except torch.cuda.OutOfMemoryError:
            problem = "the GPU has too little free memory for it; restart the kernel, or choose a smaller model"
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            problem = f"it could not be loaded ({(str(error).splitlines() or [type(error).__name__])[0]})"
    print(f"No paper-scale run of {name} here: {problem}. Everything above is complete without it.")
    return None


def paper_facts(model) -> tuple[dict[str, str], dict[str, int]]:
    """``facts`` country -> capital in ordinary spelling, and capital -> id of its first token after a space."""
    facts = {c.name.replace("_", " "): c.capital.replace("_", " ") for c in countries()}
    encode = model.tokenizer.encode
    return facts, {capital: encode(f" {capital}", add_special_tokens=False)[0] for capital in facts.values()}


def conflicts_by_length(model, items: Sequence[Mapping[str, str]], first_token: Mapping[str, int]) -> list[Conflicts]:
    """The items of ``build_conflict_items`` as tokens on the model's device, one group for each prompt length."""
    groups: dict[int, list[tuple[torch.Tensor, int, int]]] = defaultdict(list)
    for item in items:
        tokens = model.to_tokens(item["prompt"])[0]
        groups[len(tokens)].append((tokens, first_token[item["in_context"]], first_token[item["memorised"]]))
    result = []
    for _, rows in sorted(groups.items()):
        prompts, in_context, memorised = zip(*rows, strict=True)
        stacked = torch.stack(prompts)
        answers = (torch.tensor(ids, device=stacked.device) for ids in (in_context, memorised))
        result.append(Conflicts(stacked, *answers))
    return result


def locate(name: str, device: str | torch.device | None) -> tuple[str, str | None]:
    """Where to load ``name`` from, and what stands in the way, if anything does."""
    root = os.environ.get("MECHANISMS_PAPER_DIR")
    for folder in [Path(name), *([Path(root) / name] if root else [])]:
        if (folder / "config.json").is_file():
            return str(folder), None
    if device is None and not torch.cuda.is_available():
        return name, "it needs a GPU, and PyTorch finds none"
    if not _in_cache(name) and not hub_answers():
        return name, "its weights are not on this machine and the Hugging Face hub does not answer"
    return name, None


def _in_cache(name: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    weights = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
    return any(isinstance(try_to_load_from_cache(name, file), str) for file in weights)


def hub_answers() -> bool:
    """One quick request: the hub's own client would retry for half a minute before it gives up."""
    from huggingface_hub import constants, get_session

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        get_session().head(constants.ENDPOINT, timeout=REACH_SECONDS)
    except Exception:  # whatever the network library raises, it means no
        return False
    return True


def _boot(source: str, device: str):
    from transformer_lens.model_bridge import TransformerBridge

    bridge = TransformerBridge.boot_transformers(source, device=device)
    bridge.enable_compatibility_mode(disable_warnings=True, fold_value_biases=False)
    bridge.eval()
    for parameter in bridge.parameters():
        parameter.requires_grad_(False)
    return bridge
