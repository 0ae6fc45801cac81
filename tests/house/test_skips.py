"""tests/SKIPS.md and the tests agree on what may be skipped."""

from __future__ import annotations

import ast
import re

from tracked import ROOT, tracked_files

SKIPPING = re.compile(r"\b(skip|skipif|importorskip|xfail|skipUnless|skipIf)\b")


def skipping_tests() -> set[str]:
    """The test functions (and whole files) that name pytest's ways to skip, as path::function."""
    found = set()
    for path in tracked_files():
        if path.parts[0] != "tests" or path.suffix != ".py" or path.name == "test_skips.py":
            continue
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        for node in tree.body:
            names = [part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)]
            if any(SKIPPING.fullmatch(name) for name in names):
                named = getattr(node, "name", "")
                found.add(f"{path.as_posix()}::{named}" if named else path.as_posix())
    return found


def rows() -> list[list[str]]:
    table = (ROOT / "tests" / "SKIPS.md").read_text("utf-8").split("<!-- table -->")[1]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_skip_has_a_row_and_every_row_a_skip():
    assert {row[0].strip("`") for row in rows()} == skipping_tests()


def test_every_row_is_complete():
    assert all(len(row) == 4 and all(row) for row in rows())
