"""Workers that are forked, not started: the first one is as quick as one import, the others cost next to nothing.

- ``Nursery`` keeps one warm process (`autograder.sandbox.parent`), which imports torch and the course once, forks the
  engine's workers and then serves all of them as the warm parent of their sandboxes;
- ``Adopted`` is such a worker as the driver sees it, with the interface of a `subprocess.Popen`.

A worker is handed to the driver by the kernel (the driver is a *subreaper* as long as it keeps a nursery), so that it
can be waited for, and dies with it, like a child. Linux only: elsewhere the pool starts programs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autograder.sandbox.warm import WarmParent

if TYPE_CHECKING:
    from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
# So many workers share a warm process: it forks and ends sandboxes one after the other, at some fifty a second.
SHARE = 6


@dataclass(frozen=True)
class Warm:
    """What the warm process shall have loaded (``models``, ``case_models``, ``imports``), and how it isolates.

    `WarmParent` says more of each.
    """

    models: tuple[str, ...]
    isolated: bool
    covered: tuple[Path, ...] = ()
    imports: tuple[str, ...] = ()
    case_models: tuple[str, ...] = ()


def possible() -> bool:
    """Whether workers can be forked here."""
    return sys.platform == "linux"


class Nursery:
    """A warm process and the workers that it forks. Raises NoSandbox when it cannot be started."""

    def __init__(self, warm: Warm, scratch: Path | None):
        _subreaper(True)
        self.warm = warm
        self.hired = 0
        self.parent = WarmParent(warm.models, warm.isolated, warm.covered, scratch, warm.imports, warm.case_models)

    @property
    def full(self) -> bool:
        """Whether the next worker needs another nursery."""
        return self.hired >= SHARE or not self.parent.alive

    def hire(self, function: str, environment: dict[str, str], fds: tuple[int, ...], follow: int) -> Adopted:
        """A worker with the pipes ``fds`` (tasks, answers, lifeline, errors); raises NoSandbox."""
        self.hired += 1
        worker_end, our_end = socket.socketpair()
        try:
            message: dict[str, Any] = {
                "function": function,
                "environment": environment,
                "parent": os.getpid(),
                "follow": follow,
                "warm": {
                    "models": list(self.warm.models),
                    "parent": {
                        "pid": self.parent.pid,
                        "folder": self.parent.folder,
                        "isolated": self.parent.isolated,
                        "covered": [str(path) for path in self.parent.covered],
                    },
                },
            }
            return Adopted(self.parent.hire(message, (*fds, worker_end.fileno(), our_end.fileno())))
        finally:
            worker_end.close()
            our_end.close()

    def close(self) -> None:
        """End the warm process; to be called when its workers have ended."""
        self.parent.stop()
        _subreaper(False)


class Adopted:
    """A process that became a child of this one: what the pool uses of `subprocess.Popen`."""

    def __init__(self, pid: int):
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # somebody else has waited for it
                pid, status = self.pid, signal.SIGKILL
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        until = None if timeout is None else time.monotonic() + timeout
        pause = 0.0005
        while self.poll() is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("a worker", timeout or 0)
            time.sleep(pause)
            pause = min(2 * pause, 0.02)
        return int(self.returncode or 0)

    def kill(self) -> None:
        """End it at once."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def _subreaper(on: bool) -> None:
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0)
