"""The warm parent: a process that has imported everything and forks one sandbox after another.

- started by `client` with a scrubbed environment and one socket; it never sees a reference, a hidden case, a
  gradebook or a secret, because a fork carries all of its memory;
- ``main`` imports what notebooks import, loads the lab models, makes the shell, then obeys: fork, end, stop;
- it never runs a student's code, and its socket is closed in a fork before anything else happens there.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import shutil
import signal
import socket
import sys
import time
from typing import Any

from autograder.sandbox import wire, worker
from autograder.sandbox.isolate import HOME, enter, plan_from, refuse

# What notebooks import, imported once here. What is not installed is not imported.
WARM = (
    "numpy",
    "torch",
    "torch.nn.functional",
    "safetensors.torch",
    "mechanisms.torchvision_ops",
    "transformers",
    "transformer_lens",
    "transformer_lens.model_bridge",
    "scipy.stats",
    "jaxtyping",
    "einops",
    "matplotlib.pyplot",
    "IPython",
    "ipywidgets",
    "tqdm.auto",
    "mechanisms",
    "mechanisms.check",
    "mechanisms.check.remote",
    "mechanisms.data",
    "mechanisms.models",
    "mechanisms.plots",
    "mechanisms.widgets",
)
_END_SECONDS = 10.0


def main(number: int) -> None:
    """Warm up, say so, and obey until the socket (file descriptor ``number``) is closed."""
    sock = socket.socket(fileno=number)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command that started this; it closes the socket
    came: list[int] = []
    settings, _ = wire.receive(sock, fds=came)
    missing = _warm(settings["models"])
    shell = worker.make_shell()
    os.environ["HOME"] = HOME if settings["isolated"] else os.getcwd()
    for name in settings["forget"]:
        os.environ.pop(name, None)
    gc.collect()
    gc.freeze()
    wire.send(sock, {"ready": True, "missing": missing, "threads": len(_threads()), "pid": os.getpid()})
    with contextlib.suppress(wire.WireError):
        _obey(sock, shell, settings["isolated"])


def _threads() -> list[str]:
    try:
        return os.listdir("/proc/self/task")
    except OSError:
        return ["main"]


def _warm(models: list[str]) -> list[str]:
    missing = []
    for name in WARM:
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name)
    import torch

    torch.set_num_threads(1)
    from mechanisms import models as lab
    from mechanisms.check import run
    from mechanisms.errors import CourseError

    for name in models:
        try:
            lab.load(name)
            run.model(name)
        except CourseError:
            missing.append(name)
    return missing


def _obey(sock: socket.socket, shell: Any, isolated: bool) -> None:
    while True:
        came: list[int] = []
        message, _ = wire.receive(sock, fds=came)
        if message["do"] == "fork":
            pid = os.fork()
            if pid == 0:
                _be_sandbox(sock, came[0], shell, message, isolated)
            os.close(came[0])
            wire.send(sock, {"pid": pid})
        elif message["do"] == "end":
            _end(message["pid"])
            wire.send(sock, {"done": True})
        else:
            return


def _be_sandbox(control: socket.socket, keep: int, shell: Any, message: dict[str, Any], isolated: bool) -> None:
    """In the fork: isolate, then serve. Never returns."""
    control.detach()
    # Nothing of ours is to be found by name: a notebook sees what it sees on its author's machine.
    sys.argv = ["ipykernel_launcher.py"]
    for name in [name for name in sys.modules if name.split(".")[0] == "autograder"]:
        del sys.modules[name]
    try:
        if isolated:
            enter(plan_from(message["plan"]), keep)
        else:
            os.setsid()
            os.chdir(message["folder"])
            os.environ["TMPDIR"] = message["folder"]
    except BaseException as error:  # the student's code must not run in a half-made sandbox
        refuse(keep, error)
    code = 0
    try:
        sock = socket.socket(fileno=keep)
        wire.send(sock, {"ready": True})
        start, _ = wire.receive(sock)
        worker.serve(sock, shell, start)
    except BaseException:  # a student's code may end its process in any way it likes
        code = 1
    finally:
        if not isolated:
            shutil.rmtree(message["folder"], ignore_errors=True)
        os._exit(code)


def _end(pid: int) -> None:
    """End a guard, which ends its sandbox; wait until both are gone."""
    deadline = time.monotonic() + _END_SECONDS
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGTERM)
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return
            time.sleep(0.002)
