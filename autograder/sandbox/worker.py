"""The process that runs a student's cells: everything in here may be overwritten by the code that it runs.

- ``make_shell`` prepares an IPython shell in the warm parent, so that forks have it ready;
- ``serve`` answers one request after another: run a cell, keep a snapshot, end;
- a *snapshot* is a fork that holds the notebook as it was at that moment and later answers the hidden cases of one
  exercise; each answering is a fork again, so that a case that ends the process costs itself only;
- what cells show is kept up to a cap and goes to the trusted side as plain text and pictures, never as objects.

Nothing here is believed by the other side: it bounds what comes, and checks it before it uses it.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import io
import logging
import os
import random
import re
import signal
import socket
import sys
import time
from typing import Any

from autograder.sandbox import wire

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class CellTimeout(KeyboardInterrupt):
    """Raised inside a cell that does not come to an end."""

    def __str__(self) -> str:
        return "this cell did not come to an end in time, so it was interrupted"


class _Text(io.TextIOBase):
    """sys.stdout or sys.stderr of the notebook."""

    encoding = "utf-8"

    def __init__(self, record: Record, name: str):
        self.record = record
        self.stream = name

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return 1 if self.stream == "stdout" else 2

    def write(self, text: str) -> int:
        self.record.text(self.stream, str(text))
        return len(text)


class Record:
    """What one cell showed, up to the caps."""

    def __init__(self, text_cap: int, data_cap: int):
        self.text_cap, self.data_cap = text_cap, data_cap
        self.clear()

    def clear(self) -> None:
        """Forget everything, before a new cell."""
        self.outputs: list[dict[str, Any]] = []
        self.text_left, self.data_left = self.text_cap, self.data_cap
        self.cut = False

    def text(self, stream: str, text: str) -> None:
        """Keep a piece of text of "stdout" or "stderr"."""
        piece = text[: self.text_left]
        self.text_left -= len(piece)
        self.cut = self.cut or len(piece) < len(text)
        if not piece:
            return
        last = self.outputs[-1] if self.outputs else None
        if last is not None and last.get("type") == "stream" and last["name"] == stream:
            last["parts"].append(piece)
        else:
            self.outputs.append({"type": "stream", "name": stream, "parts": [piece]})

    def data(self, kind: str, bundle: dict[str, Any]) -> None:
        """Keep a picture, a table or a value ("display_data" or "execute_result")."""
        kept: dict[str, str] = {}
        for mime, value in bundle.items():
            if isinstance(value, bytes):
                value = base64.b64encode(value).decode()
            if not isinstance(value, str) or not isinstance(mime, str):
                continue
            if len(value) > self.data_left:
                kept.setdefault("text/plain", "[output cut]")
                continue
            self.data_left -= len(value)
            kept[mime] = value
        if kept:
            self.outputs.append({"type": kind, "data": kept})

    def error(self, name: str, value: str, trace: str) -> None:
        """Keep how a cell ended."""
        self.outputs.append({"type": "error", "name": name[:200], "value": value[:2000], "trace": trace[-20_000:]})

    def finished(self) -> list[dict[str, Any]]:
        """All outputs with their text joined."""
        found = []
        for output in self.outputs:
            if output["type"] == "stream":
                output = {"type": "stream", "name": output["name"], "text": "".join(output["parts"])}
            found.append(output)
        if self.cut:
            found.append({"type": "stream", "name": "stdout", "text": "\n[output cut]\n"})
        return found


def make_shell() -> Any:
    """An IPython shell without history, startup files and colours. Made once, in the warm parent."""
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class Hook(DisplayHook):
        """Shows a cell's last value."""

        def __call__(self, result: Any = None) -> None:
            if result is None or self.quiet():
                return
            bundle, _ = self.compute_format_data(result)
            self.update_user_ns(result)
            self.shell.record.data("execute_result", bundle)

    class Publisher(DisplayPublisher):
        """Shows pictures and tables."""

        def publish(self, data: dict, metadata: dict | None = None, **others: Any) -> None:
            self.shell.record.data("display_data", data)

        def clear_output(self, wait: bool = False) -> None:
            self.shell.record.outputs.clear()

    class Shell(InteractiveShell):
        displayhook_class = Hook
        display_pub_class = Publisher
        record: Any = None

        def enable_gui(self, gui: Any = None) -> None:
            """No windows here."""

        def system(self, cmd: str) -> None:
            """A shell command: its output goes where the cell's goes."""
            self.system_raw(cmd)

        def _showtraceback(self, etype: Any, evalue: Any, stb: list[str]) -> None:
            name = getattr(etype, "__name__", str(etype))
            self.record.error(name, _safe_text(evalue), _ANSI.sub("", "\n".join(map(str, stb))))

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.cache_size = 0
    config.InteractiveShell.enable_tip = False
    Shell.clear_instance()
    shell = Shell.instance(config=config)
    shell.record = Record(0, 0)
    return shell


def _safe_text(value: object) -> str:
    try:
        return str(value)
    except BaseException:  # an exception of a student's may fail to print itself
        return "(its message cannot be shown)"


def serve(sock: socket.socket, shell: Any, start: dict[str, Any]) -> None:
    """Answer the trusted side until it ends the session. ``start`` is its first message."""
    worker = _Worker(sock, shell, start)
    try:
        worker.loop()
    except wire.WireError:
        return


