"""One trusted worker: a process of its own that grades what the driver names, one submission after the other.

- ``python -P -m autograder.engine.worker TASKS ANSWERS LIFELINE PARENT FUNCTION``, the first three being pipes;
- holds the references and one warm sandbox (`autograder.sandbox`), started with its first submission and kept;
- reads tasks, writes records; it touches neither the gradebook nor the course directory;
- ends at once when its driver ends, however that ended: the kernel kills it (Linux), and everywhere the end of the
  lifeline pipe does.

The student's code never runs here: that is the sandbox's work, which `autograder.pipeline` asks for.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import importlib
import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.engine.frames import receive, send
from autograder.quick import leave_out_slow_imports
from mechanisms.errors import CourseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.graded import Graded

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends (Linux; elsewhere the lifeline does)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def watch_lifeline(pipe: int) -> None:
    """End this process and what it started as soon as the driver's end of the pipe is gone."""

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(pipe, 1):
                pass
        end_group()

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def end_group() -> None:
    """Kill this worker's whole process group, itself included (it leads one of its own)."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


def load(function: str) -> Callable[..., Graded]:
    """The grading function named "module:name"."""
    module, _, name = function.partition(":")
    return getattr(importlib.import_module(module), name)


def grade(function: Callable[..., Graded], task: dict[str, Any]) -> dict[str, Any]:
    """The answer to one task: a record, a sentence for the instructor, or the error that must not happen."""
    from autograder.project import current

    number = task["number"]
    try:
        project = replace(current(), root=Path(task["root"]), course=Path(task["course"]))
        graded = function(project, project.chapter(task["chapter"]), task["student"], trust=task["trust"])
        return {"kind": "graded", "number": number, "graded": graded.as_json()}
    except CourseError as error:
        return {"kind": "impossible", "number": number, "sentence": str(error)}
    except Exception as error:
        # The pipeline never raises for a submission, so this is the grader's own fault: the driver decides.
        return {"kind": "raised", "number": number, "sentence": f"{type(error).__name__}: {error}"[:500]}


def serve(tasks: int, answers: int, function: str) -> None:
    """Answer tasks until the driver closes its end."""
    work = load(function)
    send(answers, {"kind": "ready"})
    while (task := receive(tasks)) is not None:
        send(answers, {"kind": "began", "number": task["number"]})
        send(answers, grade(work, task))


def main(words: list[str]) -> None:
    """The worker's whole life; the parent 0 means that only the lifeline counts."""
    tasks, answers, lifeline, parent = map(int, words[:4])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    leave_out_slow_imports()
    # Registered first, so it runs last: whatever the sandbox tidies up comes before.
    atexit.register(end_group)
    if parent:
        die_with_parent(parent)
    watch_lifeline(lifeline)
    # The pipes are this process's own: a sandbox it starts must not hold them open after its death.
    for pipe in (tasks, answers, lifeline):
        os.set_inheritable(pipe, False)
    with contextlib.suppress(BrokenPipeError):
        serve(tasks, answers, words[4])


if __name__ == "__main__":
    main(sys.argv[1:])
