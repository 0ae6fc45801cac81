"""The small transformer of chapter 01, whose first layer has no feed-forward network.

- pre-LayerNorm, tied embeddings, learned positions; feed-forward networks (FFNs) in ``ffn_layers`` alone;
- hooks named as in TransformerLens: ``hook_embed``, ``blocks.1.hook_attn_out``, ``blocks.1.hook_mlp_out``,
  ``blocks.1.hook_resid_post``;
- ``blind_layers``: in the first so many layers attention sees positions alone, so it cannot react to the cue words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformer_lens import HookedRootModule
from transformer_lens.hook_points import HookPoint


@dataclass(frozen=True)
class RelationalConfig:
    """The sizes of a model. ``device`` is where TransformerLens' own helpers expect it to be."""

    d_vocab: int
    n_ctx: int
    d_model: int = 64
    n_layers: int = 3
    n_heads: int = 4
    ffn_layers: tuple[int, ...] = (1, 2)
    blind_layers: int = 0
    device: str = "cpu"


class Block(nn.Module):
    """Attention, then an FFN if the layer has one; each reads the LayerNorm of the stream and adds to the stream."""

    def __init__(self, cfg: RelationalConfig, layer: int) -> None:
        super().__init__()
        self.cfg, self.blind, d = cfg, layer < cfg.blind_layers, cfg.d_model
        self.ln1, self.W_QK, self.W_V, self.W_out = nn.LayerNorm(d), *(nn.Linear(d, k * d) for k in (2, 1, 1))
        self.has_ffn = layer in cfg.ffn_layers
        self.hook_attn_out, self.hook_resid_post = HookPoint(), HookPoint()
        if self.has_ffn:
            self.ln2, self.W_in, self.W_ffn_out = nn.LayerNorm(d), nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
            self.hook_mlp_out = HookPoint()

    def attention(
        self, x: Float[Tensor, "batch pos d_model"], places: Float[Tensor, "pos d_model"]
    ) -> Float[Tensor, "batch pos d_model"]:
        batch, length, d = x.shape
        heads = self.cfg.n_heads
        seen = self.ln1(places.expand_as(x) if self.blind else x)
        q, k = self.W_QK(seen).view(batch, length, 2, heads, d // heads).permute(2, 0, 3, 1, 4)
        v = self.W_V(self.ln1(x)).view(batch, length, heads, d // heads).transpose(1, 2)
        future = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
        scores = (q @ k.transpose(-1, -2) / math.sqrt(d // heads)).masked_fill(future, -math.inf)
        return self.W_out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))

    def forward(self, x: Float[Tensor, "batch pos d_model"], places: Float[Tensor, "pos d_model"]) -> Tensor:
        x = x + self.hook_attn_out(self.attention(x, places))
        if self.has_ffn:
            x = x + self.hook_mlp_out(self.W_ffn_out(nn.functional.gelu(self.W_in(self.ln2(x)))))
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

    def decode(self, x: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_vocab"]:
        """Logits of a residual stream: the final LayerNorm once, then the tied unembedding."""
        return self.ln_final(x) @ self.embed.weight.T

    def forward(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_vocab"]:
        places = self.pos_embed.weight[: tokens.shape[1]]
        x = self.hook_embed(self.embed(tokens) + places)
        for block in self.blocks:
            x = block(x, places)
        return self.decode(x)
