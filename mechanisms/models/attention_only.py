"""A small attention-only transformer that can be trained here and looked into like every other model of the course.

- ``AttentionOnly``: token and position embeddings, attention layers with LayerNorm in front, no MLPs;
- answers to the names of a TransformerBridge: ``run_with_cache``, ``run_with_hooks``, ``W_Q`` ... ``W_O``, ``cfg``, and
  the hooks ``blocks.0.attn.hook_q`` (k, v, z, pattern), ``blocks.0.hook_resid_pre``;
- ``save`` and ``boot``: a checkpoint folder with ``config.json`` and ``model.safetensors``.

Hooks come from TransformerLens' ``HookedRootModule``; the forward pass is our own because it is trained live in a
notebook, where the bridge's generality would cost most of the time.
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
from mechanisms.models.lab import ATTENTION_ONLY


@dataclass(frozen=True)
class AttentionOnlyConfig:
    """The sizes of a model.

    ``first_window``: how many tokens, its own included, a position of the first layer sees; 0 for all before it.
    ``last_view``: how many positions, from the first, the last layer can look at; 0 for all of them.
    ``last_alone``: logits are read from what the last layer writes, and not from the sum of all layers.
    ``device`` is where TransformerLens' own helpers expect the model to be.
    """

    d_vocab: int
    n_ctx: int
    d_model: int = 64
    n_layers: int = 2
    n_heads: int = 2
    first_window: int = 0
    last_view: int = 0
    last_alone: bool = False
    device: str = "cpu"

    @property
    def d_head(self) -> int:
        return self.d_model // self.n_heads


class Attention(nn.Module):
    """Causal attention; queries, keys, values and z are [batch, pos, head, d_head] on their hooks."""

    def __init__(self, cfg: AttentionOnlyConfig, window: int = 0, view: int = 0) -> None:
        super().__init__()
        self.cfg = cfg
        self.W_QKV = nn.Linear(cfg.d_model, 3 * cfg.d_model)
        self.W_out = nn.Linear(cfg.d_model, cfg.d_model)
        for name in ("q", "k", "v", "z", "pattern"):
            setattr(self, f"hook_{name}", HookPoint())
        place = torch.arange(cfg.n_ctx)
        back = place[:, None] - place  # [query, key]: how far the query looks back
        hidden = (back < 0) | (back >= (window or cfg.n_ctx)) | (place >= (view or cfg.n_ctx))
        self.register_buffer("hidden", hidden, persistent=False)

    def forward(self, x: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos d_model"]:
        batch, length, _ = x.shape
        q, k, v = self.W_QKV(x).view(batch, length, 3, self.cfg.n_heads, self.cfg.d_head).unbind(2)
        q, k, v = self.hook_q(q), self.hook_k(k), self.hook_v(v)
        scores = q.transpose(1, 2) @ k.permute(0, 2, 3, 1) / math.sqrt(self.cfg.d_head)
        scores = scores.masked_fill(self.hidden[:length, :length], -math.inf)
        pattern = self.hook_pattern(scores.softmax(-1))
        z = self.hook_z((pattern @ v.transpose(1, 2)).transpose(1, 2))
        return self.W_out(z.flatten(2))


class Block(nn.Module):
    """x + attention(LayerNorm(x)), in a last layer that stands alone without the x; there is no MLP."""

    def __init__(self, cfg: AttentionOnlyConfig, first: bool, last: bool) -> None:
        super().__init__()
        self.alone = last and cfg.last_alone
        window, view = cfg.first_window if first else 0, cfg.last_view if last else 0
        self.ln1, self.attn = nn.LayerNorm(cfg.d_model), Attention(cfg, window, view)
        self.hook_resid_pre, self.hook_attn_out, self.hook_resid_post = HookPoint(), HookPoint(), HookPoint()

    def forward(self, x: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos d_model"]:
        x = self.hook_resid_pre(x)
        out = self.hook_attn_out(self.attn(self.ln1(x)))
        return self.hook_resid_post(out if self.alone else x + out)


class AttentionOnly(HookedRootModule):
    """The model; weights are drawn from torch's global generator."""

    def __init__(self, cfg: AttentionOnlyConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.embed, self.pos_embed = nn.Embedding(cfg.d_vocab, cfg.d_model), nn.Embedding(cfg.n_ctx, cfg.d_model)
        last = cfg.n_layers - 1
        self.blocks = nn.ModuleList([Block(cfg, layer == 0, layer == last) for layer in range(cfg.n_layers)])
        self.ln_final, self.unembed = nn.LayerNorm(cfg.d_model), nn.Linear(cfg.d_model, cfg.d_vocab, bias=False)
        for table in (self.embed, self.pos_embed):
            nn.init.normal_(table.weight, std=0.1)
        self.setup()

    def forward(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_vocab"]:
        x = self.embed(tokens) + self.pos_embed.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.unembed(self.ln_final(x))

    def _heads(self, part: int) -> Float[Tensor, "layer head d_model d_head"]:
        width = self.cfg.d_model
        rows = [block.attn.W_QKV.weight[part * width : (part + 1) * width] for block in self.blocks]
        return torch.stack(rows).view(len(rows), self.cfg.n_heads, self.cfg.d_head, width).transpose(2, 3)

    @property
    def W_Q(self) -> Float[Tensor, "layer head d_model d_head"]:
        """Query matrices."""
        return self._heads(0)

    @property
    def W_K(self) -> Float[Tensor, "layer head d_model d_head"]:
        """Key matrices."""
        return self._heads(1)

    @property
    def W_V(self) -> Float[Tensor, "layer head d_model d_head"]:
        """Value matrices."""
        return self._heads(2)

    @property
    def W_O(self) -> Float[Tensor, "layer head d_head d_model"]:
        """Output matrices."""
        rows = torch.stack([block.attn.W_out.weight.T for block in self.blocks])
        return rows.view(len(rows), self.cfg.n_heads, self.cfg.d_head, self.cfg.d_model)

    @torch.no_grad()
    def set_W_O(self, layer: int, head: int, W_O: Float[Tensor, "d_head d_model"]) -> None:
        """Edits the output matrix of one head, in place."""
        size = self.cfg.d_head
        self.blocks[layer].attn.W_out.weight[:, head * size : (head + 1) * size] = W_O.T

    @torch.no_grad()
    def scale_query(self, layer: int, head: int, gain: float) -> None:
        """Multiplies one head's query matrix and query bias, in place."""
        rows, reads = slice(head * self.cfg.d_head, (head + 1) * self.cfg.d_head), self.blocks[layer].attn.W_QKV
        reads.weight[rows] *= gain
        reads.bias[rows] *= gain

    @property
    def W_U(self) -> Float[Tensor, "d_model d_vocab"]:
        """The unembedding."""
        return self.unembed.weight.T


@torch.no_grad()
def fold_layer_norm(model: AttentionOnly) -> None:
    """Folds each LayerNorm's gain and bias into the matrices that read after it, in place.

    Nothing is written or read along the direction (1, ..., 1) then, which LayerNorm takes away. The function stays the
    same but for one shift of all logits.

    The final LayerNorm keeps its bias, as the unembedding has none.
    """

    def centred(weight: Tensor, dim: int) -> Tensor:
        return weight - weight.mean(dim, keepdim=True)

    model.embed.weight.copy_(centred(model.embed.weight, 1))
    model.pos_embed.weight.copy_(centred(model.pos_embed.weight, 1))
    for block in model.blocks:
        reads, writes = block.attn.W_QKV, block.attn.W_out
        reads.bias += reads.weight @ block.ln1.bias
        reads.weight.copy_(centred(reads.weight * block.ln1.weight, 1))
        block.ln1.weight.fill_(1.0)
        block.ln1.bias.zero_()
        writes.weight.copy_(centred(writes.weight, 0))
        writes.bias.copy_(centred(writes.bias, 0))
    gain = model.ln_final.weight
    model.ln_final.bias /= gain
    model.unembed.weight.copy_(centred(model.unembed.weight * gain, 0))  # a shift of all logits changes nothing
    gain.fill_(1.0)


def save(model: AttentionOnly, folder: Path) -> None:
    """Writes ``config.json`` and ``model.safetensors`` to ``folder``, which is made if need be."""
    from safetensors.torch import save as to_bytes

    folder.mkdir(parents=True, exist_ok=True)
    sizes = {name: value for name, value in asdict(model.cfg).items() if name != "device"}
    atomic_write(folder / "config.json", json.dumps({"model_type": ATTENTION_ONLY, **sizes}, indent=1) + "\n")
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    atomic_write(folder / "model.safetensors", to_bytes(weights))


def boot(folder: str | Path, device: str = "cpu") -> AttentionOnly:
    """The model in a checkpoint folder, gradients off. Raises ModelMissing if it cannot be read."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        sizes = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
        sizes.pop("model_type", None)
        state = torch.get_rng_state()
        model = AttentionOnly(AttentionOnlyConfig(**sizes, device=device))
        torch.set_rng_state(state)  # drawing weights that are thrown away must not change anybody's random numbers
        model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelMissing(
            f"The model in {folder} cannot be read: {first_line} Reinstall the course package to get a sound copy."
        ) from error
    model.to(device).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model
