"""The small transformer of chapter 01, whose first layer has no feed-forward network.

- pre-LayerNorm, tied embeddings, learned positions; feed-forward networks (FFNs) in ``ffn_layers`` alone;
- hooks named as in TransformerLens: ``hook_embed``, ``blocks.1.hook_resid_pre``, ``blocks.1.hook_attn_out``,
  ``blocks.1.hook_mlp_out``, ``blocks.1.hook_resid_post``;
- ``sees``: what the queries and keys of each layer are made from: "all" of the stream, "positions" alone, or a stream
  in which all tokens of one ``alike`` range look the same, so that no attention can react to which cue stands there;
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


@dataclass(frozen=True)
class RelationalConfig:
    """The sizes of a model.

    ``sees``: "all", "positions" or "alike" for each layer, "all" for those not named. ``alike``: ranges (first token,
    token after the last) that look the same to queries and keys of "alike" layers. ``device`` is where TransformerLens'
    own helpers expect the model to be. Raises ValueError for an unknown word in ``sees``.
    """

    d_vocab: int
    n_ctx: int
    d_model: int = 64
    n_layers: int = 3
    n_heads: int = 4
    ffn_layers: tuple[int, ...] = (1, 2)
    sees: tuple[str, ...] = ()
    alike: tuple[tuple[int, int], ...] = ()
    device: str = "cpu"

    def __post_init__(self) -> None:
        unknown = set(self.sees) - {"all", "positions", "alike"}
        if unknown:
            raise ValueError(f'sees knows "all", "positions" and "alike", not {", ".join(map(repr, sorted(unknown)))}')

    def seen_by(self, layer: int) -> str:
        """What the queries and keys of a layer see."""
        return self.sees[layer] if layer < len(self.sees) else "all"


class Block(nn.Module):
    """Attention, then an FFN if the layer has one; each reads the LayerNorm of the stream and adds to the stream."""

    def __init__(self, cfg: RelationalConfig, layer: int) -> None:
        super().__init__()
        self.cfg, d = cfg, cfg.d_model
        self.ln1, self.W_QK, self.W_V, self.W_out = nn.LayerNorm(d), *(nn.Linear(d, k * d) for k in (2, 1, 1))
        self.has_ffn = layer in cfg.ffn_layers
        self.hook_resid_pre, self.hook_attn_out, self.hook_resid_post = HookPoint(), HookPoint(), HookPoint()
        if self.has_ffn:
            self.ln2, self.W_in, self.W_ffn_out = nn.LayerNorm(d), nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
            self.hook_mlp_out = HookPoint()

    def attention(
        self, x: Float[Tensor, "batch pos d_model"], seen: Float[Tensor, "batch pos d_model"]
    ) -> Float[Tensor, "batch pos d_model"]:
        """Values come from ``x``, queries and keys from ``seen``."""
        batch, length, d = x.shape
        heads = self.cfg.n_heads
        q, k = self.W_QK(self.ln1(seen)).view(batch, length, 2, heads, d // heads).permute(2, 0, 3, 1, 4)
        v = self.W_V(self.ln1(x)).view(batch, length, heads, d // heads).transpose(1, 2)
        future = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
        scores = (q @ k.transpose(-1, -2) / math.sqrt(d // heads)).masked_fill(future, -math.inf)
        return self.W_out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))

    def ffn(self, x: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos d_model"]:
        return self.W_ffn_out(nn.functional.gelu(self.W_in(self.ln2(x))))

    def forward(
        self,
        x: Float[Tensor, "batch pos d_model"],
        seen: Float[Tensor, "batch pos d_model"] | None = None,
        keep: Float[Tensor, "batch 1 1"] | None = None,
    ) -> Float[Tensor, "batch pos d_model"]:
        """``seen``: what queries and keys are made from (default: the stream itself). ``keep`` multiplies the FFN's
        output: 0 for documents that lose it."""
        x = self.hook_resid_pre(x)
        x = x + self.hook_attn_out(self.attention(x, x if seen is None else seen))
        if self.has_ffn:
            added = self.ffn(x)
            x = x + self.hook_mlp_out(added if keep is None else added * keep)
        return self.hook_resid_post(x)

    def look(
        self, x: Float[Tensor, "batch pos d_model"], seen: Float[Tensor, "batch pos d_model"]
    ) -> Float[Tensor, "batch pos d_model"]:
        """This layer's work on the stream in which cues are alike, hooks and dropout left out."""
        x = x + self.attention(x, seen)
        return x + self.ffn(x) if self.has_ffn else x


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
        places = self.pos_embed.weight[: tokens.shape[1]].expand(*tokens.shape, -1)
        x = self.hook_embed(self.embed(tokens) + places)
        alike = self._alike(tokens) + places if "alike" in self.cfg.sees else x
        for layer, block in enumerate(self.blocks):
            keep = None
            if kept is not None and block.has_ffn:
                keep = (kept > self.cfg.ffn_layers.index(layer)).float()[:, None, None]
            seen = {"all": None, "positions": places, "alike": alike}[self.cfg.seen_by(layer)]
            x = block(x, seen, keep)
            if "alike" in self.cfg.sees[layer + 1 :]:
                alike = block.look(alike, alike if seen is None else seen)
        return self.decode(x)

    def _alike(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_model"]:
        """Embeddings in which every token of a range in ``cfg.alike`` has the mean of its range."""
        table = self.embed.weight
        for low, high in self.cfg.alike:
            mean = table[low:high].mean(0).expand(high - low, -1)
            table = torch.cat([table[:low], mean, table[high:]])
        return table[tokens]


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
        for name in ("ffn_layers", "sees"):
            sizes[name] = tuple(sizes[name])
        sizes["alike"] = tuple(map(tuple, sizes["alike"]))
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
