"""Starting the process of the warm parent, before anything else is imported.

- ``launch`` starts it; it begins at once with the imports, and waits for its settings then;
- ``early`` does so ahead of time, so that it warms up while its starter is still importing; ``take`` gives that process
  to whoever needs one first, and starts one when there is none; one that nobody took ends with its starter.

This module imports nothing that takes time.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from autograder.project import REPOSITORY

HOME = "/student"
# Beyond this folder of the system nothing of the starter's is inherited.
_START = "import sys; sys.path.append({root!r}); from autograder.sandbox.parent import main; main({number})\n"
# All memory from malloc, and malloc from huge pages: a fork then copies a page table of hundreds of entries where it
# copied one of a hundred thousand (measured: 20 ms of processor time for a fork and its end, then 5).
FEW_PAGES = {"PYTHONMALLOC": "malloc", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
# Folders of the course itself that an instructor may have moved: weights and public checks.
KEPT = ("MECHANISMS_LAB_DIR", "MECHANISMS_CHECKS")


@dataclass
class Launched:
    """A process that warms up, and the socket on which it waits for its settings."""

    process: subprocess.Popen
    sock: socket.socket


_waiting: list[Launched] = []


def launch() -> Launched:
    """Start a warm parent."""
    ours, theirs = socket.socketpair()
    # The program comes by the standard input, so that its command line tells nothing to those who look for it.
    try:
        process = subprocess.Popen(
            [sys.executable, "-s", "-P", "-"],
            env=environment(),
            cwd="/",
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        process.stdin.write(_START.format(root=str(REPOSITORY), number=theirs.fileno()).encode())
        process.stdin.close()
    finally:
        theirs.close()
    os.set_blocking(process.stderr.fileno(), False)
    return Launched(process, ours)


def early() -> None:
    """Start one that will be needed soon."""
    if not _waiting:
        _waiting.append(launch())


def take() -> Launched:
    """The one that was started early, or a new one."""
    found = _waiting.pop() if _waiting else launch()
    return found if found.process.poll() is None else launch()


@atexit.register
def _end_what_nobody_took() -> None:
    while _waiting:
        found = _waiting.pop()
        found.sock.close()
        found.process.kill()
        found.process.wait()
        found.process.stderr.close()


def environment() -> dict[str, str]:
    """What the warm parent, and so every submission, finds in its environment: a short list and nothing else."""
    fixed = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": HOME,
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        **FEW_PAGES,
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": _matplotlib_folder(),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MECHANISMS_PROGRESS": "off",
        "MECHANISMS_INSTALL": "off",
    }
    return fixed | {name: os.environ[name] for name in KEPT if os.environ.get(name)}


def _matplotlib_folder() -> str:
    """Where matplotlib keeps its list of fonts; importing it to ask takes a third of a second."""
    usual = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "matplotlib"
    if not os.environ.get("MPLCONFIGDIR") and usual.is_dir() and os.access(usual, os.W_OK):
        return str(usual)
    import matplotlib

    return matplotlib.get_configdir()
