"""What a grade depends on, as hashes: a submission is graded again when one of them changed.

- ``grader_version`` covers the grader's code, its data and weights, the solution and the release of a chapter;
- ``submission_digest`` covers the names and the bytes of everything that was handed in, time stamp included;
- ``fingerprint`` joins both with the student and the course secret.

Links and devices in a submission are named, never followed; of a huge file only the start is read.
"""

from __future__ import annotations

import hashlib
import os
import stat
from functools import cache
from typing import TYPE_CHECKING

from autograder.course import course_secret
from autograder.project import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from autograder.project import Project
    from autograder.specs.base import Chapter

# What a verdict depends on besides the submission, the solution and the release.
GRADER = (
    "autograder/build",
    "autograder/nbg",
    "autograder/pipeline.py",
    "autograder/sandbox",
    "autograder/session.py",
    "autograder/specs",
    "mechanisms/check",
    "mechanisms/data",
    "mechanisms/models",
)
# What other programs leave in a folder that somebody looked into.
IGNORED = frozenset({".ipynb_checkpoints", "__pycache__", ".DS_Store"})
MEGABYTE = 1 << 20
READ_LIMIT = 512 * MEGABYTE


@cache
def grader_hash() -> str:
    """One hash over the code, data and weights of the grader that this process runs."""
    digest = hashlib.sha256()
    for name in GRADER:
        top = REPOSITORY / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(REPOSITORY)).encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def grader_version(project: Project, chapter: Chapter) -> str:
    """The version of the grader for one chapter, 16 hexadecimal digits. OSError when a file cannot be read."""
    digest = hashlib.sha256(grader_hash().encode())
    for path in (project.solution(chapter), project.release(chapter)):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def handed_in_files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Everything below a folder but what editors leave there: (relative path with slashes, lstat), in order."""
    if not stat.S_ISDIR(_lstat_mode(folder)):
        return
    for name in sorted(os.listdir(folder)):
        if name in IGNORED:
            continue
        path = folder / name
        try:
            about = path.lstat()
        except OSError:
            continue
        if stat.S_ISDIR(about.st_mode):
            for inner, inner_about in handed_in_files(path):
                yield f"{name}/{inner}", inner_about
        else:
            yield name, about


def _lstat_mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except OSError:
        return 0


def submission_digest(folder: Path) -> str:
    """One hash over the names and bytes of what was handed in. OSError when a file cannot be read."""
    digest = hashlib.sha256()
    for name, about in handed_in_files(folder):
        digest.update(os.fsencode(name) + b"\0")
        if not stat.S_ISREG(about.st_mode):
            digest.update(f"not a file: {stat.S_IFMT(about.st_mode)}".encode())
            continue
        digest.update(f"{about.st_size}\0".encode())
        if about.st_size > READ_LIMIT:
            digest.update(f"{about.st_mtime_ns}\0".encode())
        with open(os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            left = READ_LIMIT
            while left > 0 and (chunk := file.read(min(MEGABYTE, left))):
                digest.update(chunk)
                left -= len(chunk)
    return digest.hexdigest()


def fingerprint(project: Project, version: str, student: str, submission: str) -> str:
    """What decides whether a submission is graded again: another secret means other hidden cases."""
    parts = "|".join((course_secret(project), version, student, submission))
    return hashlib.sha256(parts.encode("utf-8", "surrogateescape")).hexdigest()
