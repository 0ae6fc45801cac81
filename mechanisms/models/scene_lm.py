"""lab-lm-scenes: a small GPT-2 of Hugging Face's own class, trained on the text world of chapter 07.

- ``SceneLM``: ``GPT2LMHeadModel`` with the one method more that the course's checks ask of every model;
- ``save`` and ``boot``: a checkpoint folder with ``config.json`` and ``model.safetensors``.

It takes ``inputs_embeds`` and ``attention_mask`` as any Hugging Face model does, so a cell that captions with it
captions with GPT-2 as well. A token is a word of ``mechanisms.data.creature_text``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from mechanisms.errors import ModelMissing
from mechanisms.files import atomic_write
from mechanisms.models.lab import SCENE_LM


@dataclass(frozen=True)
class SceneLMConfig:
    """The sizes of the model; ``n_ctx`` positions for prompts and words together."""

    vocabulary: int
    n_ctx: int = 48
    d_model: int = 96
    n_layers: int = 3
    n_heads: int = 4


class SceneLM(GPT2LMHeadModel):
    """A GPT-2 without dropout; weights are drawn from torch's global generator."""

    def __init__(self, sizes: SceneLMConfig) -> None:
        config = GPT2Config(
            vocab_size=sizes.vocabulary,
            n_positions=sizes.n_ctx,
            n_embd=sizes.d_model,
            n_layer=sizes.n_layers,
            n_head=sizes.n_heads,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            activation_function="gelu_pytorch_tanh",  # what "gelu_new" computes, in one step instead of eight
            bos_token_id=1,
            eos_token_id=2,
            use_cache=False,
        )
        super().__init__(config)
        self.loss_type = "ForCausalLM"  # unnamed it is the same loss, with a warning on stderr
        self.sizes = sizes

    def reset_hooks(self) -> None:
        """There are no hook points here; the models of the course all answer to this name."""


def save(model: SceneLM, folder: Path) -> None:
    """Writes ``config.json`` and ``model.safetensors`` to ``folder``, which is made if need be."""
    from safetensors.torch import save as to_bytes

    folder.mkdir(parents=True, exist_ok=True)
    sizes = {"model_type": SCENE_LM, **asdict(model.sizes)}
    atomic_write(folder / "config.json", json.dumps(sizes, indent=1) + "\n")
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    weights.pop("lm_head.weight")  # tied to the token embeddings
    atomic_write(folder / "model.safetensors", to_bytes(weights))


def boot(folder: str | Path, device: str = "cpu") -> SceneLM:
    """The model in a checkpoint folder, gradients off. Raises ModelMissing if it cannot be read."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        sizes = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
        sizes.pop("model_type", None)
        state = torch.get_rng_state()
        model = SceneLM(SceneLMConfig(**sizes))
        torch.set_rng_state(state)  # drawing weights that are thrown away must not change anybody's random numbers
        weights = load_file(Path(folder) / "model.safetensors")
        model.load_state_dict(weights | {"lm_head.weight": weights["transformer.wte.weight"]})
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelMissing(
            f"The model in {folder} cannot be read: {first_line} Reinstall the course package to get a sound copy."
        ) from error
    return model.to(device).eval().requires_grad_(False)
