"""Messages between the driver and its trusted workers: one JSON object each, with its length in front.

- ``send`` writes one message to a pipe; ``receive`` waits for one; ``Reader`` collects what has arrived so far;
- plain data only: nothing that a worker sends is ever run or unpickled by the driver.
"""

from __future__ import annotations

import json
import os
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_LENGTH = struct.Struct("<Q")
CHUNK = 1 << 20
# A graded notebook has a few megabytes at most; anything near this is a fault, not a message.
LIMIT = 1 << 30


def packed(message: dict[str, Any]) -> bytes:
    """One message as it goes through a pipe. Lone surrogates (odd file names) survive."""
    body = json.dumps(message).encode("ascii")
    return _LENGTH.pack(len(body)) + body


def send(pipe: int, message: dict[str, Any]) -> None:
    """Write one message, waiting while the pipe is full. Raises OSError when nobody reads any more."""
    view = memoryview(packed(message))
    while view:
        view = view[os.write(pipe, view) :]


def receive(pipe: int) -> dict[str, Any] | None:
    """Wait for one message; None when the other side has closed the pipe, also in the middle of a message."""
    head = _exactly(pipe, _LENGTH.size)
    if head is None:
        return None
    (length,) = _LENGTH.unpack(head)
    body = _exactly(pipe, length) if length <= LIMIT else None
    return None if body is None else json.loads(body)


def _exactly(pipe: int, size: int) -> bytes | None:
    content = bytearray()
    while len(content) < size:
        chunk = os.read(pipe, min(CHUNK, size - len(content)))
        if not chunk:
            return None
        content += chunk
    return bytes(content)


class Reader:
    """The messages of one pipe, read whenever something has arrived. ``closed`` tells that no more can come."""

    def __init__(self, pipe: int):
        self.pipe = pipe
        self.closed = False
        self._content = bytearray()

    def messages(self) -> Iterator[dict[str, Any]]:
        """Read what is there (waits when nothing is) and give every message that is complete."""
        chunk = os.read(self.pipe, CHUNK)
        self.closed = self.closed or not chunk
        self._content += chunk
        while len(self._content) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._content)
            end = _LENGTH.size + length
            if length > LIMIT:
                self.closed = True
                return
            if len(self._content) < end:
                return
            message = json.loads(self._content[_LENGTH.size : end])
            del self._content[:end]
            yield message
