"""The limits that the sandbox's tests use: small, so that reaching one takes no time."""

from __future__ import annotations

from autograder.sandbox.limits import Limits

SMALL = Limits(cell_seconds=2, answer_seconds=2, total_seconds=40, memory=1 << 30, scratch=64 << 20, processes=32)
