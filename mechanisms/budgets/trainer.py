"""A Pythia in training, taken apart into the pieces that are timed.

- ``build_model``: a GPT-NeoX of a given shape with random weights (their values do not change the time);
- ``PythiaTrainer``: ``accumulate()``, ``update()``, ``synchronize()`` and ``clock()``, on a CPU or a GPU, on one
  device or, started by torchrun, on several through Hugging Face Accelerate;
- ``saved_bytes``: what the forward pass keeps for the backward pass, which checkpointing reduces.

The data are random tokens that already lie on the device: reading data is not measured, as in the paper.
"""

from __future__ import annotations

import contextlib
import os
import time

import torch

from mechanisms.budgets.facts import ModelSpec
from mechanisms.budgets.settings import Settings
from mechanisms.errors import UsageError

BATCHES = 4
HALF = {"fp16": torch.float16, "bf16": torch.bfloat16}


def build_model(spec: ModelSpec, attention: str = "sdpa", device: str = "cpu", seed: int = 0) -> torch.nn.Module:
    """A randomly initialised GPTNeoXForCausalLM in float32, in training mode, without dropout."""
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    config = GPTNeoXConfig(
        vocab_size=spec.vocab,
        hidden_size=spec.d_model,
        num_hidden_layers=spec.n_layers,
        num_attention_heads=spec.n_heads,
        intermediate_size=spec.d_ff,
        max_position_embeddings=max(2048, spec.seq),
        use_cache=False,
        attn_implementation=attention,
    )
    torch.manual_seed(seed)
    with torch.device(device):
        return GPTNeoXForCausalLM(config).train()


def make_optimizer(parameters, spec: ModelSpec, name: str, fused: bool = False) -> torch.optim.Optimizer:
    """Adam with the recipe's settings, or its 8-bit version. Raises UsageError where bitsandbytes is not installed."""
    options = {"lr": spec.learning_rate, "betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": 0.01}
    if name == "adam8bit":
        try:
            from bitsandbytes.optim import Adam8bit
        except ImportError:
            raise UsageError("The optimizer adam8bit needs bitsandbytes: pip install bitsandbytes.") from None
        return Adam8bit(parameters, **options)
    return torch.optim.Adam(parameters, fused=fused, **options)


class PythiaTrainer:
    """One model, its optimizer and ``micro`` sequences at a time; see the module's docstring for the four pieces."""

    def __init__(
        self,
        spec: ModelSpec,
        settings: Settings,
        micro: int,
        seq: int | None = None,
        device: str | None = None,
        seed: int = 0,
    ) -> None:
        """``micro``: sequences per micro batch; ``seq``: tokens in each (default: the recipe's).

        Raises UsageError for settings that this machine cannot run, torch.OutOfMemoryError when it does not fit.
        """
        self.spec, self.settings, self.micro, self.seq = spec, settings, micro, seq or spec.seq
        world = int(os.environ.get("WORLD_SIZE", "1"))
        self.accelerator = None
        if world > 1 or settings.sharding != "none":
            from mechanisms.budgets.parallel import make_accelerator

            self.accelerator = make_accelerator(settings, micro, cpu=device == "cpu")
            self.device = self.accelerator.device
        else:
            self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.world = world
        self._refuse()
        torch.set_float32_matmul_precision("high" if settings.tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = settings.tf32
        self._build(seed)

    def _refuse(self) -> None:
        """Raise UsageError for what this device cannot do."""
        if self.settings.precision == "bf16" and self.device.type == "cuda" and not torch.cuda.is_bf16_supported(False):
            raise UsageError("This GPU has no bf16 (it is older than Ampere): use --precision fp16.")
        if self.settings.precision == "fp16" and self.device.type == "cpu":
            raise UsageError("Training in fp16 needs a GPU: use --precision fp32 or bf16 on a CPU.")

    def _build(self, seed: int) -> None:
        model = build_model(self.spec, self.settings.attention, seed=seed)
        if self.settings.checkpointing:
            # the method's name since transformers 5 is the first one
            enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
            enable({"use_reentrant": False})
        if self.accelerator is None:
            model = model.to(self.device)
            self.raw = model
            self.model = torch.compile(model) if self.settings.compile else model
            self.optimizer = make_optimizer(
                model.parameters(), self.spec, self.settings.optimizer, self.device.type == "cuda"
            )
            scaled = self.settings.precision == "fp16" and self.device.type == "cuda"
            self.scaler = torch.amp.GradScaler(self.device.type, enabled=scaled)
        else:
            from mechanisms.budgets.parallel import prepare

            self.raw = model
            self.model, self.optimizer = prepare(self.accelerator, model, self.spec, self.settings)
        self.use_micro(self.micro, seed)

    def use_micro(self, micro: int, seed: int = 0) -> None:
        """Go on with micro batches of another size; every GPU draws sequences of its own."""
        rank = int(os.environ.get("RANK", "0"))
        generator = torch.Generator().manual_seed(1_000 * seed + rank)
        tokens = torch.randint(self.spec.vocab, (BATCHES, micro, self.seq), generator=generator)
        self.micro, self.tokens, self.count = micro, tokens.to(self.device), 0

    def accumulate(self, last: bool = False) -> None:
        """Queue forward and backward pass of one micro batch. ``last``: GPUs exchange their gradients in this one."""
        tokens = self.tokens[self.count % BATCHES]
        self.count += 1
        if self.accelerator is None:
            with self._autocast():
                loss = self.model(input_ids=tokens, labels=tokens).loss
            self.scaler.scale(loss).backward()
            return
        alone = contextlib.nullcontext() if last else self.accelerator.no_sync(self.model)
        with alone:
            loss = self.model(input_ids=tokens, labels=tokens).loss
            self.accelerator.backward(loss)

    def update(self) -> None:
        """Queue gradient clipping, the optimizer's step and the removal of the gradients."""
        if self.accelerator is None:
            self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.raw.parameters(), 1.0)
            self.scaler.step(self.optimizer)
            self.scaler.update()
        else:
            self.accelerator.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def synchronize(self) -> None:
        """Wait until the device has done everything that was queued (a CPU already has)."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def clock(self) -> float:
        """Seconds on a clock that only goes forward."""
        return time.perf_counter()

    def peak_memory(self) -> int | None:
        """The most bytes that tensors took on the GPU since ``reset_peak``; None on a CPU."""
        return torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else None

    def reset_peak(self) -> None:
        """Forget the peak so far."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)

    def _autocast(self):
        half = HALF.get(self.settings.precision)
        return torch.autocast(self.device.type, dtype=half) if half else contextlib.nullcontext()


def saved_bytes(trainer: PythiaTrainer) -> int:
    """Bytes that one forward pass keeps for its backward pass, without the weights, on a single device."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in trainer.raw.parameters()}
    seen: dict[int, int] = {}
    kept = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            seen[storage.data_ptr()] = storage.nbytes()
        kept.append(tensor)
        return tensor

    tokens = trainer.tokens[0]
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), trainer._autocast():
        trainer.model(input_ids=tokens, labels=tokens)
    return sum(seen.values())
