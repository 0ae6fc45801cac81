"""For every test.

- what a test runs is nobody's progress (the tests of the record name a file of their own);
- the files that take longest are handed out first, so that no worker is left with one of them at the end.
"""

from __future__ import annotations

import os

import pytest

os.environ["MECHANISMS_PROGRESS"] = "off"
# Those that read the built book are apart: whoever comes first builds it, and the other would wait.
LONGEST = (
    "tests/anatomy/test_specs.py",
    "tests/walkthroughs/test_instructor.py",
    "tests/book/test_solutions.py",
    "tests/browser/test_jupyterlab.py",
    "tests/attacks/test_attacks.py",
    "tests/walkthroughs/test_new_chapter.py",
    "tests/build/test_sample_class.py",
    "tests/book/test_browser.py",
    "tests/build/test_every_chapter.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the longest files to the front; within a file the order stays."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(LONGEST)))
