"""Messages between the trusted side and the sandbox: a JSON object and some bytes, with lengths in front.

- ``send`` and ``receive`` work on a connected stream socket; a message may carry open file descriptors towards the
  sandbox, never out of it;
- ``receive`` reads no more than its caps allow, waits no longer than its deadline, and parses nothing but JSON;
- everything that is wrong with what came is ``Broken``, the end of the stream is ``Ended``, no answer in time ``Late``.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

_LENGTHS = struct.Struct("!IQ")
MAX_JSON = 8 << 20
_TICK = 0.1


class WireError(Exception):
    """Nothing usable came; the message says why."""


class Broken(WireError):
    """What came is no message."""


class Ended(WireError):
    """The other side closed the connection or died."""


class Late(WireError):
    """Nothing complete came before the deadline."""


def send(sock: socket.socket, message: dict[str, Any], data: bytes = b"", fds: tuple[int, ...] = ()) -> None:
    """Send one message. Raises Ended when the other side is gone, Late when a socket with a timeout is full."""
    text = json.dumps(message, separators=(",", ":")).encode()
    head = _LENGTHS.pack(len(text), len(data))
    try:
        if fds:
            socket.send_fds(sock, [head], list(fds))
        else:
            sock.sendall(head)
        sock.sendall(text)
        if data:
            sock.sendall(data)
    except TimeoutError:
        raise Late("the other side does not read") from None
    except OSError as error:
        raise Ended(f"the connection is closed ({error.strerror})") from None


def receive(
    sock: socket.socket,
    max_json: int = MAX_JSON,
    max_data: int = 0,
    deadline: float | None = None,
    waiting: Callable[[], None] | None = None,
    fds: list[int] | None = None,
) -> tuple[dict[str, Any], bytes]:
    """The next message. ``deadline`` is a `time.monotonic` value; ``waiting`` is called about ten times a second
    while nothing comes; ``fds``, a list, takes descriptors that came along (none are accepted without it)."""
    reader = _Reader(sock, deadline, waiting)
    head = reader.read(_LENGTHS.size, fds)
    text_length, data_length = _LENGTHS.unpack(head)
    if text_length > max_json or data_length > max_data:
        raise Broken(f"a message of {text_length + data_length} bytes is more than is accepted")
    text = reader.read(text_length)
    data = reader.read(data_length)
    try:
        message = json.loads(text)
    except (ValueError, RecursionError, MemoryError):
        raise Broken("a message is no JSON") from None
    if type(message) is not dict:
        raise Broken("a message is no JSON object")
    return message, data


class _Reader:
    def __init__(self, sock: socket.socket, deadline: float | None, waiting: Callable[[], None] | None):
        self.sock = sock
        self.deadline = deadline
        self.waiting = waiting
        self.poll = select.poll()
        self.poll.register(sock, select.POLLIN)

    def read(self, count: int, fds: list[int] | None = None) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            self._wait()
            want = min(count - len(parts), 1 << 20)
            try:
                if fds is not None and not parts:
                    piece, came, _, _ = socket.recv_fds(self.sock, want, 8)
                    fds += came
                else:
                    piece = self.sock.recv(want)
            except (BlockingIOError, InterruptedError, TimeoutError):
                continue
            except OSError as error:
                raise Ended(f"the connection is closed ({error.strerror})") from None
            if not piece:
                raise Ended("the connection is closed")
            parts += piece
        return bytes(parts)

    def _wait(self) -> None:
        while self.deadline is not None or self.waiting is not None:
            left = _TICK if self.deadline is None else self.deadline - time.monotonic()
            if left <= 0:
                raise Late("no answer came in time")
            if self.poll.poll(1000 * min(left, _TICK)):
                return
            if self.waiting is not None:
                self.waiting()
