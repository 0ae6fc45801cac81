"""The arena, graded once for all tests of this folder, and one line per attack at the end of the run."""

from __future__ import annotations

import sys
import textwrap
from contextlib import contextmanager
from pathlib import Path

import pytest
from attack_arena import Arena, Batch, Outcome, build_arena, collect_orphans, digest, new_secret, start_batch

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def variables(tmp_path_factory):
    """The environment of the arena: secrets that an attack may look for, and where its course lies."""
    root = tmp_path_factory.mktemp("arena").resolve()
    return {
        "PYTHONPATH": str(HERE / "arena"),
        "ARENA_ROOT": str(root),
        "MECHANISMS_PROJECT": "arena_spec:project",
        "MECHANISMS_COURSE": str(root / "course"),
        "MECHANISMS_CHECKS": str(root / "mechanisms" / "check"),
        "MECHANISMS_SECRET": new_secret(),
        "HF_TOKEN": new_secret(),
        "AWS_SECRET_ACCESS_KEY": new_secret(),
        "HOME": str(root / "home"),
        "TMPDIR": str(root / "tmp"),
        "OMP_NUM_THREADS": "1",
    }


@contextmanager
def within(variables):
    """Set them for a while: the worker that runs these tests runs other files after them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE / "arena"))
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module", autouse=True)
def environment(variables):
    """The arena's environment for as long as a module of this folder runs."""
    with within(variables):
        yield
    sys.modules.pop("arena_spec", None)


@pytest.fixture(scope="session")
def arena(variables):
    """The attacked course, every submission handed in."""
    with within(variables):
        return build_arena(Path(variables["ARENA_ROOT"]))


class Graded:
    """The batch after grading: outcomes by student, and what was there before and after."""

    def __init__(self, arena: Arena):
        collect_orphans()
        batch: Batch = start_batch()
        # Both workers are warm, and what they make for themselves is made, before anything is compared.
        batch.grade(["a-honest-before", "z-honest-after"])
        self.before = digest(arena.course, arena.home, arena.root / "solutions", arena.root / "mechanisms")
        first = sorted(arena.everybody)
        self.outcomes: dict[str, Outcome] = batch.grade(first)
        self.outcomes |= batch.grade([*sorted(arena.accomplices), "z-honest-after"])
        arena.regraded = batch.grade(["row42-tolerance", "b-honest-partly-right"])
        self.left = batch.finish()
        self.visitors = list(arena.visitors)
        self.after = digest(arena.course, arena.home, arena.root / "solutions", arena.root / "mechanisms")


@pytest.fixture(scope="session")
def graded(arena, variables) -> Graded:
    """Everybody graded, attacks and honest students, as one batch."""
    with within(variables):
        return Graded(arena)


def pytest_terminal_summary(terminalreporter):
    """One line per attack."""
    lines = []
    for reports in terminalreporter.stats.values():
        for report in reports:
            lines += [value for name, value in getattr(report, "user_properties", ()) if name == "attack"]
    if lines:
        terminalreporter.section("attacks: honest worth, points earned, seconds")
        for line in sorted(set(lines)):
            terminalreporter.write_line(textwrap.shorten(line, 200))
