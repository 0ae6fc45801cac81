"""The tool under torchrun: two gloo processes on the CPU, through Hugging Face Accelerate."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest

SAME_WEIGHTS = """
import json, sys
import torch
import torch.distributed as dist
from mechanisms.budgets.facts import MODELS
from mechanisms.budgets.settings import Settings
from mechanisms.budgets.trainer import PythiaTrainer

result = {}
for sharding in ("none", "zero_1", "fsdp_shard_grad_op", "fsdp_full_shard"):
    settings = Settings(attention="sdpa", sharding=sharding)
    trainer = PythiaTrainer(MODELS["pythia-nano"], settings, 2, seq=9, device="cpu")
    trainer.accumulate()
    trainer.accumulate(last=True)
    trainer.update()
    whole = [p.full_tensor() if hasattr(p, "full_tensor") else p.detach() for p in trainer.model.parameters()]
    mine = torch.stack([p.double().norm() for p in whole])
    everyones = [torch.zeros_like(mine) for _ in range(2)]
    dist.all_gather(everyones, mine)
    tokens = [torch.zeros_like(trainer.tokens) for _ in range(2)]
    dist.all_gather(tokens, trainer.tokens)
    same, same_tokens = torch.equal(*everyones), torch.equal(*tokens)
    result[sharding] = {"same": same, "tokens": same_tokens, "norms": mine.tolist()}
    result[sharding]["model"] = type(trainer.model).__name__
if dist.get_rank() == 0:
    open(sys.argv[1], "w").write(json.dumps(result))
dist.destroy_process_group()
"""

needs_accelerate = pytest.mark.skipif(
    importlib.util.find_spec("accelerate") is None, reason="accelerate is not installed"
)


def torchrun(*words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


@needs_accelerate
@pytest.mark.slow
@pytest.mark.parametrize("sharding", ["none", "fsdp_full_shard"])
def test_two_processes_measure_one_training(sharding, tmp_path):
    out = tmp_path / "report.json"
    words = ["-m", "mechanisms.budgets", "measure", "--device", "cpu", "--no-compile", "--batch", "16", "--seq", "17"]
    done = torchrun(
        *words, "--micro", "2", "--timed", "2", "--real-steps", "1", "--sharding", sharding, "--json", str(out)
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(out.read_text())
    assert report["processes"] == 2 and report["accumulation"] == 4 and len(report["exchange_seconds"]) == 2
    assert report["gpu_days"] == pytest.approx(2 * report["days"])
    assert done.stdout.count("tokens/s") == 1, "only the first process reports"


@needs_accelerate
@pytest.mark.slow
def test_both_processes_end_a_step_with_the_same_weights_whatever_is_sharded(tmp_path):
    """Each sees data of its own; plain data parallelism, ZeRO-1 and FSDP take the same step."""
    program = tmp_path / "same.py"
    program.write_text(SAME_WEIGHTS)
    out = tmp_path / "same.json"
    done = torchrun(str(program), str(out))
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(out.read_text())
    for sharding, one in found.items():
        assert one["same"] and not one["tokens"]
        assert one["model"].startswith("FSDP") == sharding.startswith("fsdp"), one["model"]
        assert one["norms"] == pytest.approx(found["none"]["norms"], rel=1e-5)
