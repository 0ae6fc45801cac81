"""A planted channel: three heads whose conversation is known exactly, because it was written into their weights.

- ``plant``: a writer with one component that the reader's query reads, among louder ones that it hardly reads; and a
  loud head that talks to nobody;
- the truth (which component, through which side) comes along, so that a score can be judged.

Weights have TransformerLens' shapes: W_Q, W_K, W_V [d_model, d_head], W_O [d_head, d_model]. Nothing is trained.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Planted:
    """``heads``: the weights of "writer", "loud" and "reader"; ``component``: the writer's component that is read, by
    strength from 0; ``write`` [d_model]: its direction."""

    heads: dict[str, dict[str, Float[Tensor, "rows columns"]]]
    component: int
    write: Float[Tensor, " d_model"]


def plant(seed: int, d_model: int = 64, d_head: int = 8, weak: float = 0.1, overlap: float = 0.2) -> Planted:
    """Draws the three heads. The planted component is the writer's weakest, ``weak`` times as strong as the others.

    The reader's query reads the planted direction and, apart from it, a random subspace. The loud head writes along
    the reader's subspace with ``overlap`` in every component, so that its whole-head score is the higher one.
    Raises ValueError if d_head is larger than d_model / 4.
    """
    if 4 * d_head > d_model:
        raise ValueError(f"d_head {d_head} is too large for d_model {d_model}: the subspaces need room.")
    generator = torch.Generator().manual_seed(seed)

    def basis(columns: int) -> Tensor:
        return torch.linalg.qr(torch.randn(d_model, columns, generator=generator, dtype=torch.float64))[0]

    axes = basis(4 * d_head)
    read, quiet, spare, source = axes.split(d_head, dim=1)
    strengths = torch.linspace(1.3, 1.0, d_head, dtype=torch.float64)
    strengths[-1] = weak
    writes = quiet.T.clone()
    writes[-1] = read[:, 0]
    sharpness = torch.ones(d_head, dtype=torch.float64)
    sharpness[0] = 2.0  # the reader listens most to the planted direction
    loud = overlap * read.T + (1 - overlap**2) ** 0.5 * spare.T

    def head(query: Tensor, write: Tensor, strength: Tensor) -> dict[str, Tensor]:
        return {"W_Q": query, "W_K": source, "W_V": basis(d_head) * strength, "W_O": write}

    ones = torch.ones(d_head, dtype=torch.float64)
    heads = {
        "writer": head(basis(d_head), writes, strengths),
        "loud": head(basis(d_head), loud, ones),
        "reader": head(read * sharpness, spare.T, ones),
    }
    return Planted(heads, d_head - 1, writes[-1])