class _Worker:
    def __init__(self, sock: socket.socket, shell: Any, start: dict[str, Any]):
        self.sock = sock
        self.shell = shell
        self.watched = list(start["watch"])
        self.record = Record(start["output"], start["pictures"])
        shell.record = self.record
        self.raw = _raw_output()
        sys.stdout, sys.stderr = _Text(self.record, "stdout"), _Text(self.record, "stderr")
        sys.stdin = open(os.devnull)  # noqa: SIM115 - stays open as long as the notebook
        shell.user_ns["__name__"] = "__main__"
        sys.path.insert(0, "")
        _same_start_for_everybody()

    def loop(self) -> None:
        while True:
            came: list[int] = []
            message, _ = wire.receive(self.sock, fds=came)
            request = message.get("do")
            if request == "cell":
                wire.send(self.sock, self.cell(message["source"], message["seconds"]))
            elif request == "snapshot":
                self.snapshot(came)
                wire.send(self.sock, {"done": True})
            else:
                return

    def cell(self, source: str, seconds: float) -> dict[str, Any]:
        self.record.clear()
        self.raw.seek(0)
        self.raw.truncate()
        signal.signal(signal.SIGALRM, _interrupt)
        begun = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            result = self.shell.run_cell(source, store_history=False)
            for error in (result.error_before_exec, result.error_in_exec):
                if error is not None and not any(out["type"] == "error" for out in self.record.outputs):
                    self.record.error(type(error).__name__, _safe_text(error), "")
        except KeyboardInterrupt as error:
            self.record.error(type(error).__name__, _safe_text(error), "")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        spent = time.perf_counter() - begun
        self.flush_pictures()
        self.add_raw()
        names = self.shell.user_ns
        defined = {name: id(names[name]) for name in self.watched if name in names}
        return {"outputs": self.record.finished(), "seconds": spent, "defined": defined}

    def flush_pictures(self) -> None:
        """Figures that a cell left open are shown below it, as a notebook's kernel does."""
        if "matplotlib.pyplot" not in sys.modules:
            return
        with contextlib.suppress(Exception):  # a broken figure is no reason to lose the cell
            plt = sys.modules["matplotlib.pyplot"]
            for number in plt.get_fignums():
                stream = io.BytesIO()
                plt.figure(number).savefig(stream, format="png", bbox_inches="tight", dpi=72)
                self.record.data("display_data", {"image/png": stream.getvalue()})
            plt.close("all")

    def add_raw(self) -> None:
        """What programs and compiled code wrote to the file descriptors themselves."""
        with contextlib.suppress(OSError, ValueError):
            self.raw.flush()
            self.raw.seek(0)
            self.record.text("stdout", self.raw.read(self.record.text_cap).decode("utf-8", "replace"))

    def snapshot(self, came: list[int]) -> None:
        if not came:
            return
        pid = os.fork()
        if pid == 0:
            self.sock.close()
            with contextlib.suppress(BaseException):
                _Snapshot(socket.socket(fileno=came[0]), self.shell.user_ns).loop()
            os._exit(0)
        for number in came:
            os.close(number)


class _Snapshot:
    """Waits until it is asked; every answering happens in a fork of it."""

    def __init__(self, sock: socket.socket, names: dict[str, Any]):
        self.sock = sock
        self.names = names

    def loop(self) -> None:
        while True:
            message, data = wire.receive(self.sock, max_json=64 << 20, max_data=512 << 20)
            if message.get("do") != "ask":
                return
            pid = os.fork()
            if pid == 0:
                with contextlib.suppress(BaseException):
                    self.answer(message, data)
                os._exit(0)
            _, status = os.waitpid(pid, 0)
            wire.send(self.sock, {"over": status})

    def answer(self, message: dict[str, Any], data: bytes) -> None:
        import torch

        from mechanisms.check import codec, remote

        # More threads than one hang in a fork whose parent had them.
        torch.set_num_threads(1)
        questions = codec.load(message["text"], data)
        logging.disable(logging.CRITICAL)  # once, and not for every case
        sys.stdout = sys.stderr = io.StringIO()
        for number in range(message["first"], len(questions["cases"])):
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, message["seconds"])
            inputs = questions["cases"][number]["inputs"]
            answer = remote.answer(message["function"], self.names, inputs, questions["probe"])
            signal.setitimer(signal.ITIMER_REAL, 0)
            text, arrays = codec.dump({"answer": answer})
            wire.send(self.sock, {"case": number, "text": text if isinstance(text, str) else text.decode()}, arrays)


def _interrupt(*_: object) -> None:
    raise CellTimeout


def _raw_output() -> Any:
    """A file in the scratch that stands behind the file descriptors 1 and 2."""
    path = os.path.join(os.environ.get("TMPDIR", "/tmp"), ".output")
    raw = open(path, "w+b", buffering=0)  # noqa: SIM115 - stays open as long as the notebook
    os.dup2(raw.fileno(), 1)
    os.dup2(raw.fileno(), 2)
    return raw


def _same_start_for_everybody() -> None:
    """Random numbers start alike, so that grading again gives the same; the parent's own state is of no interest."""
    import numpy

    from mechanisms.check.run import seed_torch

    random.seed(0)
    numpy.random.seed(0)
    seed_torch(0)
    gc.unfreeze()
