"""One warm parent for all tests of the sandbox."""

from __future__ import annotations

import pytest
from small import SMALL

from autograder.sandbox.protections import protections
from autograder.sandbox.warm import WarmParent


@pytest.fixture(scope="session")
def parent():
    """A warm parent without lab models; isolated, since these tests are about that."""
    if not protections().enough:
        pytest.skip("this machine gives no isolation")
    found = WarmParent(models=())
    yield found
    found.stop()


@pytest.fixture
def session(parent):
    """A sandbox of its own for one test."""
    with parent.open(SMALL, ["f", "g"]) as opened:
        yield opened
