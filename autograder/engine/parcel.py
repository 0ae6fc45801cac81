"""One submission as it travels to a Dask worker, and how it is graded there.

- ``pack`` (driver) puts what was handed in, the release, the solution and the course secret into one parcel;
- ``grade_parcel`` (Dask worker) lays it out in a private folder and has it graded by a trusted process of its own with
  its own warm sandbox, exactly as on the driver's machine; nothing is shared but the parcel and the record;
- a worker that runs another version of the grader refuses: its verdicts might differ.

Trust: who runs the scheduler or a worker can read the secret and the solutions and could send back any verdict. They
are trusted like the driver's machine, and on a network that others use, the address has to be tls:// (set up in
Dask's own configuration). The secret travels with each parcel to the worker that grades it and is kept there in memory
only, in the environment of the trusted process; no submission sees that, on any machine.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import stat
import tempfile
import threading
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.course import course_secret
from autograder.engine.fingerprint import grader_hash, handed_in_files
from autograder.engine.frames import receive
from autograder.engine.pool import PATIENCE, Task, Worker
from mechanisms.errors import CourseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.project import Project

MEGABYTE = 1 << 20
# Far above what the reader of submissions takes; a parcel has to fit into a worker's memory.
PARCEL_LIMIT = 1024 * MEGABYTE


class ParcelTooLarge(CourseError):
    """A submission is too large to send."""


@dataclass
class Parcel:
    """Everything a Dask worker needs for one submission. ``links`` are names that stood for no plain file."""

    grader: str
    function: str
    chapter: str
    notebook: str
    student: str
    trust: bool
    secret: str
    solution: bytes
    release: bytes
    files: dict[str, bytes] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)


def pack(project: Project, task: Task, function: str) -> Parcel:
    """The parcel of a task. Raises OSError when a file cannot be read, ParcelTooLarge when it is too much."""
    chapter = project.chapter(task.chapter)
    parcel = Parcel(
        grader_hash(), function, task.chapter, chapter.notebook, task.student, task.trust, course_secret(project),
        project.solution(chapter).read_bytes(), project.release(chapter).read_bytes(),
    )  # fmt: skip
    folder = project.submission(chapter, task.student).parent
    room = PARCEL_LIMIT
    for name, about in handed_in_files(folder):
        if not stat.S_ISREG(about.st_mode):
            parcel.links.append(name)
            continue
        room -= about.st_size
        if room < 0:
            raise ParcelTooLarge(f"The submission of {task.student} is too large to send ({PARCEL_LIMIT:,} bytes).")
        with open(os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            parcel.files[name] = file.read(about.st_size + 1)
    return parcel


def grade_parcel(parcel: Parcel) -> bytes:
    """Grade a parcel on a Dask worker; the answer as compressed JSON: "graded", "impossible", "raised" or "died"."""
    if parcel.grader != grader_hash():
        sentence = "A Dask worker runs another version of the course; install the driver's version there."
        return _answer({"kind": "impossible", "sentence": sentence})
    with _hand(parcel) as hand:
        return _answer(hand.grade(parcel))


def opened(answer: bytes) -> dict[str, Any]:
    """What ``grade_parcel`` answered."""
    return json.loads(zlib.decompress(answer))


def _answer(message: dict[str, Any]) -> bytes:
    return zlib.compress(json.dumps(message).encode(), 1)


class _Hand:
    """A trusted process for parcels, one at a time, and the folder in which they are laid out.

    The folder keeps its place, and files that did not change stay, so that the process runs the references once.
    """

    def __init__(self, function: str, secret: str):
        self.folder = Path(tempfile.mkdtemp(prefix="mechanisms-parcels-", dir=_local_folder()))
        # A thread of Dask's may end before its process does, so the kernel is not asked to kill with it; the lifeline,
        # which this process holds, ends with it however it ends.
        self.worker = Worker(function, self.folder, threads=False, follow=False, secret=secret)

    def grade(self, parcel: Parcel) -> dict[str, Any]:
        """The worker's answer, or that it died."""
        worker = self.worker
        task = self._lay_out(parcel)
        hung = threading.Timer(PATIENCE, worker.kill)
        hung.start()
        try:
            worker.give(0, task)
            while (message := receive(worker.answers)) is not None:
                if message["kind"] not in ("ready", "began"):
                    worker.held.clear()
                    return message
        finally:
            hung.cancel()
        worker.kill()
        return {"kind": "died", "sentence": f"the grader's process died: {worker.cause()}"}

    def _lay_out(self, parcel: Parcel) -> Task:
        """A course directory with one submission in it."""
        course = self.folder / "course"
        shutil.rmtree(course / "submitted", ignore_errors=True)
        where = course / "submitted" / parcel.student / parcel.chapter
        where.mkdir(parents=True)
        _put(self.folder / "solutions" / f"{parcel.chapter}.py", parcel.solution)
        _put(course / "release" / parcel.chapter / f"{parcel.notebook}.ipynb", parcel.release)
        for name, data in parcel.files.items():
            _put(where / name, data)
        for name in parcel.links:
            (where / name).parent.mkdir(parents=True, exist_ok=True)
            # A link that leads nowhere: the reader refuses it for being one.
            (where / name).symlink_to("link")
        return Task(None, parcel.chapter, parcel.student, str(self.folder), str(course), parcel.trust)

    @property
    def alive(self) -> bool:
        """Whether it can take another parcel."""
        return self.worker.process.poll() is None and not self.worker.held

    def close(self) -> None:
        """End the process and remove the folder."""
        self.worker.close(2.0)
        shutil.rmtree(self.folder, ignore_errors=True)


def _put(path: Path, data: bytes) -> None:
    """Write a file unless it holds these bytes already."""
    if path.is_file() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _local_folder() -> str | None:
    """The Dask worker's own folder, which Dask tidies up also after a worker that was killed."""
    from distributed import get_worker

    try:
        return get_worker().local_directory
    except ValueError:
        return None


# The idle hands of this process, by function and secret: as many as Dask grades here at the same time.
_idle: dict[tuple[str, str], list[_Hand]] = {}
_guard = threading.Lock()


@contextlib.contextmanager
def _hand(parcel: Parcel) -> Iterator[_Hand]:
    """A hand for one parcel, kept warm for the next one unless it died."""
    with _guard:
        kept = _idle.setdefault((parcel.function, parcel.secret), [])
        hand = kept.pop() if kept else None
    if hand is None or not hand.alive:
        if hand is not None:
            hand.close()
        hand = _Hand(parcel.function, parcel.secret)
    try:
        yield hand
    finally:
        if hand.alive:
            with _guard:
                kept.append(hand)
        else:
            hand.close()


def _close_all() -> None:
    for kept in _idle.values():
        while kept:
            kept.pop().close()


atexit.register(_close_all)
