"""Stopping a long training between two steps, so that it can go on later as if nothing had happened.

- ``interruptible()`` turns the first interrupt (the notebook's ■ button, Ctrl-C) into a question that the loop asks:
  the step in progress ends, the state is saved whole;
- a second interrupt stops at once, for whoever cannot wait;
- ``Stopped`` says in one sentence how far it came and how to go on.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mechanisms.errors import CourseError


class Stopped(CourseError):
    """A training that was interrupted and has saved its state."""

    def __init__(self, step: int, steps: int, folder: object):
        super().__init__(
            f"Stopped at step {step:,} of {steps:,}. Its state is kept in {folder}: run this again to go on from there."
        )


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether an interrupt has come. Outside the main thread it always says no."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def ask(number: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)
