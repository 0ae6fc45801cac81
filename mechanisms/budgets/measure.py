"""Measuring a training step on the device that is there.

- ``time_pieces``: micro batch, exchange of gradients and optimizer, each timed apart on a waited-for device;
- ``find_micro``: the largest micro batch that fits, by doubling;
- ``measure``: the whole report, with tokens per second, utilisation, days and dollars; optionally the prediction
  beside a real accumulated step;
- ``matmul_peak``: what a plain matrix product reaches here, for devices that no table lists.
"""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import torch

from mechanisms.budgets import plan
from mechanisms.budgets.facts import Gpu, ModelSpec, recognise_gpu
from mechanisms.budgets.flops import flops_per_sequence
from mechanisms.budgets.memory import fits
from mechanisms.budgets.settings import Settings
from mechanisms.budgets.trainer import PythiaTrainer
from mechanisms.errors import UsageError


@dataclass(frozen=True)
class Pieces:
    """Seconds of each timed piece. ``exchange``: how much longer the last micro batch of a step takes, because
    GPUs exchange gradients in it (empty on a single device)."""

    accumulate: list[float]
    update: list[float]
    exchange: list[float] = field(default_factory=list)

    def step(self, accumulation: int) -> float:
        """The predicted seconds of a step with so many micro batches."""
        extra = max(0.0, statistics.mean(self.exchange)) if self.exchange else 0.0
        return accumulation * statistics.mean(self.accumulate) + extra + statistics.mean(self.update)


def time_pieces(trainer: PythiaTrainer, warmup: int = 1, timed: int = 3) -> Pieces:
    """Time ``timed`` rounds after ``warmup`` discarded ones; one round is a micro batch and an update.

    On several devices a round has a second micro batch, in which gradients are exchanged.
    """
    found = Pieces([], [], [])
    for number in range(warmup + timed):
        accumulate = _timed(trainer, trainer.accumulate)
        exchange = _timed(trainer, lambda: trainer.accumulate(last=True)) - accumulate if trainer.world > 1 else None
        update = _timed(trainer, trainer.update)
        if number >= warmup:
            found.accumulate.append(accumulate)
            found.update.append(update)
            if exchange is not None:
                found.exchange.append(exchange)
    return found


def time_real_step(trainer: PythiaTrainer, accumulation: int) -> float:
    """Seconds of one real step: all its micro batches and one update, with nothing waited for in between."""

    def step() -> None:
        for number in range(accumulation):
            trainer.accumulate(last=number == accumulation - 1)
        trainer.update()

    return _timed(trainer, step)


def _timed(trainer: PythiaTrainer, work: Callable[[], Any]) -> float:
    trainer.synchronize()
    started = trainer.clock()
    work()
    trainer.synchronize()
    return trainer.clock() - started


def find_micro(trainer: PythiaTrainer, limit: int, budget_gb: float | None = None) -> int:
    """The largest power of two of sequences, at most ``limit``, with which a step fits; 0 when not even one does.

    On a GPU a step is tried. A CPU never refuses memory before it is too late, so there the memory model is asked.
    """
    best, micro = 0, 1
    while micro <= limit:
        if not _step_fits(trainer, micro, budget_gb):
            break
        best, micro = micro, 2 * micro
    return best


def _step_fits(trainer: PythiaTrainer, micro: int, budget_gb: float | None) -> bool:
    if trainer.device.type == "cpu":
        budget = physical_memory_gb() / 2 if budget_gb is None else budget_gb
        return fits(trainer.spec, micro, trainer.settings, budget, trainer.world, trainer.seq)
    fine = True
    try:
        trainer.use_micro(micro)
        trainer.accumulate(last=True)
        trainer.update()
        trainer.synchronize()
    except torch.OutOfMemoryError:
        fine = False
    if not fine:  # outside of the except block, in which the failed step's tensors are still held
        trainer.optimizer.zero_grad(set_to_none=True)
        gc.collect()
        torch.cuda.empty_cache()
    return _all_agree(trainer, fine)


def _all_agree(trainer: PythiaTrainer, fine: bool) -> bool:
    """Whether every process says yes."""
    if trainer.world == 1:
        return fine
    flag = torch.tensor(float(fine), device=trainer.device)
    torch.distributed.all_reduce(flag, op=torch.distributed.ReduceOp.MIN)
    return bool(flag.item())


