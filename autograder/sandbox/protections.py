"""What this machine can do to hold a student's code, in plain words.

- ``protections`` tries each one for real, in a process of its own, and remembers the answer;
- every ``Protection`` says what it keeps away, whether it is there, and what to do when it is not;
- grading what is not trusted needs all that are marked as needed.
"""

from __future__ import annotations

import os
import platform
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from autograder.sandbox import wire


@dataclass(frozen=True)
class Protection:
    """One protection: what it is for, whether this machine gives it, and otherwise why not and what to do."""

    name: str
    keeps: str
    there: bool
    needed: bool = True
    remedy: str = ""


@dataclass(frozen=True)
class Protections:
    """All of them."""

    items: tuple[Protection, ...]

    @property
    def enough(self) -> bool:
        """Whether submissions that nobody trusts may be graded here."""
        return all(item.there for item in self.items if item.needed)


@cache
def protections() -> Protections:
    """Try what this machine gives; takes a few hundredths of a second, once per process."""
    if sys.platform != "linux":
        remedy = "Grade on Linux (a virtual machine, or a container with user namespaces), or use --trust-submissions."
        return Protections((Protection("isolation", "everything below", False, True, remedy),))
    from autograder.sandbox.syscalls import supported

    problem = _try_sandbox() if supported() else f"no table of system calls for {platform.machine()}"
    whole = problem == ""
    return Protections(
        (
            Protection(
                "namespaces",
                "a submission sees no other process, no network, no file but Python, its packages and a scratch",
                whole,
                remedy=_why(problem),
            ),
            Protection(
                "system-call filter",
                "it cannot debug, mount, or use kernel interfaces that no notebook needs",
                whole,
                remedy=_why(problem),
            ),
            Protection(
                "limits",
                "it cannot use more time, memory, processes, disk or output than it is given",
                whole,
                remedy=_why(problem),
            ),
            Protection(
                "a user of its own",
                "two submissions at once are two users of the system, not one",
                whole and os.geteuid() == 0,
                needed=False,
                remedy="Only root can give each submission a user number of its own; without root they share yours, "
                "kept apart by their namespaces.",
            ),
        )
    )


def _why(problem: str) -> str:
    if not problem:
        return ""
    hints = []
    restricted = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    if restricted.exists() and restricted.read_text().strip() == "1":
        hints.append(
            "AppArmor keeps user namespaces from ordinary programs: "
            "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0 allows them."
        )
    cloned = Path("/proc/sys/kernel/unprivileged_userns_clone")
    if cloned.exists() and cloned.read_text().strip() == "0":
        hints.append("sudo sysctl kernel.unprivileged_userns_clone=1 allows user namespaces.")
    if Path("/.dockerenv").exists():
        hints.append("In a Docker container: start it with --security-opt seccomp=unconfined --cap-add SYS_ADMIN.")
    hints.append("--trust-submissions grades without isolation, for submissions that you trust.")
    return f"It failed here: {problem}. " + " ".join(hints)


def _try_sandbox() -> str:
    """Isolate a process of nothing and let it report; returns the reason when that fails."""
    from autograder.sandbox.isolate import Plan, enter, refuse

    ours, theirs = socket.socketpair()
    with tempfile.TemporaryDirectory(prefix="mechanisms-doctor-") as root:
        pid = os.fork()
        if pid == 0:
            ours.close()
            keep = theirs.detach()
            try:
                enter(Plan(root, (sys.base_prefix, "/usr")), keep)
                wire.send(socket.socket(fileno=keep), {"ready": True})
            except BaseException as error:  # nothing may escape into the caller's program
                refuse(keep, error)
            os._exit(0)
        theirs.close()
        try:
            reply, _ = wire.receive(ours, max_json=4096, deadline=time.monotonic() + 20)
        except wire.WireError as error:
            reply = {"failed": str(error)}
        finally:
            ours.close()
            os.waitpid(pid, 0)
    return str(reply.get("failed", ""))
