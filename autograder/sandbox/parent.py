"""The warm parent: a process that has imported everything and forks one sandbox after another.

- started by `client` with a scrubbed environment and one socket; it never sees a reference, a hidden case, a
  gradebook or a secret, because a fork carries all of its memory;
- ``main`` imports what every notebook needs and what the released ones import, loads their lab models, makes the
  shell, then obeys: fork, end, stop;
- for its starter alone it also forks *trusted workers* of the engine, which then open sandboxes through sockets of
  their own: one warm process serves them all. A worker gets its environment and learns secrets only after its fork, so
  no sandbox has them;
- it never runs a student's code, and its sockets are closed in a fork before anything else happens there.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import random
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
from dataclasses import dataclass, field
from typing import Any

from autograder.quick import leave_out_slow_imports
from autograder.sandbox import wire, worker
from autograder.sandbox.isolate import enter, plan_from, refuse
from autograder.sandbox.start import HOME

# What every submission needs, imported before it is known which notebooks come. Those say what else.
BASE = ("numpy", "torch", "safetensors.torch", "IPython", "mechanisms.check", "mechanisms.check.remote")
_END_SECONDS = 10.0
_LOOK_AGAIN = 1  # milliseconds


def main(number: int) -> None:
    """Warm up, say so, and obey until the socket (file descriptor ``number``) is closed."""
    sock = socket.socket(fileno=number)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command that started this; it closes the socket
    gc.disable()  # looking for garbage while importing takes a sixth of the time and finds none
    for name in BASE:
        importlib.import_module(name)
    shell = worker.make_shell()
    try:
        settings, _ = wire.receive(sock)
    except wire.WireError:  # nobody needed it
        return
    os.chdir(settings["folder"])
    missing = [*_import(settings["imports"]), *_load(settings["models"], settings["case_models"])]
    os.environ["HOME"] = HOME if settings["isolated"] else os.getcwd()
    for name in settings["forget"]:
        os.environ.pop(name, None)
    gc.collect()
    gc.freeze()
    gc.enable()
    wire.send(sock, {"ready": True, "missing": missing, "threads": len(_threads()), "pid": os.getpid()})
    with contextlib.suppress(wire.WireError):
        _obey(sock, shell, settings["isolated"])


def _threads() -> list[str]:
    try:
        return os.listdir("/proc/self/task")
    except OSError:
        return ["main"]


def _import(statements: list[str]) -> list[str]:
    """Run import statements of released notebooks; those that fail, which then fail in the notebook, with its words."""
    missing = []
    for statement in statements:
        try:
            exec(statement, {"__name__": "__main__"})
        except Exception:  # whatever it is: it is the notebook's to show
            missing.append(statement)
    return missing


def _load(models: list[str], case_models: list[str]) -> list[str]:
    """Load lab models for notebooks and, as copies of their own, for cases; those that cannot be loaded."""
    missing = []
    import torch

    torch.set_num_threads(1)
    from mechanisms import models as lab
    from mechanisms.check import run
    from mechanisms.errors import CourseError

    for name in dict.fromkeys([*models, *case_models]):
        try:
            if name in models:
                lab.load(name)
            run.model(name)
        except CourseError:
            missing.append(name)
    return missing


@dataclass
class _Client:
    """Somebody who may open sandboxes: the starter, or a worker. ``guards`` are the sandboxes that it has open."""

    sock: socket.socket
    guards: set[int] = field(default_factory=set)


def _obey(sock: socket.socket, shell: Any, isolated: bool) -> None:
    clients = {sock.fileno(): _Client(sock)}
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    ending: dict[int, tuple[_Client, float]] = {}
    try:
        while True:
            # While a sandbox ends the others go on; whether it has ended is asked often.
            ready = poll.poll(_LOOK_AGAIN if ending else None)
            for pid, (client, until) in list(ending.items()):
                if _has_ended(pid, until):
                    del ending[pid]
                    with contextlib.suppress(wire.WireError, OSError):
                        wire.send(client.sock, {"done": True})
            for number, _ in ready:
                client = clients[number]
                came: list[int] = []
                try:
                    message, _ = wire.receive(client.sock, fds=came)
                except wire.WireError:
                    if client.sock is sock:
                        return
                    poll.unregister(number)
                    del clients[number]
                    _end_all(client)
                    client.sock.close()
                    continue
                if message["do"] == "fork":
                    pid = os.fork()
                    if pid == 0:
                        _be_sandbox([one.sock for one in clients.values()], came[0], shell, message, isolated)
                    os.close(came[0])
                    client.guards.add(pid)
                    wire.send(client.sock, {"pid": pid})
                elif message["do"] == "end":
                    client.guards.discard(message["pid"])
                    _ask_to_end(message["pid"])
                    ending[message["pid"]] = client, time.monotonic() + _END_SECONDS
                elif message["do"] == "worker" and client.sock is sock:
                    *own, theirs = came
                    pid = _hire([one.sock for one in clients.values()], own, theirs, message)
                    for descriptor in own:
                        os.close(descriptor)
                    clients[theirs] = _Client(socket.socket(fileno=theirs))
                    poll.register(theirs, select.POLLIN)
                    wire.send(sock, {"pid": pid})
                elif client.sock is sock:
                    return
    finally:
        for client in clients.values():
            _end_all(client)
        for pid in ending:
            _end(pid)


def _end_all(client: _Client) -> None:
    while client.guards:
        _end(client.guards.pop())


def _hire(ours: list[socket.socket], own: list[int], theirs: int, message: dict[str, Any]) -> int:
    """Fork a trusted worker and let go of it, so that the starter becomes its parent; its process number."""
    out, into = os.pipe()
    middle = os.fork()
    if middle == 0:
        pid = os.fork()
        if pid:
            os.write(into, str(pid).encode())
            os._exit(0)
        os.close(out)
        os.close(into)
        for sock in ours:
            sock.close()
        os.close(theirs)
        _be_worker(own, message)
    os.close(into)
    os.waitpid(middle, 0)
    with os.fdopen(out, "rb") as pipe:
        return int(pipe.read())


def _be_worker(own: list[int], message: dict[str, Any]) -> None:
    """In the fork: become `autograder.engine.worker` as if it had been started as a program. Never returns."""
    code = 1
    try:
        os.setsid()
        tasks, answers, lifeline, errors, sandboxes = own
        os.dup2(errors, 1)
        os.dup2(errors, 2)
        os.close(errors)
        os.environ.clear()
        os.environ.update(message["environment"])
        tempfile.tempdir = None
        random.seed()
        sys.argv = ["autograder-worker"]
        sys.path[:0] = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
        _wait_for_the_parent(message["parent"])
        leave_out_slow_imports()
        gc.disable()
        from autograder import pipeline
        from autograder.engine import worker as engine

        gc.enable()
        from autograder.sandbox.warm import WarmParent

        about = message["warm"]
        pipeline.adopt(WarmParent.shared(socket.socket(fileno=sandboxes), **about["parent"]), about["models"])
        engine.main([str(tasks), str(answers), str(lifeline), str(message["follow"]), message["function"]])
        pipeline.stop_parents()
        code = 0
    except BaseException:  # like an uncaught error in a program: its words, then exit code 1
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _wait_for_the_parent(parent: int) -> None:
    """Until the fork between us has ended and the starter is the parent."""
    until = time.monotonic() + _END_SECONDS
    while os.getppid() != parent and time.monotonic() < until:
        time.sleep(0.001)


def _be_sandbox(ours: list[socket.socket], keep: int, shell: Any, message: dict[str, Any], isolated: bool) -> None:
    """In the fork: isolate, then serve. Never returns."""
    for sock in ours:
        sock.close()
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
    until = time.monotonic() + _END_SECONDS
    _ask_to_end(pid)
    while not _has_ended(pid, until):
        time.sleep(_LOOK_AGAIN / 1000)


def _ask_to_end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def _has_ended(pid: int, until: float) -> bool:
    """Whether a guard has ended; past the time ``until`` it is killed, and with it the sandbox."""
    try:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return True
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return True
    except (ProcessLookupError, ChildProcessError):
        return True
    return False
