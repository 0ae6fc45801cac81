"""The warm parent as its starter sees it.

- ``WarmParent`` starts and keeps the process from which sandboxes are forked, and opens sessions in them;
- ``WarmParent.shared`` is another's, used through a socket of one's own;
- ``NoSandbox`` is what is raised where that is impossible.

Importing this module takes no time: what a session needs is imported when one is opened.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from autograder.project import REPOSITORY
from autograder.sandbox import wire
from autograder.sandbox.isolate import Plan
from autograder.sandbox.limits import Limits
from autograder.sandbox.start import FEW_PAGES, KEPT, take
from mechanisms.errors import CourseError

if TYPE_CHECKING:
    from autograder.sandbox.client import Session

START_SECONDS = 300.0
_LAST_SECONDS = 10.0

# Never seen from inside, wherever the packages lie.
_PRIVATE = tuple(REPOSITORY / name for name in ("autograder", "solutions", "tests", "course", "tools", ".git"))


class NoSandbox(CourseError):
    """This machine cannot isolate a submission, or the warm parent could not be started."""


class WarmParent:
    """A warm parent process; it warms up while its starter goes on. Raises NoSandbox when it cannot be started.

    ``models`` are lab models that notebooks load, ``case_models`` others that hidden cases hold, ``imports`` are import
    statements that submissions will run as well: none of them has to wait for it.
    ``isolated`` False runs submissions as ordinary processes: only for submissions that are trusted.
    """

    def __init__(
        self,
        models: Iterable[str] = ("lab-lm",),
        isolated: bool = True,
        covered: Iterable[Path] = (),
        scratch: Path | None = None,
        imports: Iterable[str] = (),
        case_models: Iterable[str] = (),
    ):
        self.isolated = isolated
        self.covered = tuple(covered)
        self.folder = tempfile.mkdtemp(prefix="mechanisms-sandbox-", dir=scratch)
        launched = take()
        self.process, self.sock = launched.process, launched.sock
        settings = {
            "models": list(models),
            "case_models": list(case_models),
            "imports": list(imports),
            "isolated": isolated,
            "folder": self.folder,
            "forget": ["MPLCONFIGDIR", *FEW_PAGES],
        }
        self.about: dict[str, Any] = {}
        self.base = 0
        self.pid = self.process.pid
        try:
            wire.send(self.sock, settings)
        except wire.WireError:
            self._could_not_start()

    @classmethod
    def shared(cls, sock: socket.socket, pid: int, folder: str, isolated: bool, covered: Iterable[str]) -> WarmParent:
        """The warm parent that somebody else started (process ``pid``), through a socket of one's own; it is warm.

        ``stop`` then ends one's own sandboxes only, and not the process.
        """
        found = cls.__new__(cls)
        found.isolated, found.covered, found.folder = isolated, tuple(map(Path, covered)), folder
        found.sock, found.process, found.pid = sock, None, pid
        found.about = {"ready": True}
        found.base = own_memory(pid)
        return found

    def hire(self, message: dict[str, Any], fds: tuple[int, ...]) -> int:
        """Fork a trusted worker (`autograder.engine.nursery` says what goes into the message); its process number.

        Raises NoSandbox when the process is gone.
        """
        self.wait()
        try:
            wire.send(self.sock, {"do": "worker", **message}, fds=fds)
            reply, _ = wire.receive(self.sock, deadline=time.monotonic() + 60)
        except wire.WireError as error:
            raise NoSandbox(f"The sandbox's warm parent is gone ({error}): grade again.") from None
        return int(reply["pid"])

    def wait(self) -> None:
        """Wait until it is warm; at once when it was before. Raises NoSandbox."""
        if self.about:
            return
        try:
            self.about, _ = wire.receive(self.sock, deadline=time.monotonic() + START_SECONDS)
        except wire.WireError:
            self._could_not_start()
        self.base = own_memory(self.pid)

    def _could_not_start(self) -> None:
        words = self._last_words()
        self.stop()
        raise NoSandbox(f"The sandbox could not be started: {words or 'its process said nothing'}.") from None

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_LAST_SECONDS)
        with contextlib.suppress(OSError, ValueError):
            lines = (self.process.stderr.read() or b"").decode("utf-8", "replace").strip().splitlines()
            return lines[-1][:300] if lines else ""
        return ""

    def open(self, limits: Limits, watch: Iterable[str] = (), until: float | None = None) -> Session:
        """A new session in a sandbox of its own. ``until`` is a `time.monotonic` value at which it is over.

        Raises NoSandbox when this machine refuses the isolation.
        """
        from autograder.sandbox.client import Session

        self.wait()
        ours, theirs = socket.socketpair()
        message: dict[str, Any] = {"do": "fork"}
        if self.isolated:
            message["plan"] = self._plan(limits).as_json()
        else:
            message["folder"] = tempfile.mkdtemp(prefix="notebook-", dir=self.folder)
        try:
            wire.send(self.sock, message, fds=(theirs.fileno(),))
            reply, _ = wire.receive(self.sock, deadline=time.monotonic() + 60)
        except wire.WireError as error:
            raise NoSandbox(f"The sandbox's warm parent is gone ({error}): grade again.") from None
        finally:
            theirs.close()
        session = Session(self, ours, int(reply["pid"]), limits)
        session.deadline = session.deadline if until is None else until
        session.begin(watch)
        return session

    def _plan(self, limits: Limits) -> Plan:
        root = os.path.join(self.folder, "root")
        os.makedirs(root, exist_ok=True)
        return Plan(root, readable_paths(), tuple(str(path) for path in (*_PRIVATE, *self.covered)), limits)

    def end(self, pid: int) -> None:
        """End the sandbox whose guard is ``pid``; when this returns nothing of it is left."""
        try:
            wire.send(self.sock, {"do": "end", "pid": pid})
            wire.receive(self.sock, deadline=time.monotonic() + 30)
        except wire.WireError:
            self.stop()

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        if self.process is None:
            return self.sock.fileno() >= 0 and psutil.pid_exists(self.pid)
        return self.process.poll() is None

    def stop(self) -> None:
        """End the warm parent; its sandboxes end with it."""
        self.sock.close()
        if self.process is None:
            return
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def readable_paths() -> tuple[str, ...]:
    """Python, its packages, the system's libraries and the course's package: all that a submission can read."""
    import mechanisms

    wanted = [sys.base_prefix, sys.base_exec_prefix, sys.prefix, sys.exec_prefix, "/usr"]
    wanted += [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    wanted += [str(Path(mechanisms.__file__).resolve().parent)]
    wanted += [os.environ[name] for name in KEPT if os.environ.get(name)]
    wanted += [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages", "lib-dynload")]
    found: list[str] = []
    for path in sorted({os.path.abspath(entry) for entry in wanted}, key=lambda entry: (entry.count("/"), entry)):
        inside = any(path == other or path.startswith(other.rstrip("/") + "/") for other in found)
        if os.path.exists(path) and not inside and path != "/":
            found.append(path)
        if os.path.realpath(path) != path and os.path.exists(path):
            found.append(os.path.realpath(path))
    return tuple(dict.fromkeys(found))


def own_memory(pid: int) -> int:
    """Bytes of memory of a process that are not files: its own and what it shares with its parent."""
    try:
        with open(f"/proc/{pid}/status") as file:
            lines = [line.split() for line in file if line.startswith(("RssAnon", "RssShmem"))]
        return sum(int(line[1]) * 1024 for line in lines)
    except (OSError, ValueError, IndexError):
        with contextlib.suppress(psutil.Error):
            return psutil.Process(pid).memory_info().rss
        return 0
