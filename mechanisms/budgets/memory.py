"""How much memory training takes: a model on paper, in bytes, for asking what would fit where nothing can be tried.

- ``memory_parts``: weights, gradients, Adam's state, activations and logits of one GPU, under the settings;
- ``fits``: whether they stay within a budget.

It is a rule of thumb (see the constants), good enough to rank settings. On a GPU the measuring tool tries instead.
"""

from __future__ import annotations

from mechanisms.budgets.facts import ModelSpec
from mechanisms.budgets.settings import Settings

WEIGHT, GRADIENT, ADAM = 4, 4, 8  # bytes a parameter: float32 weights and gradients, two float32 moments
KEPT = 34  # bytes a token and unit of width that a layer keeps for its backward pass, in half precision
SCORES = 5  # bytes for each entry of an attention pattern that is written out (eager attention)
BOUNDARY = 2  # bytes a token and unit of width that a checkpointed layer keeps: its input
LOGIT = 10  # bytes for each logit: half precision, a float32 copy for the loss, and its gradient
RESERVED = 10**9  # the driver's context, and what the allocator cannot use
STAGE = {"none": 0, "zero_1": 1, "zero_2": 2, "zero_3": 3, "fsdp_shard_grad_op": 2, "fsdp_full_shard": 3}


def memory_parts(
    spec: ModelSpec, micro: int, settings: Settings, n_gpus: int = 1, seq: int | None = None
) -> dict[str, float]:
    """Bytes on one GPU for {"weights", "gradients", "optimizer", "activations", "logits", "reserved"}.

    Sharding divides the optimizer's state (stage 1), also the gradients (2), also the weights (3) by ``n_gpus``;
    offloading moves the optimizer's state, and in stage 3 the weights, to the host.
    """
    seq, stage = seq or spec.seq, STAGE[settings.sharding]
    kind = 1 if settings.precision in ("fp16", "bf16") else 2
    layer = seq * spec.d_model * KEPT * kind
    if settings.attention == "eager":
        layer += SCORES * kind * spec.n_heads * seq**2
    if settings.checkpointing:
        kept = spec.n_layers * seq * spec.d_model * BOUNDARY * kind + layer  # one layer at a time is computed again
    else:
        kept = spec.n_layers * layer
    adam = {"adam": ADAM, "adam8bit": 2}[settings.optimizer]
    host = settings.offloading
    return {
        "weights": 0.0 if host and stage == 3 else spec.parameters * WEIGHT / (n_gpus if stage == 3 else 1),
        "gradients": spec.parameters * GRADIENT / (n_gpus if stage >= 2 else 1),
        "optimizer": 0.0 if host else spec.parameters * adam / (n_gpus if stage >= 1 else 1),
        "activations": float(micro * kept),
        "logits": float(micro * seq * spec.vocab * LOGIT),
        "reserved": float(RESERVED),
    }


def fits(
    spec: ModelSpec, micro: int, settings: Settings, budget_gb: float, n_gpus: int = 1, seq: int | None = None
) -> bool:
    """Whether the memory model stays within ``budget_gb`` (10^9 bytes)."""
    return sum(memory_parts(spec, micro, settings, n_gpus, seq).values()) <= budget_gb * 1e9
