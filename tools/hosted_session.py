"""Runs the notebooks' setup cell in this Python, as a hosted session would, and looks whether it replaced anything.

- to be run where torch, numpy and transformers are installed and the course is not, as on Colab;
- the course comes from this checkout instead of its address, the rest from the package index;
- ends with 1 and one line for each thing that is wrong: a library that changed, more than a minute, no working check.
"""

from __future__ import annotations

import subprocess
import sys
import time
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT_SECONDS = 60
USE = """
from mechanisms.check.api import check
from mechanisms.errors import CheckFailed
def step_time(accumulate_seconds, update_seconds, batch, n_gpus, micro, warmup):
    raise NotImplementedError
try:
    check(step_time)
except CheckFailed as error:
    print(error)
print(doctor())
"""


def versions() -> dict[str, str]:
    """Every installed library and its version."""
    return {one.metadata["Name"].lower(): one.version for one in distributions()}


def setup_cell() -> str:
    """The cell as it is handed out, with this checkout in place of the course's address."""
    # Read from the source: the course is not installed yet.
    sys.path.insert(0, str(ROOT))
    from autograder.build.setup_cell import setup_text
    from mechanisms import address

    sys.path.remove(str(ROOT))
    return setup_text().replace(address.requirement(), str(ROOT))


def main() -> int:
    """Run it and say what came of it."""
    cell, before = setup_cell(), versions()
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-P", "-c", cell], cwd=ROOT.parent)
    seconds = time.monotonic() - started
    after = versions()
    wrong = [f"{name} was {old} and is {after.get(name)}." for name, old in before.items() if after.get(name) != old]
    wrong += [f"The setup cell ended with {done.returncode}."] * bool(done.returncode)
    wrong += [f"It took {seconds:.0f} s."] * (seconds > LIMIT_SECONDS)
    use = subprocess.run([sys.executable, "-P", "-c", cell + USE], cwd=ROOT.parent, capture_output=True, text=True)
    if "still raises NotImplementedError" not in use.stdout or "Ready: all exercises" not in use.stdout:
        wrong.append(f"The course does not work afterwards:\n{use.stdout}{use.stderr}")
    print(f"{len(after) - len(before)} libraries added in {seconds:.0f} s, {len(before)} were there.")
    print(use.stdout)
    print("\n".join(wrong) or "Nothing was replaced.")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
