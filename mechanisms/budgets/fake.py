"""Machines that exist on paper only, so that timing and searching can be checked to the last digit.

- ``FakeTrainer``: the interface of a trainer on a device that works through a queue, with a clock of its own;
- ``FakeMemory``: a step that runs out of memory beyond a size, and writes down what was tried;
- ``seconds_on_paper``: micro batch and update of a real Pythia on a made-up machine, to rehearse a search.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from mechanisms.budgets.facts import Gpu, ModelSpec
from mechanisms.budgets.flops import flops_per_sequence
from mechanisms.budgets.memory import STAGE
from mechanisms.budgets.settings import Settings


class FakeTrainer:
    """A device that returns from a call before the work is done, as a GPU does.

    The i-th call of ``accumulate`` takes ``accumulate_seconds[i]`` of the device's time, the i-th ``update``
    ``update_seconds[i]``; the last number is used again when the list is at its end. Queuing takes the host
    ``queue_seconds``, in which the device goes on with what it has: whoever waits in between pays it every time.
    """

    def __init__(
        self, accumulate_seconds: Sequence[float], update_seconds: Sequence[float], queue_seconds: float = 0.0
    ) -> None:
        self._queue_seconds = queue_seconds
        self._seconds = {"accumulate": list(accumulate_seconds), "update": list(update_seconds)}
        self._now = 100.0
        self._free_at = self._now
        self.calls: list[str] = []

    def _queue(self, what: str) -> None:
        seconds = self._seconds[what]
        done = self.calls.count(what)
        self._now += self._queue_seconds
        self._free_at = max(self._free_at, self._now) + seconds[min(done, len(seconds) - 1)]
        self.calls.append(what)

    def accumulate(self) -> None:
        """Queue forward and backward pass of one micro batch; returns at once."""
        self._queue("accumulate")

    def update(self) -> None:
        """Queue the optimizer's work; returns at once."""
        self._queue("update")

    def synchronize(self) -> None:
        """Wait until the device has done everything that was queued."""
        self._now = max(self._now, self._free_at)

    def clock(self) -> float:
        """Seconds on the host's clock. It moves only while somebody waits or queues."""
        return self._now


class FakeMemory:
    """``try_step(micro)`` succeeds while ``fixed + micro * each <= budget`` and raises torch.OutOfMemoryError beyond.

    ``broken``: from this size on it raises a RuntimeError, as a wrong shape would. ``tried`` lists the sizes.
    """

    PATIENCE = 200

    def __init__(self, budget: float, fixed: float, each: float, broken: int | None = None) -> None:
        self.budget, self.fixed, self.each, self.broken = budget, fixed, each, broken
        self.tried: list[int] = []

    def try_step(self, micro: int) -> None:
        """One training step with ``micro`` sequences. Raises as the class says, RuntimeError after too many tries."""
        self.tried.append(micro)
        if len(self.tried) > self.PATIENCE:
            raise RuntimeError("try_step was called 200 times: does your loop ever end?")
        if self.broken is not None and micro >= self.broken:
            raise RuntimeError(f"the model does not work with {micro} sequences, which has nothing to do with memory")
        if self.fixed + micro * self.each > self.budget:
            raise torch.OutOfMemoryError(f"out of memory with {micro} sequences")


# The machine on paper: made-up but plausible constants, of which only the order of magnitude matters.
EFFICIENCY = 0.5  # share of the peak that large micro batches reach
HALF_WAY = 1.0  # micro batch at which half of that is reached
RECOMPUTE = 4 / 3  # checkpointing repeats the forward pass, a third of the work
HBM, LINK, HOST = 1.5e12, 1.0e11, 1.0e10  # bytes a second: GPU memory, between GPUs, to the host's memory


def seconds_on_paper(spec: ModelSpec, settings: Settings, gpu: Gpu, n_gpus: int, micro: int) -> tuple[float, float]:
    """Seconds of one micro batch and of one update on a machine that exists on paper only.

    For rehearsing a search without GPUs; no number of it is a measurement.
    """
    stage = STAGE[settings.sharding]
    work = micro * flops_per_sequence(spec) * (RECOMPUTE if settings.checkpointing else 1.0)
    accumulate = work / (gpu.half * 1e12 * EFFICIENCY * micro / (micro + HALF_WAY))
    share = spec.parameters / (n_gpus if stage else 1)
    update = 28 * share / HBM + 2 * 4 * spec.parameters * (n_gpus - 1) / n_gpus / LINK
    if stage == 3:
        accumulate += 2 * 2 * spec.parameters * (n_gpus - 1) / n_gpus / LINK
    if settings.offloading:
        update += 2 * 12 * share / HOST
        accumulate += 2 * 2 * share / HOST if stage == 3 else 0.0
    return accumulate, update
