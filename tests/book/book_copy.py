"""A copy of the repository in which a book can be built without touching the one that people read."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import build_book

ROOT = Path(__file__).resolve().parents[2]
# What a copy of the repository needs for a book of its own; it reads the packages where they are installed.
FOLDERS = ("book", "tools", "solutions", "autograder/specs", "autograder/build")
FILES = ("_config.yml", "_toc.yml", "pyproject.toml", "requirements.lock", "tests/SKIPS.md")
KEPT = (".jupyter_cache", "solutions")


def make_copy(copy: Path) -> None:
    """The book's sources, and what an up-to-date build has kept of the cells it ran."""
    ignored = shutil.ignore_patterns("_build", "__pycache__", "*.ipynb")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    (copy / "mechanisms").symlink_to(ROOT / "mechanisms")
    (copy / "tests").mkdir()
    for name in FILES:
        shutil.copyfile(ROOT / name, copy / name)
    package = build_book.fingerprint(build_book.PACKAGE)
    try:
        stamp = json.loads(build_book.STAMP.read_text("utf-8"))
    except (OSError, ValueError):
        return
    if stamp["package"] == package and not stamp["hidden"]:
        for name in KEPT:
            shutil.copytree(build_book.BUILT / name, copy / "book" / "_build" / name)
        (copy / "book" / "_build" / "built.json").write_text(json.dumps({"package": package, "hidden": False}))


def build(copy: Path) -> str:
    """Build the book of a copy; returns what the build said."""
    command = [sys.executable, "tools/build_book.py"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
