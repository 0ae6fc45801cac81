"""Grading on a Dask cluster: the driver's side.

- ``grade_there`` sends submissions to the scheduler at an address and gives outcomes as they come;
- only as many are on their way as the cluster can work on, twice: the driver's memory does not grow with the class;
- a worker that is lost costs a retry, twice, as on one machine; Dask starts its other submissions elsewhere;
- only the driver writes: to the cluster goes a parcel, back comes a record (see `parcel`, also about trust).
"""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING, Any

from autograder.engine.parcel import grade_parcel, opened, pack
from autograder.engine.pool import PIPELINE, TRIES, Outcome, Task
from mechanisms.errors import CourseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from autograder.project import Project

# Seconds to wait for a scheduler to answer, and for a worker to appear when there is none.
CONNECT = 10.0
NO_WORKERS = 60.0


class ClusterError(CourseError):
    """The cluster cannot be used."""


def grade_there(
    project: Project,
    tasks: Iterable[Task],
    address: str,
    *,
    function: str = PIPELINE,
    stopping: Callable[[], bool] = lambda: False,
    patience: float = NO_WORKERS,
) -> Iterator[list[Outcome]]:
    """Grade tasks on the cluster at ``address``; yields outcomes as they are ready.

    ``patience`` is how many seconds a cluster may be without any worker. Raises ClusterError when it does not answer
    or stays without workers, CourseError for what only the instructor can mend.
    """
    client = _client(address)
    try:
        yield from _Traffic(project, client, iter(tasks), function, patience).run(stopping)
    finally:
        client.close(timeout=5)


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise ClusterError("Grading on a cluster needs Dask: pip install 'mechanisms-course[cluster]'.") from None
    try:
        return Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        why = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise ClusterError(
            f"No Dask scheduler answers at {address} ({why}); start one with 'dask scheduler' and workers with "
            "'dask worker ADDRESS'."
        ) from None


class _Traffic:
    def __init__(self, project: Project, client: Any, tasks: Iterator[Task], function: str, patience: float):
        self.project = project
        self.client = client
        self.tasks = tasks
        self.function = function
        self.patience = patience
        self.sent: dict[str, tuple[Any, Task, int]] = {}
        self.back: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.number = 0
        self.seen = time.monotonic()
        self.threads = 0

    def run(self, stopping: Callable[[], bool]) -> Iterator[list[Outcome]]:
        """Send and receive until there is nothing left or somebody asks to stop."""
        exhausted = False
        try:
            while not stopping():
                self._look_at_workers(wait=not self.sent)
                while not exhausted and len(self.sent) < 2 * max(1, self.threads):
                    task = next(self.tasks, None)
                    exhausted = task is None
                    if task is not None:
                        self._send(task, 1)
                if exhausted and not self.sent:
                    return
                if ready := self._ready():
                    yield ready
        finally:
            self.client.cancel([future for future, _, _ in self.sent.values()])

    def _look_at_workers(self, wait: bool) -> None:
        """How many threads the cluster has now. Raises ClusterError when it has had none for too long."""
        while True:
            self.threads = sum(self.client.nthreads().values())
            if self.threads:
                self.seen = time.monotonic()
                return
            if time.monotonic() - self.seen > self.patience:
                raise ClusterError(
                    f"The cluster has had no worker for {self.patience:.0f} s; start some with 'dask worker ADDRESS' "
                    "and run this again: what was graded is kept."
                )
            if not wait:
                return
            time.sleep(0.2)

    def _send(self, task: Task, attempt: int) -> None:
        self.number += 1
        key = f"grade-{id(self):x}-{self.number}"
        parcel = pack(self.project, task, self.function)
        future = self.client.submit(grade_parcel, parcel, key=key, pure=False, retries=0)
        self.sent[key] = (future, task, attempt)
        future.add_done_callback(lambda done: self.back.put(done.key))

    def _ready(self) -> list[Outcome]:
        """What has come back, waiting a moment for the first."""
        keys = []
        try:
            keys.append(self.back.get(timeout=0.5))
            while True:
                keys.append(self.back.get_nowait())
        except queue.Empty:
            pass
        outcomes = [self._outcome(*self.sent.pop(key)) for key in keys if key in self.sent]
        return [outcome for outcome in outcomes if outcome is not None]

    def _outcome(self, future: Any, task: Task, attempt: int) -> Outcome | None:
        """The outcome of a task that ended, or None when it was sent once more."""
        if future.status == "finished":
            message = opened(future.result())
        else:
            error = future.exception() if future.status == "error" else None
            message = {"kind": "died", "sentence": f"a worker of the cluster was lost ({type(error).__name__})"}
        future.release()
        if message["kind"] == "graded":
            return Outcome(task, message["graded"])
        if message["kind"] == "impossible":
            raise CourseError(message["sentence"])
        if attempt < TRIES:
            self._send(task, attempt + 1)
            return None
        cause = message["sentence"]
        return Outcome(task, None, f"Grading it failed {TRIES} times ({cause}); a person has to look at it.")
