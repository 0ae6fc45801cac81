"""A process that has imported what takes long and forks one that runs `autograder` for each call.

- the guide's commands are the real ones, with their own arguments, environment, folder and exit code; only the start
  of the interpreter and the imports of libraries are done once;
- chapters' specs are not imported here, since the guide changes one;
- started as a program: `python warm.py SOCKET`; a call sends its three standard files, its words and its environment.
"""

from __future__ import annotations

import array
import importlib
import json
import os
import socket
import sys

IMPORTED = (
    *("jupytext", "nbgrader.api", "nbgrader.apps", "transformer_lens"),
    *("autograder.archives", "autograder.build.exercises", "autograder.cli", "autograder.engine.run"),
    *("autograder.export", "autograder.feedback", "autograder.report"),
)


def serve(path: str) -> None:
    """Answer calls until the end of the standard input."""
    _imports()
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    print("ready", flush=True)
    while True:
        call, _ = server.accept()
        with call:
            descriptors = array.array("i")
            data, about, _, _ = call.recvmsg(4, socket.CMSG_SPACE(3 * descriptors.itemsize))
            for _, _, content in about:
                descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
            words = json.loads(_exactly(call, int.from_bytes(data, "big")))
            child = os.fork()
            if child == 0:
                server.close()
                call.close()
                _become(words, list(descriptors))
            for descriptor in descriptors:
                os.close(descriptor)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            call.sendall((code % 256).to_bytes(1, "big"))


def _exactly(call: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += call.recv(size - len(data))
    return data


def _imports() -> None:
    from autograder.quick import leave_out_slow_imports

    leave_out_slow_imports()
    for name in IMPORTED:
        importlib.import_module(name)
    specs = [name for name in sys.modules if name.startswith("autograder.specs.ch")]
    assert not specs, f"{specs[0]} would stay as it is now"


def _become(words: dict, descriptors: list[int]) -> None:
    """In the child: run the command line, and end."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.chdir(words["folder"])
    os.environ.clear()
    os.environ.update(words["environment"])
    sys.argv = ["autograder", *words["words"]]
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115 - open until the process ends
    code = 1
    try:
        from autograder.cli import main

        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # atexit ends what the command started (a process that was warmed up ahead of time).
        import atexit

        atexit._run_exitfuncs()
        os._exit(code)


def call(path: str, words: list[str]) -> int:
    """Run `autograder WORDS` in the warm process with this process's files, folder and environment; its exit code."""
    about = json.dumps({"words": words, "folder": os.getcwd(), "environment": dict(os.environ)}).encode()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        files = array.array("i", [0, 1, 2])
        sock.sendmsg([len(about).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
        sock.sendall(about)
        return sock.recv(1)[0]


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit(call(sys.argv[1], sys.argv[3:]))
    serve(sys.argv[1])
