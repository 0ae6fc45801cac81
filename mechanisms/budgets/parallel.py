"""Several GPUs, or a shard that is offloaded: the settings in the words of Hugging Face Accelerate.

- ``accelerator_options``: pure; which plugin with which arguments a setting asks for;
- ``make_accelerator`` and ``prepare``: the accelerator, and model and optimizer wrapped by it;
- ZeRO stages go through DeepSpeed, as in the paper, where it is installed; ``zero_1`` without offloading also
  works without it, through torch's own ZeroRedundancyOptimizer;
- the two FSDP settings are torch's ``fully_shard``: on GPUs through Accelerate; on CPUs, where Accelerate would
  quietly fall back to plain data parallelism, called directly.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import torch

from mechanisms.budgets.facts import ModelSpec
from mechanisms.budgets.settings import Settings
from mechanisms.errors import UsageError

CLIP = 1.0


def accelerator_options(settings: Settings, micro: int) -> dict[str, Any]:
    """{"plugin": "ddp", "zero_redundancy", "deepspeed" or "fsdp", and that plugin's arguments under "arguments"}."""
    if settings.sharding == "none":
        return {"plugin": "ddp", "arguments": {}}
    if settings.sharding.startswith("zero_"):
        if settings.sharding == "zero_1" and not settings.offloading and not _installed("deepspeed"):
            return {"plugin": "zero_redundancy", "arguments": {}}
        stage = int(settings.sharding[-1])
        place = "cpu" if settings.offloading else "none"
        arguments = {
            "zero_stage": stage,
            "gradient_clipping": CLIP,
            "offload_optimizer_device": place,
            "offload_param_device": place if stage == 3 else "none",
        }
        return {"plugin": "deepspeed", "arguments": arguments}
    arguments = {
        "fsdp_version": 2,
        "reshard_after_forward": settings.sharding == "fsdp_full_shard",
        "cpu_offload": settings.offloading,
        "auto_wrap_policy": "transformer_based_wrap",
        "transformer_cls_names_to_wrap": ["GPTNeoXLayer"],
    }
    return {"plugin": "fsdp", "arguments": arguments}


def missing(settings: Settings, micro: int = 1) -> str:
    """What stands in the way of a setting on this machine, in a few words; empty when nothing does."""
    if settings.sharding != "none" and not _installed("accelerate"):
        return "accelerate is not installed"
    if accelerator_options(settings, micro)["plugin"] == "deepspeed" and not _installed("deepspeed"):
        return "deepspeed is not installed"
    if settings.optimizer == "adam8bit" and not _installed("bitsandbytes"):
        return "bitsandbytes is not installed"
    return ""


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def make_accelerator(settings: Settings, micro: int, cpu: bool = False):
    """The Accelerator of the settings. Raises UsageError when a package it needs is not installed."""
    problem = missing(settings, micro)
    if problem or not _installed("accelerate"):
        raise UsageError(f"The setting '{settings.label}' cannot run here: {problem or 'accelerate is not installed'}.")
    from accelerate import Accelerator

    options = accelerator_options(settings, micro)
    plugins: dict[str, Any] = {}
    if options["plugin"] == "deepspeed":
        from accelerate import DeepSpeedPlugin

        plugins["deepspeed_plugin"] = DeepSpeedPlugin(**options["arguments"])
    elif options["plugin"] == "fsdp":
        from accelerate import FullyShardedDataParallelPlugin

        plugins["fsdp_plugin"] = FullyShardedDataParallelPlugin(**options["arguments"])
    on_cpu = cpu or not torch.cuda.is_available()
    if on_cpu and options["plugin"] == "fsdp":
        plugins = {}
    half = {"fp32": "no"}.get(settings.precision, settings.precision)
    accelerator = Accelerator(mixed_precision=half, cpu=on_cpu, **plugins)
    wanted = {"deepspeed": "DEEPSPEED", "fsdp": "FSDP"}.get(options["plugin"], "")
    if wanted and not on_cpu and accelerator.distributed_type != wanted:
        raise UsageError(f"The setting '{settings.label}' must be started by torchrun, also on one GPU.")
    if options["plugin"] == "deepspeed":
        # Accelerate fills in a batch size from a data loader, and there is none here.
        accelerator.state.deepspeed_plugin.deepspeed_config["train_micro_batch_size_per_gpu"] = micro
    return accelerator


def prepare(accelerator, model: torch.nn.Module, spec: ModelSpec, settings: Settings):
    """Model and optimizer as the accelerator wraps them."""
    from mechanisms.budgets.trainer import make_optimizer

    if settings.compile:
        model.compile()
    if accelerator_options(settings, 1)["plugin"] == "zero_redundancy":
        from torch.distributed.optim import ZeroRedundancyOptimizer

        wrapped = accelerator.prepare(model)
        optimizer = ZeroRedundancyOptimizer(
            wrapped.parameters(),
            optimizer_class=torch.optim.Adam,
            lr=spec.learning_rate,
            betas=(0.9, 0.95),
            eps=1e-8,
            weight_decay=0.01,
        )
        return wrapped, optimizer
    if accelerator.device.type == "cpu" and settings.sharding.startswith("fsdp_"):
        return _fully_sharded_on_cpu(model, spec, settings)
    optimizer = make_optimizer(model.parameters(), spec, settings.optimizer)
    return accelerator.prepare(model, optimizer)


def _fully_sharded_on_cpu(model: torch.nn.Module, spec: ModelSpec, settings: Settings):
    from torch.distributed.fsdp import fully_shard

    from mechanisms.budgets.trainer import make_optimizer

    reshard = settings.sharding == "fsdp_full_shard"
    for layer in model.gpt_neox.layers:
        fully_shard(layer, reshard_after_forward=reshard)
    fully_shard(model, reshard_after_forward=reshard)
    return model, make_optimizer(model.parameters(), spec, settings.optimizer)
