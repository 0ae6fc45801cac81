"""The course as a wheel, built once from the tracked files."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("mechanisms", "autograder", "pyproject.toml", "README.md", "LICENSE", "LICENSE-BOOK")


@pytest.fixture(scope="session")
def course_wheel(tmp_path_factory) -> Path:
    """A wheel of the course, made outside the repository and without a network."""
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    leave = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, copy / part, ignore=leave)
        else:
            shutil.copyfile(source, copy / part)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(out)]
    done = subprocess.run([*command, str(copy)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return next(out.glob("mechanisms_course-*.whl"))
