"""The trusted side of the sandbox.

- ``Session`` runs cells and takes snapshots; ``Snapshot.ask`` puts questions to one and reads the answers;
- every wait has a deadline; memory is watched while waiting; what comes back is bounded and checked;
- whatever ends a session early is a ``Gone``, with a sentence for the student. A session is ended as a unit: when
  ``close`` returns, no process of it is left.
"""

from __future__ import annotations

import math
import re
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import psutil

from autograder.sandbox import wire
from autograder.sandbox.limits import Limits
from autograder.sandbox.warm import NoSandbox, WarmParent, own_memory
from mechanisms.check import codec
from mechanisms.errors import BadData

# Beyond its own alarm a cell gets this long before the whole sandbox is ended.
GRACE_SECONDS = 3.0
_TYPES = ("stream", "display_data", "execute_result", "error")


class Gone(Exception):
    """A session ended before its time; the message is a clause such as "ended the Python process"."""


@dataclass
class Cell:
    """What one cell gave: checked outputs, seconds of its own, and the watched names it left (name to identity)."""

    outputs: list[dict[str, Any]]
    seconds: float
    defined: dict[str, int]


@dataclass
class Answers:
    """One tree per case (None where none came), and for each case that none came the reason as a clause."""

    trees: list[Any]
    reasons: dict[int, str] = field(default_factory=dict)


