"""The worker processes of this machine, and who grades what.

- ``grade_here`` hands tasks to N workers and gives outcomes as they come, each task exactly one;
- a worker holds the submission it grades and the next one, so that it never waits for the gradebook; nothing else is
  kept, so the driver's memory does not grow with the class;
- a worker that dies costs a retry of the submission it was grading, twice; then that one is for a person; the
  submission that waited behind it is simply handed out again;
- an error that only the instructor can mend (no isolation, nothing released) ends the batch with its sentence.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autograder.engine.frames import Reader, send
from autograder.engine.nursery import Adopted, Nursery, Warm, possible
from autograder.project import REPOSITORY
from mechanisms.errors import CourseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

PIPELINE = "autograder.pipeline:grade_submission"
# A submission is tried this often before it is left to a person.
TRIES = 3
# Seconds for one submission, far above every limit of the sandbox: only a worker that hangs ever gets there.
PATIENCE = 1800.0
# Workers that end before they graded anything, in a row: the installation is broken, not a submission.
FALSE_STARTS = 3


class GraderBroken(CourseError):
    """The grader itself cannot work here; no submission is at fault."""


@dataclass(frozen=True)
class Task:
    """One submission to grade; ``key`` is the caller's and comes back with the outcome."""

    key: Any
    chapter: str
    student: str
    root: str
    course: str
    trust: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a task: ``graded`` as `Graded.as_json` gives it, or None and a sentence that says why."""

    task: Task
    graded: dict[str, Any] | None
    problem: str = ""


class Worker:
    """One worker process and its pipes.

    ``follow`` asks the kernel to kill it with the thread that starts it; a thread that may end before its process
    (a Dask worker's) leaves that to the lifeline. ``secret`` is the course secret where the
    course directories of the tasks hold none. From a ``nursery`` it is forked, otherwise started as a program.
    """

    def __init__(
        self,
        function: str,
        scratch: Path | None,
        threads: bool,
        follow: bool = True,
        secret: str | None = None,
        nursery: Nursery | None = None,
    ):
        task_out, self.tasks = os.pipe()
        self.answers, answer_in = os.pipe()
        lifeline_out, self._lifeline = os.pipe()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the worker, has no name)
        environment = dict(os.environ, PYTHONPATH=_with_our_code(os.environ.get("PYTHONPATH", "")))
        if not threads:
            environment.setdefault("OMP_NUM_THREADS", "1")
        if secret is not None:
            environment["MECHANISMS_SECRET"] = secret
        if scratch is not None:
            environment["TMPDIR"] = str(scratch)
        inherited = (task_out, answer_in, lifeline_out)
        parent = os.getpid() if follow else 0
        words = [*map(str, inherited), str(parent), function]
        self.process: subprocess.Popen | Adopted
        try:
            if nursery is not None:
                fds = (*inherited, self._errors.fileno())
                self.process = nursery.hire(function, environment, fds, parent)
            else:
                self.process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "autograder.engine.worker", *words],
                    stdin=subprocess.DEVNULL,
                    stdout=self._errors,
                    stderr=self._errors,
                    env=environment,
                    pass_fds=inherited,
                    start_new_session=True,
                )
        finally:
            for pipe in inherited:
                os.close(pipe)
        self.reader = Reader(self.answers)
        self.ready = False
        self.held: deque[tuple[int, Task]] = deque()
        self.since = time.monotonic()

    def give(self, number: int, task: Task) -> None:
        """Hand over a task; a dead worker is noticed when its pipe ends."""
        if not self.held:
            self.since = time.monotonic()
        self.held.append((number, task))
        message = {name: getattr(task, name) for name in ("chapter", "student", "root", "course", "trust")}
        with contextlib.suppress(OSError):
            send(self.tasks, {"number": number, **message})

    def last_words(self) -> str:
        """The last line it wrote to its standard error, shortened."""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 4096))
        lines = self._errors.read().decode("utf-8", "replace").split("\n")
        return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")

    def cause(self) -> str:
        """Why the process ended, after it did."""
        code = self.process.wait()
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"it was ended by {signal.Signals(-code).name}"
        return f"it ended with exit code {code}"

    def kill(self) -> None:
        """End the process and everything in its group, now; nothing once it was waited for (its number is free)."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.kill()

    def dismiss(self) -> None:
        """Tell it that no more tasks come: it ends by itself after the one it is at."""
        self._close_pipe("tasks")

    def close(self, seconds: float = 5.0) -> None:
        """Let it end by itself when it is idle, then make it; gives back its pipes."""
        self.dismiss()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(0 if self.held else seconds)
        self.kill()
        self.process.wait()
        self._close_pipe("answers")
        self._close_pipe("_lifeline")
        self._errors.close()

    def _close_pipe(self, name: str) -> None:
        pipe = getattr(self, name)
        if pipe >= 0:
            setattr(self, name, -1)
            os.close(pipe)


def _with_our_code(path: str) -> str:
    """PYTHONPATH with this very package on it, so that a worker runs the code that its driver runs."""
    return os.pathsep.join(dict.fromkeys(filter(None, [str(REPOSITORY), *path.split(os.pathsep)])))


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def grade_here(
    tasks: Iterable[Task],
    jobs: int,
    *,
    function: str = PIPELINE,
    scratch: Path | None = None,
    stopping: Callable[[], bool] = lambda: False,
    warm: Warm | None = None,
) -> Iterator[list[Outcome]]:
    """Grade the tasks with ``jobs`` worker processes; yields outcomes as they are ready, several when several are.

    With ``warm`` workers are forked from warm processes where the system can do that.
    ``stopping`` is asked often; once it says True no more outcomes come than are already complete. Raises
    GraderBroken when no worker can be started, CourseError for what only the instructor can mend.
    """
    with contextlib.closing(_Pool(iter(tasks), jobs, function, scratch, warm)) as pool:
        while pool.work_left() and not stopping():
            if outcomes := list(pool.step()):
                yield outcomes
        if stopping() and (outcomes := list(pool.already_there())):
            yield outcomes


class _Pool:
    def __init__(self, tasks: Iterator[Task], jobs: int, function: str, scratch: Path | None, warm: Warm | None = None):
        self.tasks = tasks
        self.jobs = jobs
        self.function = function
        self.scratch = scratch
        self.waiting: deque[tuple[int, Task]] = deque()
        self.tries: dict[int, int] = {}
        self.workers: list[Worker] = []
        self.selector = selectors.DefaultSelector()
        self.numbers = 0
        self.false_starts = 0
        self.exhausted = False
        # The kernel's "kill with the parent" goes by thread: a driver in another thread than the first relies on
        # the lifeline alone.
        self.follow = threading.current_thread() is threading.main_thread()
        self.warm = warm if possible() else None
        # It warms up while the driver looks for its first task.
        self.nurseries = [Nursery(self.warm, scratch)] if self.warm else []

    def work_left(self) -> bool:
        self._fill(1)
        return bool(self.waiting) or any(worker.held for worker in self.workers)

    def _fill(self, wanted: int) -> None:
        while len(self.waiting) < wanted and not self.exhausted:
            task = next(self.tasks, None)
            if task is None:
                self.exhausted = True
                return
            self.numbers += 1
            self.waiting.append((self.numbers, task))

    def step(self) -> Iterator[Outcome]:
        """Start workers, hand out tasks, wait a moment for what comes back."""
        idle = sum(not worker.held for worker in self.workers)
        self._fill(self.jobs)
        while len(self.workers) < self.jobs and len(self.waiting) > idle:
            worker = Worker(
                self.function, self.scratch, threads=self.jobs == 1, follow=self.follow, nursery=self._nursery()
            )
            self.workers.append(worker)
            self.selector.register(worker.answers, selectors.EVENT_READ, worker)
            idle += 1
        # One each first, then the one behind it: a short list is spread over all workers.
        for depth in (1, 2):
            for worker in self.workers:
                self._fill(1)
                # What killed a worker goes out alone: nothing shall wait behind it.
                careful = any(self.tries.get(number) for number, _ in [*worker.held, *list(self.waiting)[:1]])
                if self.waiting and len(worker.held) < (1 if careful else depth):
                    worker.give(*self.waiting.popleft())
        for key, _ in self.selector.select(timeout=0.5):
            yield from self._hear(key.data)
        for worker in list(self.workers):
            if worker.held and time.monotonic() - worker.since > PATIENCE:
                worker.kill()

    def _nursery(self) -> Nursery | None:
        """Where the next worker comes from: None when it is started as a program."""
        if self.warm and self.nurseries[-1].full:
            self.nurseries.append(Nursery(self.warm, self.scratch))
        return self.nurseries[-1] if self.warm else None

    def already_there(self) -> Iterator[Outcome]:
        """What workers finished before the batch was interrupted."""
        for key, _ in self.selector.select(timeout=0):
            yield from self._hear(key.data)

    def _hear(self, worker: Worker) -> Iterator[Outcome]:
        for message in worker.reader.messages():
            if message["kind"] == "ready":
                worker.ready = True
                self.false_starts = 0
            elif message["kind"] != "began":
                yield from self._answered(worker, message)
        if worker.reader.closed:
            yield from self._died(worker)

    def _answered(self, worker: Worker, message: dict[str, Any]) -> Iterator[Outcome]:
        number, task = worker.held.popleft()
        worker.since = time.monotonic()
        if message["number"] != number:
            raise GraderBroken("A worker answered out of turn; this is a fault of the grader, run the command again.")
        if message["kind"] == "graded":
            self.tries.pop(number, None)
            yield Outcome(task, message["graded"])
        elif message["kind"] == "impossible":
            raise CourseError(message["sentence"])
        else:
            yield from self._again(number, task, message["sentence"])

    def _again(self, number: int, task: Task, cause: str) -> Iterator[Outcome]:
        """Another try for a submission, or its end."""
        self.tries[number] = self.tries.get(number, 0) + 1
        if self.tries[number] < TRIES:
            self.waiting.append((number, task))
            return
        del self.tries[number]
        yield Outcome(task, None, f"Grading it failed {TRIES} times ({cause}); a person has to look at it.")

    def _died(self, worker: Worker) -> Iterator[Outcome]:
        self.selector.unregister(worker.answers)
        self.workers.remove(worker)
        worker.kill()
        cause, words = worker.cause(), worker.last_words()
        held = list(worker.held)
        worker.close(0)
        if not worker.ready:
            self.false_starts += 1
            self.waiting.extendleft(reversed(held))
            if self.false_starts >= FALSE_STARTS:
                raise GraderBroken(f"The grader cannot start ({cause}{': ' + words if words else ''}).")
            return
        # The first one was being graded; those behind it never began.
        self.waiting.extendleft(reversed(held[1:]))
        if held:
            yield from self._again(*held[0], f"the grader's process died: {cause}")

    def close(self) -> None:
        for worker in self.workers:
            # All at once, so that one that takes its time does not hold up the others.
            worker.dismiss()
        for worker in self.workers:
            worker.close()
        self.workers.clear()
        self.selector.close()
        for nursery in self.nurseries:
            nursery.close()
