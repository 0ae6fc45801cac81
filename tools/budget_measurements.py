"""Measures on a CPU what chapter 09 says about it, and writes mechanisms/budgets/measurements/cpu.json.

- how far the predicted step is from a real accumulated one, for seven sizes of micro batch and many repetitions;
- what activation checkpointing saves and costs;
- what the free lunch's attention gains (eager against SDPA), for what a CPU can say about it;
- each with the mean and a 95% bootstrap interval over repetitions with new weights and data.

`python tools/budget_measurements.py` takes two minutes on an idle core, more on a busy one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from mechanisms.budgets.facts import MODELS, PAPER_POINTS
from mechanisms.budgets.flops import flops_per_sequence
from mechanisms.budgets.measure import matmul_peak, time_pieces, time_real_step
from mechanisms.budgets.settings import Settings, valid_settings
from mechanisms.budgets.trainer import PythiaTrainer, saved_bytes
from mechanisms.files import atomic_write

OUT = Path(__file__).resolve().parents[1] / "mechanisms" / "budgets" / "measurements" / "cpu.json"
SPEC = MODELS["pythia-nano"]
BATCH = 64
MICRO = (1, 2, 4, 8, 16, 32, 64)
BASE = Settings(attention="sdpa")


def interval(values: list[float], seed: int = 0) -> dict[str, float | int]:
    """Mean, 95% percentile bootstrap interval of the mean, and the number of repetitions."""
    drawn = np.random.default_rng(seed).choice(values, size=(4_000, len(values)))
    low, high = np.quantile(drawn.mean(1), [0.025, 0.975])
    return {"mean": statistics.mean(values), "low": float(low), "high": float(high), "n": len(values)}


def prediction_error(seed: int) -> list[float]:
    """Predicted over real step, minus 1, for each size of micro batch."""
    found = []
    for micro in MICRO:
        trainer = PythiaTrainer(SPEC, BASE, micro, device="cpu", seed=seed)
        pieces = time_pieces(trainer, warmup=2, timed=5)
        found.append(pieces.step(BATCH // micro) / time_real_step(trainer, BATCH // micro) - 1)
    return found


def micro_seconds(settings: Settings, seed: int) -> float:
    """The fastest of 15 micro batches of 8: whatever else runs on the machine only ever adds time."""
    trainer = PythiaTrainer(SPEC, settings, 8, device="cpu", seed=seed)
    return min(time_pieces(trainer, warmup=2, timed=15).accumulate)


def measure(repetitions: int) -> dict:
    """Everything, as plain data."""
    seeds = range(repetitions)
    errors = [prediction_error(seed) for seed in tqdm(seeds, desc="prediction")]
    on, eager = replace(BASE, checkpointing=True), replace(BASE, attention="eager")
    plain, checkpointed, written_out = [], [], []
    for seed in tqdm(seeds, desc="settings"):  # one after another, so that a busy machine slows all three
        plain.append(micro_seconds(BASE, seed))
        checkpointed.append(micro_seconds(on, seed))
        written_out.append(micro_seconds(eager, seed))
    kept = {name: saved_bytes(PythiaTrainer(SPEC, s, 8, device="cpu")) for name, s in (("off", BASE), ("on", on))}
    step = BATCH // 8 * statistics.median(plain)
    speed = flops_per_sequence(SPEC) * BATCH / step / 1e12
    a100 = PAPER_POINTS[0]
    return {
        "settings": {"one": len(valid_settings(1)), "several": len(valid_settings(4))},
        "fewer": 64 * 3 / (a100.n * a100.days),
        "prediction": {
            # one number for each repetition: sizes measured in one go are not independent
            "absolute_error": interval([statistics.mean(map(abs, row)) for row in errors]),
            "median_absolute_error": statistics.median(abs(value) for row in errors for value in row),
            "steps": sum(len(row) for row in errors),
            "share_within_25_percent": statistics.mean(abs(value) <= 0.25 for row in errors for value in row),
            "signed_error_by_micro": {str(m): interval([row[i] for row in errors]) for i, m in enumerate(MICRO)},
        },
        "checkpointing": {
            "time_ratio": interval([b / a for a, b in zip(plain, checkpointed, strict=True)]),
            "bytes": kept,
            "bytes_ratio": kept["on"] / kept["off"],
        },
        "eager_over_sdpa": interval([b / a for a, b in zip(plain, written_out, strict=True)]),
        "tflops": speed,
        "share_of_a_plain_matrix_product": speed / matmul_peak(torch.device("cpu")),
    }


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=12)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    torch.set_num_threads(1)
    report = {
        "command": f"python tools/budget_measurements.py --repetitions {options.repetitions}",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} {platform.machine()} cores shared with other work, 1 thread",
        "torch": torch.__version__,
        "model": SPEC.name,
        "batch": BATCH,
        **measure(options.repetitions),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(options.out, json.dumps(report, indent=1) + "\n")
    print(f"wrote {options.out.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
