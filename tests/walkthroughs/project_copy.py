"""A copy of the project that may be changed: what git tracks, with the environment that the tests run in as .venv."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from autograder.project import REPOSITORY


def copy_project(folder: Path) -> None:
    """Copy the tracked files to a folder. Python imports the copy where PYTHONPATH names it."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True).stdout.decode()
    for name in names.split("\0"):
        if name and (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPOSITORY / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)
