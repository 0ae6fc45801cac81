"""How a training run may be set up: the paper's space of settings, and the switches of the measuring tool.

- ``Settings``: one choice of every switch;
- ``valid_settings``: the memory-saving choices that make sense on so many GPUs, 12 on one and 22 on several;
- ``NAIVE`` and ``FREE_LUNCH``: everything off, and the bundle that costs no memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

SHARDING = ("none", "zero_1", "zero_2", "zero_3", "fsdp_shard_grad_op", "fsdp_full_shard")
PRECISIONS = ("fp32", "fp16", "bf16")
OPTIMIZERS = ("adam", "adam8bit")


@dataclass(frozen=True)
class Settings:
    """``compile``, ``attention`` ("eager" or "sdpa") and ``tf32`` are the free lunch; the next three save memory.

    ``precision`` follows the model's recipe and belongs to neither; "adam8bit" needs bitsandbytes.
    """

    compile: bool = False
    attention: str = "eager"
    tf32: bool = False
    checkpointing: bool = False
    sharding: str = "none"
    offloading: bool = False
    precision: str = "fp32"
    optimizer: str = "adam"

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain data."""
        return asdict(self)

    @property
    def label(self) -> str:
        """The memory-saving choices in a few words, such as "checkpointing, zero_1, offloading"."""
        words = [
            "checkpointing" * self.checkpointing,
            self.sharding * (self.sharding != "none"),
            "offloading" * self.offloading,
        ]
        return ", ".join(word for word in words if word) or "none of them"


NAIVE = Settings()
FREE_LUNCH = Settings(compile=True, attention="sdpa", tf32=True)


def valid_settings(n_gpus: int, base: Settings = FREE_LUNCH) -> list[Settings]:
    """Every memory-saving choice that makes sense on ``n_gpus`` GPUs of one machine, on top of ``base``."""
    return list(_valid(n_gpus, base))


def _valid(n_gpus: int, base: Settings) -> Iterator[Settings]:
    for checkpointing in (False, True):
        for sharding in SHARDING:
            for offloading in (False, True):
                if offloading and sharding == "none":
                    continue  # what is offloaded is the shard
                if n_gpus == 1 and sharding != "none" and not offloading:
                    continue  # with one GPU the shard is the whole
                yield replace(base, checkpointing=checkpointing, sharding=sharding, offloading=offloading)
