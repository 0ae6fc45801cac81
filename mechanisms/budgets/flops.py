"""How many floating-point operations training takes.

- ``flops_per_sequence``: matrix products of forward and backward pass, from the shapes alone;
- ``count_flops``: the same, counted by PyTorch while a model of that shape runs on the meta device, without memory.
"""

from __future__ import annotations

import torch

from mechanisms.budgets.facts import ModelSpec


def flops_per_sequence(spec: ModelSpec, seq: int | None = None) -> int:
    """Operations of one sequence's forward and backward pass; a multiplication and an addition count as two.

    Attention is counted in full, without use of the causal mask, as PyTorch's counter does.
    """
    seq = seq or spec.seq
    matrices = 4 * spec.d_model**2 + 2 * spec.d_model * spec.d_ff
    layer = 2 * seq * matrices + 4 * seq**2 * spec.d_model
    return 3 * (spec.n_layers * layer + 2 * seq * spec.d_model * spec.vocab)


def count_flops(spec: ModelSpec, seq: int | None = None) -> int:
    """What torch's FlopCounterMode counts in one sequence's forward and backward pass."""
    from torch.utils.flop_counter import FlopCounterMode

    from mechanisms.budgets.trainer import build_model

    model = build_model(spec, attention="eager", device="meta")
    seq = seq or spec.seq
    tokens = torch.zeros(1, seq, dtype=torch.long, device="meta")
    mask = torch.zeros(
        1, 1, seq, seq, device="meta"
    )  # ready-made: making one would look at values, of which meta has none
    with FlopCounterMode(display=False) as counter:
        model(input_ids=tokens, attention_mask=mask, labels=tokens).loss.backward()
    return counter.get_total_flops()
