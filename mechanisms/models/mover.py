"""One attention head looked at from its inputs: what it would attend to if it read another residual stream.

- ``Mover``: a head on some prompts; ``pattern`` gives its attention when its queries, or its keys, are made from a
  residual stream that has been changed, everything else left as it was;
- ``normalised``: LayerNorm without gain, as in a model whose gains are folded into the weights;
- ``component_output``: what one component of a head writes.

It works for every model with the names of a TransformerBridge. New attention is computed from the old one: a query that
changes by dq adds dq . k / sqrt(d_head) to the scores, whatever else is in them (a bias on distance, a mask).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor


def normalised(x: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_model"]:
    """LayerNorm without gain and bias."""
    return torch.nn.functional.layer_norm(x, x.shape[-1:], eps=1e-5)


def component_output(
    z: Float[Tensor, "... d_head"], W_O: Float[Tensor, "d_head d_model"], write: Float[Tensor, " d_model"]
) -> Float[Tensor, "... d_model"]:
    """The part along the unit vector ``write`` of what a head writes; ``z`` is the head's value on ``hook_z``."""
    return (z @ (W_O @ write))[..., None] * write


class Mover:
    """Head ``head`` of layer ``layer`` on ``tokens`` [n, pos].

    ``resid`` [n, pos, d_model] is what its layer reads, ``clean`` [n, pos, pos] its attention, ``logits`` [n, vocab]
    those of the last position, ``z`` layer -> [n, pos, head, d_head] of the layers before it.
    """

    def __init__(self, model, tokens: Int[Tensor, "n pos"], layer: int, head: int) -> None:
        self.model, self.tokens, self.layer, self.head = model, tokens, layer, head
        names = [f"blocks.{layer}.attn.hook_{name}" for name in ("q", "k", "pattern")]
        names += [f"blocks.{layer}.hook_resid_pre", *(f"blocks.{i}.attn.hook_z" for i in range(layer))]
        with torch.no_grad():
            logits, cache = model.run_with_cache(tokens, names_filter=lambda name: name in names)
        self.logits = logits[:, -1]
        self.queries, self.keys = cache[names[0]][:, :, head], cache[names[1]][:, :, head]
        self.clean, self.resid = cache[names[2]][:, head], cache[names[3]]
        self.z = {i: cache[f"blocks.{i}.attn.hook_z"] for i in range(layer)}

    def pattern(self, queries_from: Tensor | None = None, keys_from: Tensor | None = None) -> Tensor:
        """Attention [n, pos, pos] with queries, or keys, made from another residual stream [n, pos, d_model]."""
        queries, keys = self.queries, self.keys
        if queries_from is not None:
            queries = queries + self._change(queries_from) @ self.model.W_Q[self.layer, self.head]
        if keys_from is not None:
            keys = keys + self._change(keys_from) @ self.model.W_K[self.layer, self.head]
        moved = queries @ keys.transpose(1, 2) - self.queries @ self.keys.transpose(1, 2)
        return (self.clean.log() + moved / math.sqrt(queries.shape[-1])).softmax(-1)

    def logits_with(self, pattern: Tensor) -> Float[Tensor, "n vocab"]:
        """Logits at the last position when the head attends by ``pattern`` [n, pos, pos] there."""

        def put(value: Tensor, hook: object) -> Tensor:
            value = value.clone()
            value[:, self.head, -1] = pattern[:, -1]
            return value

        hooks = [(f"blocks.{self.layer}.attn.hook_pattern", put)]
        with torch.no_grad():
            return self.model.run_with_hooks(self.tokens, fwd_hooks=hooks)[:, -1]

    def output(self, layer: int, head: int, write: Tensor) -> Float[Tensor, "n pos d_model"]:
        """What the component along ``write`` of an earlier head writes."""
        return component_output(self.z[layer][:, :, head], self.model.W_O[layer, head], write)

    def _change(self, resid: Tensor) -> Tensor:
        return normalised(resid) - normalised(self.resid)