class Session:
    """One submission's sandbox. Use as a context manager, or call ``close``."""

    def __init__(self, parent: WarmParent, sock: socket.socket, pid: int, limits: Limits):
        self.parent = parent
        self.sock = sock
        self.pid = pid
        self.limits = limits
        self.deadline = time.monotonic() + limits.total_seconds
        self.peak_memory = 0
        self.shown_left = limits.shown
        self.snapshots: list[Snapshot] = []

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, watch: Iterable[str]) -> None:
        """Wait for the isolation, then name the caps and the watched names. Raises NoSandbox."""
        try:
            first, _ = wire.receive(self.sock, max_json=4096, deadline=time.monotonic() + 60)
        except wire.WireError as error:
            self.close()
            raise NoSandbox(f"The sandbox did not start: {error}.") from None
        if "failed" in first:
            self.close()
            raise NoSandbox(
                f"This machine does not give the isolation that grading needs ({first['failed']}). "
                "'autograder doctor' says what is missing."
            )
        limits = self.limits
        start = {"watch": list(watch), "output": limits.output, "pictures": limits.pictures}
        wire.send(self.sock, start)
        # What it does not read it does not get: a full buffer must not hold the grader.
        self.sock.settimeout(5.0)

    def run(self, source: str, seconds: float) -> Cell:
        """Run one cell. Raises Gone when the process ended, was too slow or used too much memory."""
        self._send({"do": "cell", "source": source, "seconds": seconds})
        cell = _cell(self._receive(seconds + GRACE_SECONDS), self.limits)
        cell.outputs = [output for output in cell.outputs if self._room_for(output)]
        return cell

    def _room_for(self, output: dict[str, Any]) -> bool:
        """Whether an output still fits into what a notebook may show; what does not is left out."""
        texts = [*output.get("data", {}).values(), *(output.get(key, "") for key in ("text", "value", "trace"))]
        self.shown_left -= sum(map(len, texts))
        return self.shown_left >= 0

    def snapshot(self) -> Snapshot:
        """Keep the notebook as it is now. Raises Gone."""
        ours, theirs = socket.socketpair()
        try:
            self._send({"do": "snapshot"}, (theirs.fileno(),))
        finally:
            theirs.close()
        self._receive(30.0)
        found = Snapshot(self, ours)
        self.snapshots.append(found)
        return found

    def _send(self, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
        try:
            wire.send(self.sock, message, fds=fds)
        except wire.WireError:
            raise Gone("ended the Python process") from None

    def _receive(self, seconds: float) -> dict[str, Any]:
        cap = self.limits.output * 8 + self.limits.pictures * 2 + (1 << 20)
        until = min(time.monotonic() + seconds, self.deadline)
        try:
            return wire.receive(self.sock, max_json=cap, deadline=until, waiting=self.watch)[0]
        except wire.Late:
            raise Gone("did not come to an end in time") from None
        except wire.Broken:
            raise Gone("disturbed the notebook's process so that it could not be used any more") from None
        except wire.Ended:
            raise Gone("ended the Python process") from None

    def watch(self) -> None:
        """Look at the memory of everything in the sandbox. Raises Gone when it is too much."""
        used = _tree_memory(self.pid, self.parent.base, own_memory)
        # Pages that forks share are counted in each of them: only when that is too much is it worth to count exactly.
        if used > self.limits.memory:
            used = _tree_memory(self.pid, 0, _share_of_memory) - self.parent.base
        self.peak_memory = max(self.peak_memory, used)
        # One process alone gets a MemoryError first (its address space is limited); this is for several.
        if used > 1.25 * self.limits.memory:
            raise Gone(f"used more than {self.limits.memory / 2**30:.2g} GB of memory")

    @property
    def closed(self) -> bool:
        """Whether it was ended."""
        return not self.pid

    def close(self) -> None:
        """End everything in the sandbox; returns when nothing of it is left."""
        for snapshot in self.snapshots:
            snapshot.sock.close()
        self.sock.close()
        if self.pid:
            self.parent.end(self.pid)
            self.pid = 0


class Snapshot:
    """The notebook as it was at one moment, waiting for questions."""

    def __init__(self, session: Session, sock: socket.socket):
        self.session = session
        self.sock = sock
        self.sock.settimeout(5.0)

    def ask(self, function: str, questions: dict[str, Any], limits: Limits) -> Answers:
        """Call ``function`` on every case of ``questions``; why an answer is absent is in the answers' reasons."""
        text, arrays = codec.dump(questions)
        count = len(questions["cases"])
        answers = Answers([None] * count)
        budget = limits.answers
        first, deaths = 0, 0
        until = time.monotonic() + limits.answer_seconds
        while first < count:
            message = {
                "do": "ask",
                "function": function,
                "first": first,
                "seconds": limits.answer_seconds,
                "text": text,
            }
            try:
                wire.send(self.sock, message, arrays)
            except wire.WireError:
                return _rest(answers, first, "could not be called: the notebook's process had ended")
            first, budget, reason = self._collect(answers, first, budget, until)
            if first >= count or not reason:
                break
            answers.reasons[first] = reason
            first, deaths = first + 1, deaths + 1
            late = time.monotonic() > until
            if deaths > limits.deaths or late or not reason.startswith("ended"):
                return _rest(answers, first, reason)
        return answers

    def _collect(self, answers: Answers, first: int, budget: int, until: float) -> tuple[int, int, str]:
        """Read answers in their order; returns the next case, what is left of the budget, and why no more came."""
        count = len(answers.trees)
        until = min(until + GRACE_SECONDS, self.session.deadline)
        while True:
            try:
                message, data = wire.receive(
                    self.sock, max_data=max(budget, 0), deadline=until, waiting=self.session.watch
                )
                if "over" in message:
                    return first, budget, "" if first >= count else _how(message["over"])
                if message.get("case") != first or type(message.get("text")) is not str or first >= count:
                    raise wire.Broken("an answer out of turn")
                answers.trees[first] = _tree(message["text"], data)
            except wire.Late:
                return first, budget, "did not come to an end in time"
            except wire.Ended:
                return first, budget, "ended the Python process"
            except (wire.Broken, BadData):
                return first, budget, "gave something that is no answer"
            except Gone as error:  # what uses too much memory ends with everything around it
                self.session.close()
                return first, budget, str(error)
            first, budget = first + 1, budget - len(data)


def _tree(text: str, data: bytes) -> Any:
    try:
        tree = codec.load(text, data)
    except BadData:
        raise
    except Exception as error:  # whatever a library makes of hostile bytes, it is no answer
        raise BadData(f"The answer cannot be read ({type(error).__name__}).") from None
    if type(tree) is not dict or list(tree) != ["answer"]:
        raise BadData("There is no answer in it.")
    return tree["answer"]


def _how(status: object) -> str:
    """What the exit status of an answering process says."""
    if type(status) is int and status == 14:  # ended by its alarm
        return "did not come to an end in time"
    return "ended the Python process"


def _rest(answers: Answers, first: int, reason: str) -> Answers:
    for number in range(first, len(answers.trees)):
        answers.reasons[number] = reason
    return answers


def _cell(reply: dict[str, Any], limits: Limits) -> Cell:
    """A reply as plain, bounded data; what does not fit is left out."""
    outputs = reply.get("outputs")
    seconds = reply.get("seconds")
    defined = reply.get("defined")
    checked = [_output(item, limits) for item in outputs[:200]] if type(outputs) is list else []
    honest = type(seconds) in (int, float) and math.isfinite(seconds) and 0 <= seconds < 1e6
    names = defined if type(defined) is dict else {}
    return Cell(
        [item for item in checked if item],
        float(seconds) if honest else 0.0,
        {name: ident for name, ident in names.items() if type(ident) is int},
    )


def _output(item: Any, limits: Limits) -> dict[str, Any]:
    if type(item) is not dict or item.get("type") not in _TYPES:
        return {}

    def text(key: str, cap: int) -> str:
        return _whole(item[key][:cap]) if type(item.get(key)) is str else ""

    if item["type"] == "stream":
        name = "stderr" if item.get("name") == "stderr" else "stdout"
        return {"type": "stream", "name": name, "text": text("text", limits.output + 100)}
    if item["type"] == "error":
        return {
            "type": "error",
            "name": re.sub(r"[^\w.]", "", text("name", 80)),
            "value": text("value", 2000),
            "trace": text("trace", 20_000),
        }
    data = item.get("data")
    kept = {
        _whole(mime): _whole(value)
        for mime, value in (data.items() if type(data) is dict else ())
        if type(value) is str and len(mime) < 100 and len(value) <= limits.pictures
    }
    return {"type": item["type"], "data": kept} if kept else {}


def _whole(text: str) -> str:
    """Text that can be written anywhere: halves of characters are replaced."""
    return text.encode("utf-8", "replace").decode()


def _share_of_memory(pid: int) -> int:
    """Proportional set size of a process in bytes: a page that n processes share counts 1/n in each."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss_Anon:"))
    except (OSError, ValueError, IndexError):
        return own_memory(pid)


def _tree_memory(pid: int, base: int, measure: Callable[[int], int]) -> int:
    """What a guard's descendants have together, ``base`` bytes taken off each, in bytes."""
    try:
        family = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return 0
    return sum(max(0, measure(process.pid) - base) for process in family)
