"""What the nine functions promise beyond the cases of their checks; they and the package agree."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from autograder.specs.ch09 import CHAPTER
from mechanisms.budgets import plan
from mechanisms.budgets.facts import GPUS, MODELS, ORIGINAL_RUNS, PAPER_POINTS
from mechanisms.budgets.fake import FakeMemory, FakeTrainer
from mechanisms.budgets.flops import flops_per_sequence
from mechanisms.budgets.settings import valid_settings
from mechanisms.budgets.trainer import PythiaTrainer, Settings


def test_the_notebook_says_how_many_points_there_are():
    text = (Path(__file__).resolve().parents[2] / "solutions" / f"{CHAPTER.slug}.py").read_text("utf-8")
    points = sum(group.points for exercise in CHAPTER.exercises for group in exercise.groups)
    assert [int(found) for found in re.findall(r"minutes, (\d+) points", text)] == [points]
    assert len(CHAPTER.exercises) == 9 and "Nine short exercises" in text


def test_the_search_space_has_12_and_22_settings(solution):
    for n, count in {1: 12, 2: 22, 4: 22, 8: 22}.items():
        found = solution["enumerate_settings"](n, 1024, "bf16", True, solution["SHARDING"])
        ours = [{k: getattr(s, k) for k in ("checkpointing", "sharding", "offloading")} for s in valid_settings(n)]
        assert found == ours and len(found) == count


def test_the_abstracts_factor_is_2_73(solution):
    a100 = next(point for point in PAPER_POINTS if point.gpu == "a100")
    step = a100.days * 86_400 / 143_000
    found = solution["training_time"](step, 143_000, a100.n, *ORIGINAL_RUNS["pythia-1b"])
    assert found["days"] == pytest.approx(17.571102) and found["gpu_days"] == pytest.approx(70.284408)
    assert 2.6 < found["fewer"] < 2.8 and found["fewer"] == pytest.approx(2.7317581)


def test_the_titles_prices(solution):
    assert solution["hardware_cost"](4, 30_000, 8.0)["machine"] == 127_500
    assert solution["hardware_cost"](2, 1_300, 108.0)["machine"] == 4_100


@pytest.mark.parametrize("name", MODELS)
def test_the_students_flops_are_the_packages(solution, name):
    spec = MODELS[name]
    shape = (spec.n_layers, spec.d_model, spec.d_ff, spec.vocab, spec.seq)
    assert solution["training_flops"](*shape) == flops_per_sequence(spec)


def test_the_published_days_would_mean_an_impossible_utilisation(solution):
    """The chapter's page says 99%, 90%, 142% and 36%."""
    spec, shares = MODELS["pythia-1b"], []
    for gpu, n, days in [*((p.gpu, p.n, p.days) for p in PAPER_POINTS), ("a100", *ORIGINAL_RUNS["pythia-1b"])]:
        peaks = {"half": GPUS[gpu].half, "tf32": GPUS[gpu].tf32}
        run = (flops_per_sequence(spec), spec.batch, spec.steps, n, peaks, "bf16", days)
        shares.append(solution["utilisation"](*run)["utilisation"])
        assert shares[-1] == pytest.approx(plan.analytic_days(spec, GPUS[gpu].half, n) / days)
    assert [round(share, 2) for share in shares] == [0.99, 0.90, 1.42, 0.36]


@pytest.mark.parametrize(
    ("fits", "limit", "expected"), [(20, 256, 16), (16, 256, 16), (0, 8, 0), (99, 24, 16), (9, 1, 1)]
)
def test_the_largest_micro_batch(solution, fits, limit, expected):
    memory = FakeMemory(budget=fits, fixed=0, each=1)
    assert solution["largest_micro_batch"](memory.try_step, limit) == expected
    assert len(memory.tried) <= 6 and max(memory.tried) <= limit


def test_a_loop_without_end_is_ended():
    memory = FakeMemory(budget=1e30, fixed=0, each=1)
    with pytest.raises(RuntimeError, match="does your loop ever end"):
        for _ in range(1_000):
            memory.try_step(1)


def test_times_on_the_fake_clock_are_exact(solution):
    trainer = FakeTrainer([9.0, 0.5, 0.7, 0.1, 0.2, 0.3], [4.0, 0.25, 0.35, 0.05])
    found = solution["time_training"](trainer, accumulation=3, warmup=1, timed=2)
    assert found["accumulate"] == pytest.approx([0.5, 0.7]) and found["update"] == pytest.approx([0.25, 0.35])
    assert found["real_step"] == pytest.approx(0.1 + 0.2 + 0.3 + 0.05)
    assert trainer.calls.count("update") == 4 and trainer.calls.count("accumulate") == 6


def test_the_same_function_times_a_real_pythia(solution):
    trainer = PythiaTrainer(MODELS["pythia-nano"], Settings(attention="sdpa"), 2, seq=17, device="cpu")
    found = solution["time_training"](trainer, accumulation=2, warmup=1, timed=2)
    assert len(found["accumulate"]) == len(found["update"]) == 2
    assert all(seconds > 0 for seconds in [*found["accumulate"], *found["update"], found["real_step"]])


def test_the_frontier_agrees_with_a_plain_definition(solution):
    rng = np.random.default_rng(0)
    for _ in range(20):
        points = rng.integers(0, 6, size=(12, 2)).tolist()
        wanted = [
            i for i, (x, y) in enumerate(points) if not any(a <= x and b <= y and (a, b) != (x, y) for a, b in points)
        ]
        columns = torch.tensor(points, dtype=torch.float32).T
        assert solution["pareto_frontier"](*columns) == wanted
