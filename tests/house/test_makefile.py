"""`make help` tells every target, and the jobs that people type are there."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from tracked import ROOT

MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
PROMISED = ("course", "serve", "test", "test-fast", "book", "exercises", "bench", "lock", "lab-lm", "clean", "help")


def targets() -> list[str]:
    return re.findall(r"(?m)^([a-z][a-z-]*):(?!=)", MAKEFILE)


def help_lines(*arguments: str) -> list[str]:
    done = subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_help_has_one_line_for_each_target():
    told = [re.match(r"  make ([a-z-]+) +\S.*", line) for line in help_lines("help")]
    assert all(told)
    assert [match[1] for match in told] == targets()


def test_help_is_what_plain_make_does():
    assert help_lines() == help_lines("help")


def test_lines_fit_a_terminal():
    assert max(map(len, help_lines("help"))) <= 100


@pytest.mark.parametrize("target", PROMISED)
def test_the_promised_targets_are_there(target):
    assert target in targets()


def test_every_target_is_phony():
    phony = re.search(r"(?m)^\.PHONY: (.+)$", MAKEFILE)[1].split()
    assert sorted(phony) == sorted(targets())


def test_nothing_is_fetched_while_the_course_runs():
    assert "export HF_HUB_OFFLINE ?= 1" in MAKEFILE


def test_clean_leaves_grades_and_the_environment_alone():
    recipe = MAKEFILE.split("\nclean:")[1]
    assert not re.search(r"rm -rf[^\n]*(\bcourse\b|\.venv)", recipe)


def test_every_test_file_is_collected():
    """pytest passes over folders with certain names: no file of tests may be lost that way."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    collected = {line.split("::")[0] for line in done.stdout.splitlines() if "::" in line}
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")}
    assert files and collected == files
