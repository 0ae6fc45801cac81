"""The measurements that ship with the course, read from their files.

- ``on_cpu``: what ``tools/budget_measurements.py`` found on a CPU, for the page and the table of claims;
- ``on_gpu``: the rows of ``python -m mechanisms.budgets table``, or None while no GPU has been at hand.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "measurements"


def on_cpu() -> dict[str, Any]:
    """The report of the CPU measurements, with its command, date and machine."""
    return json.loads((FOLDER / "cpu.json").read_text("utf-8"))


def on_gpu() -> dict[str, Any] | None:
    """The GPU table, or None when it has not been measured yet."""
    path = FOLDER / "gpu.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else None
