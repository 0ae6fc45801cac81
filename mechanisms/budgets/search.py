"""Running every valid setting, each in processes of its own so that none can spoil another.

- ``search``: naive and every valid setting for one model; a setting that cannot run says why;
- ``table_text``: the rows as text, fastest first;
- ``write_table``: the rows as JSON, with the command, the date and the device.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mechanisms.budgets.facts import ModelSpec
from mechanisms.budgets.parallel import missing
from mechanisms.budgets.settings import FREE_LUNCH, NAIVE, Settings, valid_settings
from mechanisms.files import atomic_write

LIMIT_SECONDS = 1_800


def candidates(n_gpus: int, precision: str, optimizer: str = "adam") -> dict[str, Settings]:
    """Name -> settings: "naive", then each valid memory-saving choice on top of the free lunch."""
    common = {"precision": precision, "optimizer": optimizer}
    valid = valid_settings(n_gpus, replace(FREE_LUNCH, **common))
    return {"naive": replace(NAIVE, **common), **{f"free lunch; {s.label}": s for s in valid}}


def search(
    spec: ModelSpec, precision: str, options: Namespace, progress: Callable[[str], None] = print
) -> list[dict[str, Any]]:
    """One row for each setting: {"name", "model", "report"} or {"name", "model", "skipped": why}."""
    rows = []
    for name, settings in candidates(options.gpus, precision, options.optimizer).items():
        if options.only and name not in options.only:
            continue
        row: dict[str, Any] = {"name": name, "model": spec.name}
        problem = missing(settings)
        if problem:
            row["skipped"] = problem
        else:
            row |= _run(spec, settings, options)
        rows.append(row)
        done = f"{row['report']['days']:.3g} days" if "report" in row else row["skipped"]
        progress(f"{spec.name}, {name}: {done}")
    return rows


def command_of(spec: ModelSpec, settings: Settings, options: Namespace, out: Path) -> list[str]:
    """The command that measures one setting."""
    command = [sys.executable, "-m"]
    if options.gpus > 1 or settings.sharding != "none":
        command += ["torch.distributed.run", "--standalone", "--nproc-per-node", str(options.gpus), "-m"]
    command += ["mechanisms.budgets", "measure", "--model", spec.name, "--json", str(out)]
    command += ["--batch", str(spec.batch), "--seq", str(spec.seq), "--steps", str(spec.steps)]
    command += ["--precision", settings.precision, "--optimizer", settings.optimizer, "--attention", settings.attention]
    command += ["--compile" if settings.compile else "--no-compile", "--tf32" if settings.tf32 else "--no-tf32"]
    command += ["--sharding", settings.sharding]
    command += ["--checkpointing"] * settings.checkpointing + ["--offloading"] * settings.offloading
    command += ["--warmup", str(options.warmup), "--timed", str(options.timed)]
    command += ["--real-steps", str(options.real_steps)]
    for flag in ("device", "threads", "memory_gb", "gpu"):
        value = getattr(options, flag)
        command += [f"--{flag.replace('_', '-')}", str(value)] if value is not None else []
    return command


def _run(spec: ModelSpec, settings: Settings, options: Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="mechanisms-") as folder:
        out = Path(folder) / "report.json"
        command = command_of(spec, settings, options, out)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            return {"skipped": f"it took more than {LIMIT_SECONDS // 60} minutes"}
        if out.exists():
            return {"report": json.loads(out.read_text("utf-8"))}
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["it ended without a report"]
        told = [line for line in lines if "does not fit" in line or "cannot run" in line or "fits into" in line]
        return {"skipped": (told or lines)[-1].strip()[:200]}


def table_text(spec: ModelSpec, rows: list[dict[str, Any]]) -> str:
    """The rows as lines, fastest first, what was skipped at the end; and how much the best gains on naive."""
    ran = sorted((row for row in rows if "report" in row), key=lambda row: row["report"]["days"])
    lines = [f"{spec.name}: days, utilisation, micro batch, peak memory, setting"]
    for row in ran:
        report = row["report"]
        memory = f"{report['peak_memory_bytes'] / 1e9:6.1f} GB" if report["peak_memory_bytes"] else "    —    "
        lines.append(
            f"  {report['days']:9.3g}  {report['utilisation']:6.1%}  {report['micro']:5d}  {memory}  {row['name']}"
        )
    lines += [f"  skipped: {row['name']} ({row['skipped']})" for row in rows if "skipped" in row]
    naive = next((row["report"]["days"] for row in ran if row["name"] == "naive"), None)
    if naive and ran:
        lines.append(f"  best against naive: {naive / ran[0]['report']['days']:.2f} times as fast")
    return "\n".join(lines)


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write the rows with what is needed to make them again."""
    devices = sorted({row["report"]["device"] for row in rows if "report" in row})
    content = {
        "command": "python -m mechanisms.budgets " + " ".join(sys.argv[1:]),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "devices": devices,
        "rows": rows,
    }
    atomic_write(path, json.dumps(content, indent=1) + "\n")
