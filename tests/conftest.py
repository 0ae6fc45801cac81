"""For every test: what a test runs is nobody's progress (the tests of the record name a file of their own)."""

from __future__ import annotations

import os

os.environ["MECHANISMS_PROGRESS"] = "off"
