"""A terminal in which a test types: one bash that keeps its folder, variables and background jobs.

- ``type`` waits for a command's end; ``start`` and ``stop`` are for one that serves until it is stopped;
- once ``warm_up`` was called, ``autograder`` is answered by a process that has its imports done.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

WARM = Path(__file__).with_name("warm.py")


class Terminal:
    """A bash in a home folder of its own. `environment` is all that it knows of the world outside."""

    def __init__(self, home: Path, environment: dict[str, str]):
        self.home = home
        self._environment = environment
        self._log = home.parent / "terminal"
        self._log.mkdir()
        self._count = 0
        self._warm: subprocess.Popen | None = None
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            env=environment,
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self._bash.stdin.close()
        # Whatever a command left in the background goes with the terminal, as when a window is closed.
        os.killpg(self._bash.pid, signal.SIGTERM)
        if self._warm:
            self._warm.kill()
        for process in filter(None, (self._bash, self._warm)):
            process.wait()
            process.stdout.close()

    def warm_up(self, python: Path) -> None:
        """From now on `autograder` runs with this Python, which has imported what takes long."""
        socket = str(self._log / "warm")
        self._warm = subprocess.Popen(
            [python, WARM, socket], env=self._environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )
        if self._warm.stdout.readline() != "ready\n":
            raise RuntimeError("the warm process did not start")
        called = shlex.join([sys.executable, "-S", "-E", str(WARM), socket, "call"])
        self._tell(f'autograder() {{ {called} "$@"; }}\n')

    def _tell(self, text: str) -> None:
        self._bash.stdin.write(text)
        self._bash.stdin.flush()

    def type(self, command: str) -> tuple[int, str]:
        """Type a command and wait for its end: its exit code, and what it printed (both streams)."""
        printed = self._next()
        self._tell(f"{{ {command}\n}} > {shlex.quote(str(printed))} 2>&1 < /dev/null; echo ended $?\n")
        return self._answer("ended", command), printed.read_text("utf-8", "replace")

    def start(self, command: str) -> tuple[int, Path]:
        """Type a command that serves until it is stopped: its process, and the file of what it prints."""
        printed = self._next()
        printed.touch()
        self._tell(f"{command} > {shlex.quote(str(printed))} 2>&1 < /dev/null & echo started $!\n")
        return self._answer("started", command), printed

    def stop(self, process: int) -> int:
        """Stop what `start` began: its exit code."""
        return self.type(f"kill {process}; wait {process}")[0]

    def _next(self) -> Path:
        self._count += 1
        return self._log / f"{self._count}.txt"

    def _answer(self, word: str, command: str) -> int:
        line = self._bash.stdout.readline()
        if not line.startswith(word):
            raise RuntimeError(f"the terminal was closed by: {command}\n{line}")
        return int(line.split()[1])
