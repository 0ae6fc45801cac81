"""The small transformer of chapter 01, whose first layers have no feed-forward network.

- pre-LayerNorm, tied embeddings, learned positions; feed-forward networks (FFNs) in ``ffn_layers`` alone;
- hooks named as in TransformerLens: ``hook_embed``, ``blocks.1.hook_resid_pre``, ``blocks.1.hook_attn_out``,
  ``blocks.1.hook_resid_mid``, ``blocks.1.hook_mlp_out``, ``blocks.1.hook_resid_post``;
- ``blind_layers``: layers whose attention pattern is a learned table, the same for every text: it reads the same places
  whatever words stand there;
- ``kept``: documents may lose their last FFNs (FFN dropout, for training);
- ``ffn_layers``: which layers of a model have an FFN;
- ``save`` and ``boot``: a checkpoint folder with ``config.json`` and ``model.safetensors``.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformer_lens import HookedRootModule
from transformer_lens.hook_points import HookPoint

from mechanisms.errors import ModelMissing
from mechanisms.files import atomic_write
from mechanisms.models.lab import RELATIONAL

LOOKS_BACK = 3.0  # how much a blind head favours its place at the start


@dataclass(frozen=True)
class RelationalConfig:
    """The sizes of a model.

    ``blind_layers``: layers whose attention pattern does not depend on the text. ``nearest``: how many places back the
    attention of all other layers looks at least; where there is no such place, it looks at its own. ``device`` is where
    TransformerLens' own helpers expect the model to be. Raises ValueError for a layer that does not exist.
    """

    d_vocab: int
    n_ctx: int
    d_model: int = 64
    n_layers: int = 4
    n_heads: int = 4
    ffn_layers: tuple[int, ...] = (2, 3)
    blind_layers: tuple[int, ...] = ()
    nearest: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        unknown = {*self.ffn_layers, *self.blind_layers} - set(range(self.n_layers))
        if unknown:
            raise ValueError(f"a model of {self.n_layers} layers has no layer {min(unknown)}")


class Block(nn.Module):
    """Attention, then an FFN if the layer has one; each reads the LayerNorm of the stream and adds to the stream.

    A blind layer has, in the place of queries and keys, a table of attention scores ``pattern`` [head, query, key]. At
    the start head h looks h places back.
    """

    def __init__(self, cfg: RelationalConfig, layer: int) -> None:
        super().__init__()
        self.cfg, d = cfg, cfg.d_model
        self.ln1, self.W_V, self.W_out = nn.LayerNorm(d), nn.Linear(d, d), nn.Linear(d, d)
        self.blind = layer in cfg.blind_layers
        place = torch.arange(cfg.n_ctx)
        back, nearest = place[:, None] - place, 0 if self.blind else cfg.nearest
        seen = (back >= nearest) | (back == 0) & (place < nearest)
        self.register_buffer("seen", seen, persistent=False)
        if self.blind:
            self.pattern = nn.Parameter(LOOKS_BACK * (back == torch.arange(cfg.n_heads)[:, None, None]).float())
        else:
            self.W_QK = nn.Linear(d, 2 * d)
        self.has_ffn = layer in cfg.ffn_layers
        self.hook_resid_pre, self.hook_attn_out = HookPoint(), HookPoint()
        self.hook_resid_mid, self.hook_resid_post = HookPoint(), HookPoint()
        if self.has_ffn:
            self.ln2, self.W_in, self.W_ffn_out = nn.LayerNorm(d), nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
            self.hook_mlp_out = HookPoint()

    def attention(self, x: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos d_model"]:
        batch, length, d = x.shape
        heads, normed = self.cfg.n_heads, self.ln1(x)
        v = self.W_V(normed).view(batch, length, heads, d // heads).transpose(1, 2)
        if self.blind:
            scores = self.pattern[:, :length, :length]
        else:
            q, k = self.W_QK(normed).view(batch, length, 2, heads, d // heads).permute(2, 0, 3, 1, 4)
            scores = q @ k.transpose(-1, -2) / math.sqrt(d // heads)
        weights = scores.masked_fill(~self.seen[:length, :length], -math.inf).softmax(-1)
        return self.W_out((weights @ v).transpose(1, 2).flatten(2))

    def ffn(self, x: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos d_model"]:
        return self.W_ffn_out(nn.functional.gelu(self.W_in(self.ln2(x))))

    def forward(
        self, x: Float[Tensor, "batch pos d_model"], keep: Float[Tensor, "batch 1 1"] | None = None
    ) -> Float[Tensor, "batch pos d_model"]:
        """``keep`` multiplies the FFN's output: 0 for documents that lose it."""
        x = self.hook_resid_pre(x)
        x = self.hook_resid_mid(x + self.hook_attn_out(self.attention(x)))
        if self.has_ffn:
            added = self.ffn(x)
            x = x + self.hook_mlp_out(added if keep is None else added * keep)
        return self.hook_resid_post(x)


