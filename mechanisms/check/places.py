"""Where the public cases and the questions lie; apart, so that asking loads no library."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path:
    """The folder that holds ``snapshots/`` and ``questions/``."""
    return Path(os.environ.get("MECHANISMS_CHECKS") or Path(__file__).parent)
