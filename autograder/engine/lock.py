"""One driver at a time for one course.

- ``only_driver`` holds a lock file (flock: the system gives it back however the holder ends) and, where the gradebook
  is in PostgreSQL, an advisory lock of that database, for drivers on several machines;
- a second driver gets one sentence that names the first;
- the holder has a scratch folder for its workers, noted in the lock file: the next one removes what a killed one left.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.audit import now
from mechanisms.errors import CourseError

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK = ".grading.lock"
_PREFIX = "mechanisms-grading-"


class AlreadyGrading(CourseError):
    """Another driver works on this course."""


@contextlib.contextmanager
def only_driver(course: Path) -> Iterator[Path]:
    """Be the only driver of a course directory; gives the scratch folder. Raises AlreadyGrading at once if not."""
    # O_CLOEXEC is Python's default: no worker ever holds the lock.
    handle = os.open(course / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyGrading(_who(handle)) from None
        _sweep(handle)
        scratch = Path(tempfile.gettempdir()) / f"{_PREFIX}{secrets.token_hex(8)}"
        _note(handle, scratch)
        scratch.mkdir(mode=0o700)
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _note(handle: int, scratch: Path) -> None:
    about = {"process": os.getpid(), "host": socket.gethostname(), "since": now(), "scratch": str(scratch)}
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(about).encode(), 0)


def _read(handle: int) -> dict:
    try:
        about = json.loads(os.pread(handle, 4096, 0))
        return about if isinstance(about, dict) else {}
    except ValueError:
        return {}


def _who(handle: int) -> str:
    about = _read(handle)
    known = f" (process {about['process']} on {about['host']}, since {about['since']})" if "process" in about else ""
    return f"Another 'autograder grade' is working on this course{known}; run this again when it has ended."


def _sweep(handle: int) -> None:
    """Remove the scratch folder of a driver that was killed; only one of ours, on this machine."""
    about = _read(handle)
    left = Path(str(about.get("scratch", "")))
    if about.get("host") == socket.gethostname() and left.name.startswith(_PREFIX) and left.is_absolute():
        with contextlib.suppress(OSError):
            if left.lstat().st_uid == os.getuid() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