def physical_memory_gb() -> float:
    """Memory of this computer in 10^9 bytes."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (ValueError, OSError, AttributeError):  # a platform that does not say
        return 8.0


def matmul_peak(device: torch.device, precision: str = "fp32", size: int = 1024, rounds: int = 5) -> float:
    """The best TFLOP/s of a square matrix product in this precision: a yardstick for devices without a known peak."""
    dtype = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(precision, torch.float32)
    one = torch.ones(size, size, dtype=dtype, device=device)
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        one @ one
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best / 1e12


@dataclass(frozen=True)
class Job:
    """What to measure. ``micro`` None: the largest that fits. ``real_steps``: how many real steps to time as well."""

    spec: ModelSpec
    settings: Settings
    batch: int
    steps: int
    seq: int
    micro: int | None = None
    device: str | None = None
    warmup: int = 1
    timed: int = 3
    real_steps: int = 0
    budget_gb: float | None = None
    gpu: Gpu | None = None


def measure(job: Job, tell: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Measure the job and return the report as plain data; every process of torchrun gets the same.

    ``tell`` gets a line at the beginning of each phase that may take minutes.

    Raises UsageError when it cannot run here or when not even one sequence fits.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    target = plan.accumulation_steps(job.batch, world, 1)
    search = replace(job.settings, compile=False)  # compiling for every size would take minutes
    micro = job.micro
    tell = tell or (lambda line: None)
    if micro is None:
        tell(f"Looking for the largest micro batch of {job.spec.name} that fits …")
        micro = find_micro(_trainer(job, search, 1), target, job.budget_gb)
        _free()
        if micro == 0:
            raise UsageError("Not even one sequence fits into memory with these settings.")
    settings = job.settings
    while True:
        compiling = ", compiling first" if settings.compile else ""
        tell(f"Timing micro batches of {micro}: {job.warmup} round(s) to warm up{compiling}, {job.timed} timed …")
        try:
            trainer = _trainer(job, settings, micro)
            pieces = time_pieces(trainer, job.warmup, job.timed)
            break
        except torch.OutOfMemoryError:
            if micro == 1 or job.micro is not None:
                raise UsageError(f"A micro batch of {micro} does not fit into memory with these settings.") from None
            micro //= 2
        except RuntimeError:  # the compiler found no way, or no C++ compiler: go on without it, as the paper does
            if not settings.compile:
                raise
            settings = replace(settings, compile=False)
            tell("The compiler found no way; going on without it.")
        trainer = None
        _free()
    accumulation = plan.accumulation_steps(job.batch, world, micro)
    trainer.reset_peak()
    if job.real_steps:
        tell(f"Timing {job.real_steps} real step(s) of {accumulation} micro batches …")
    real = [time_real_step(trainer, accumulation) for _ in range(job.real_steps)]
    if not real:  # a peak needs at least one whole step
        trainer.accumulate(last=True)
        trainer.update()
        trainer.synchronize()
    return _report(job, trainer, pieces, accumulation, real)


def _trainer(job: Job, settings: Settings, micro: int) -> PythiaTrainer:
    return PythiaTrainer(job.spec, settings, micro, job.seq, job.device)


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _report(job: Job, trainer: PythiaTrainer, pieces: Pieces, accumulation: int, real: list[float]) -> dict[str, Any]:
    on_gpu = trainer.device.type == "cuda"
    name = torch.cuda.get_device_name(trainer.device) if on_gpu else platform.processor() or platform.machine()
    gpu = job.gpu or (recognise_gpu(name) if on_gpu else None)
    step = pieces.step(accumulation)
    sequence = flops_per_sequence(job.spec, job.seq)
    speed = sequence * job.batch / step / 1e12
    peak = plan.peak_of(gpu, job.settings) if gpu else None
    days = plan.days_of(step, job.steps)
    dollars = plan.dollars_of(gpu, trainer.world) if gpu else None
    measured_peak = None if peak else matmul_peak(trainer.device, job.settings.precision) * trainer.world
    return {
        "model": job.spec.name,
        "parameters": job.spec.parameters,
        "device": name if on_gpu else "cpu",
        "threads": None if on_gpu else torch.get_num_threads(),
        "gpu": gpu.key if gpu else None,
        "processes": trainer.world,
        "settings": job.settings.to_dict(),
        "compiled": trainer.settings.compile,
        "batch": job.batch,
        "seq": job.seq,
        "steps": job.steps,
        "micro": trainer.micro,
        "accumulation": accumulation,
        "accumulate_seconds": pieces.accumulate,
        "exchange_seconds": pieces.exchange,
        "update_seconds": pieces.update,
        "step_seconds": step,
        "real_step_seconds": real,
        "relative_error": step / statistics.mean(real) - 1 if real else None,
        "tokens_per_second": job.batch * job.seq / step,
        "tflops": speed,
        "peak_tflops": peak * trainer.world if peak else measured_peak,
        "peak_source": "table" if peak else "a plain matrix product, measured here",
        "utilisation": speed / (peak * trainer.world if peak else measured_peak),
        "peak_memory_bytes": trainer.peak_memory(),
        "days": days,
        "gpu_days": days * trainer.world,
        "machine_dollars": dollars,
        "dollars_of_its_time": plan.price_of_time(dollars, days) if dollars else None,
        "torch": torch.__version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