class Relational(HookedRootModule):
    """The model; weights are drawn from torch's global generator.

    ``small_rows`` rows of the embedding start at a quarter of the size: at full size the noise that words start with
    stays in the table, and no offset between forms is shared.
    """

    def __init__(self, cfg: RelationalConfig, small_rows: int = 0) -> None:
        super().__init__()
        self.cfg = cfg
        self.embed, self.pos_embed = nn.Embedding(cfg.d_vocab, cfg.d_model), nn.Embedding(cfg.n_ctx, cfg.d_model)
        self.hook_embed = HookPoint()
        self.blocks = nn.ModuleList([Block(cfg, layer) for layer in range(cfg.n_layers)])
        self.ln_final = nn.LayerNorm(cfg.d_model)
        for name, value in self.named_parameters():
            if value.dim() == 2:
                writes = "out" in name
                nn.init.normal_(value, std=cfg.d_model**-0.5 * ((2 * cfg.n_layers) ** -0.5 if writes else 1))
            elif name.endswith("bias"):
                nn.init.zeros_(value)
        with torch.no_grad():
            self.embed.weight[:small_rows] *= 0.25
        self.setup()

    def unembed(self, normed: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_vocab"]:
        """Logits of a stream that has been through the final LayerNorm."""
        return normed @ self.embed.weight.T

    def decode(self, x: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_vocab"]:
        """Logits of a residual stream: the final LayerNorm once, then the tied unembedding."""
        return self.unembed(self.ln_final(x))

    def forward(
        self, tokens: Int[Tensor, "batch pos"], kept: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch pos d_vocab"]:
        """Logits. ``kept``: how many of its FFNs, from the bottom, each document keeps (default: all)."""
        x = self.hook_embed(self.embed(tokens) + self.pos_embed.weight[: tokens.shape[1]])
        for layer, block in enumerate(self.blocks):
            keep = None
            if kept is not None and block.has_ffn:
                keep = (kept > self.cfg.ffn_layers.index(layer)).float()[:, None, None]
            x = block(x, keep)
        return self.decode(x)


def ffn_layers(model) -> list[int]:
    """The layers of a model that have an FFN, lowest first. Works on a TransformerBridge too."""
    return [layer for layer in range(model.cfg.n_layers) if f"blocks.{layer}.hook_mlp_out" in model.hook_dict]


def save(model: Relational, folder: Path) -> None:
    """Writes ``config.json`` and ``model.safetensors`` to ``folder``, which is made if need be."""
    from safetensors.torch import save as to_bytes

    folder.mkdir(parents=True, exist_ok=True)
    sizes = {name: value for name, value in asdict(model.cfg).items() if name != "device"}
    atomic_write(folder / "config.json", json.dumps({"model_type": RELATIONAL, **sizes}) + "\n")
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    atomic_write(folder / "model.safetensors", to_bytes(weights))


def boot(folder: str | Path, device: str = "cpu") -> Relational:
    """The model in a checkpoint folder, gradients off. Raises ModelMissing if it cannot be read."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        sizes = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
        sizes.pop("model_type", None)
        for name in ("ffn_layers", "blind_layers"):
            sizes[name] = tuple(sizes[name])
        state = torch.get_rng_state()
        model = Relational(RelationalConfig(**sizes, device=device))
        torch.set_rng_state(state)  # drawing weights that are thrown away must not change anybody's random numbers
        model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelMissing(
            f"The model in {folder} cannot be read: {first_line} Reinstall the course package to get a sound copy."
        ) from error
    return model.to(device).eval().requires_grad_(False)
