"""Copies of the project that may be changed.

- ``copy_files``: the files of this checkout as they are now, those that git does not know yet included;
- ``copy_project``: these, with the environment that the tests run in as .venv.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from autograder.project import REPOSITORY

_LISTED = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]


def copy_files(folder: Path) -> None:
    """Copy what git tracks, and would track, to a folder."""
    names = subprocess.run(_LISTED, cwd=REPOSITORY, capture_output=True, check=True).stdout.decode()
    for name in filter(None, names.split("\0")):
        source, target = REPOSITORY / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            shutil.copymode(source, target)


def copy_project(folder: Path) -> None:
    """The files and .venv. Python imports the copy where PYTHONPATH names it."""
    copy_files(folder)
    (folder / ".venv").symlink_to(sys.prefix)
