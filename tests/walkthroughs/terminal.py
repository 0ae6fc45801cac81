"""A terminal in which a test types: one bash that keeps its folder, variables and background jobs."""

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
        self._log = home.parent / "terminal"
        self._log.mkdir()
        self._count = 0
        socket = str(self._log / "warm")
        words = [sys.executable, str(WARM), socket]
        self._warm = subprocess.Popen(
            words, env=environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )
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
        called = shlex.join([sys.executable, "-S", "-E", str(WARM), socket, "call"])
        self._tell(f'autograder() {{ {called} "$@"; }}\n')

    def __enter__(self) -> Terminal:
        if self._warm.stdout.readline() != "ready\n":
            raise RuntimeError("the warm process did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._bash.stdin.close()
        # Whatever a command left in the background goes with the terminal, as when a window is closed.
        os.killpg(self._bash.pid, signal.SIGTERM)
        self._warm.kill()
        for process in (self._bash, self._warm):
            process.wait()
            process.stdout.close()

    def _tell(self, text: str) -> None:
        self._bash.stdin.write(text)
        self._bash.stdin.flush()

    def type(self, command: str) -> tuple[int, str]:
        """Type a command and wait for its end: its exit code, and what it printed (both streams)."""
        self._count += 1
        printed = self._log / f"{self._count}.txt"
        self._tell(f"{{ {command}\n}} > {shlex.quote(str(printed))} 2>&1 < /dev/null; echo ended $?\n")
        line = self._bash.stdout.readline()
        if not line.startswith("ended "):
            raise RuntimeError(f"the terminal was closed by: {command}\n{line}{printed.read_text()}")
        return int(line.split()[1]), printed.read_text("utf-8", "replace")
