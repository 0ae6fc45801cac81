"""`autograder new-chapter`: what it writes passes everything that a chapter has to pass, in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from project_copy import copy_project

from autograder.build.new_chapter import names_of, new_chapter
from autograder.project import Project
from mechanisms.errors import UsageError

SLUG = "10_my_paper"
CONTENTS = """\
root: a
chapters:
  - file: book/chapters/02_b
  - file: book/chapters/11_c
  - file: book/solutions
    sections:
    - file: book/solutions/02_b
      title: Solutions, chapter 2
    - file: book/solutions/11_c
      title: Solutions, chapter 11
"""


def environment(folder: Path) -> dict[str, str]:
    """The environment in which the copy is what Python imports."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MECHANISMS_", "PYTEST_"))}
    return kept | {"PYTHONPATH": str(folder), "PATH": programs, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def run(folder: Path, *words: str) -> str:
    """Run a program in the copy; its output. Fails the test when it fails."""
    done = subprocess.run(words, cwd=folder, env=environment(folder), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A copy of the project with a new chapter in it: (its folder, what the command said)."""
    folder = tmp_path_factory.mktemp("project").resolve()
    copy_project(folder)
    # The job `setup` is not tried here: it would install everything into the copy.
    said = run(folder, "make", "--old-file=setup", "new-chapter", f"NAME={SLUG}", "TITLE=My paper: the first try")
    run(folder, "autograder", "exercises", "10")
    return folder, said


@pytest.mark.slow
def test_the_command_names_its_files_and_they_are_there(written):
    folder, said = written
    named = re.findall(r"(?m)^wrote (\S+)$", said)
    assert len(named) == 7 and all((folder / name).is_file() for name in named)
    assert (folder / "exercises" / SLUG / "my_paper.ipynb").is_file()


@pytest.mark.slow
def test_it_passes_lint_anatomy_freshness_and_its_own_tests(written):
    folder, _ = written
    run(folder, "ruff", "check", ".")
    run(folder, "ruff", "format", "--check", ".")
    run(folder, "autograder", "exercises", "--check", "10")
    chosen = (
        "tests/anatomy",
        "tests/ch10",
        "tests/build/test_every_chapter.py",
        "tests/book/test_build.py",
        "tests/book/test_parts.py",
    )
    words = (
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "(ch10 or 10_my or contents or names_its_page or lists_its) and not real",
    )
    said = run(folder, sys.executable, "-m", "pytest", *words, *chosen)
    passed = int(re.search(r"(\d+) passed", said)[1])
    # Anatomy: 4 for the exercise, 6 for mistakes and 4 for other answers (both seeds), the spec, hidden cases.
    assert passed >= 20 and "skipped" not in said


@pytest.mark.slow
def test_its_page_builds_without_a_warning(written):
    folder, _ = written
    alone = folder.parent / "alone"
    shutil.copytree(folder, alone, ignore=shutil.ignore_patterns(".venv", "exercises", "_build"))
    (alone / "_toc.yml").write_text(f"format: jb-book\nroot: book/chapters/{SLUG}\n")
    settings = (alone / "_config.yml").read_text("utf-8")
    assert "hide_solutions: false" in settings
    # The other chapters' solutions would run for minutes.
    (alone / "_config.yml").write_text(settings.replace("hide_solutions: false", "hide_solutions: true"))
    said = run(alone, sys.executable, "tools/build_book.py")
    assert "without a warning" in said
    assert "My paper: the first try" in (alone / f"book/_build/html/book/chapters/{SLUG}.html").read_text("utf-8")


@pytest.fixture
def small(tmp_path):
    """A project of nothing but a table of contents."""
    (tmp_path / "_toc.yml").write_text(CONTENTS)
    return Project(root=tmp_path, only={})


def test_the_page_and_its_solutions_have_their_places_in_the_contents(small):
    new_chapter(small, names_of(SLUG))
    wanted = CONTENTS.replace(
        "  - file: book/chapters/11_c", f"  - file: book/chapters/{SLUG}\n  - file: book/chapters/11_c"
    )
    wanted = wanted.replace(
        "    - file: book/solutions/11_c",
        f"    - file: book/solutions/{SLUG}\n      title: Solutions, chapter 10\n    - file: book/solutions/11_c",
    )
    assert (small.root / "_toc.yml").read_text() == wanted


def test_nothing_is_written_over(small):
    new_chapter(small, names_of(SLUG))
    before = (small.root / "_toc.yml").read_text()
    with pytest.raises(UsageError, match="is there already; nothing was written"):
        new_chapter(small, names_of("10_other"))
    assert (small.root / "_toc.yml").read_text() == before
    assert not list(small.root.rglob("*10_other*"))


def test_a_number_that_is_taken_is_refused(small):
    taken = Project().chapter("02")
    with pytest.raises(UsageError, match="Chapter 02 is there already: 02_factual_recall"):
        new_chapter(Project(root=small.root, only={taken.slug: taken}), names_of("02_mine"))


@pytest.mark.parametrize(
    "slug", ["", "my_paper", "1_paper", "10-my-paper", "10_My", "00_zero", "10_", "10_" + "a" * 60]
)
def test_a_name_that_cannot_be_used_is_one_sentence(slug):
    with pytest.raises(UsageError, match=r"use two digits and small letters, such as 10_my_paper"):
        names_of(slug)


@pytest.mark.parametrize("title", ['a "quoted" one', "two\nlines", "a" * 60, "a {bracket}"])
def test_a_title_that_would_break_a_file_is_refused(title):
    with pytest.raises(UsageError, match="The title must be one line"):
        names_of(SLUG, title)
