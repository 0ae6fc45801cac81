"""What every tracked file has to keep to."""

from __future__ import annotations

import re

import pytest
from tracked import ROOT, imported_names, text_of, tracked_files

# A path below somebody's home or a machine's own folders, or the host of a package index.
PERSONAL_PATH = re.compile(r"(?<![\w.~-])/(?:home|Users|root|work|farm|opt)/\w")
INDEX_HOST = re.compile(r"python(?:hosted)\.org|pypi(?:\.org)/simple|--(?:extra-)?index-url\s*=?\s*\S+://")


def python_files(*tops: str):
    return [path for path in tracked_files() if path.suffix == ".py" and path.parts[0] in tops]


@pytest.mark.parametrize("path", python_files("mechanisms"), ids=str)
def test_mechanisms_never_imports_autograder(path):
    assert not [name for name in imported_names(path) if name.split(".")[0] == "autograder"]


@pytest.mark.parametrize("path", python_files("solutions"), ids=str)
def test_a_notebook_never_imports_autograder(path):
    assert not [name for name in imported_names(path) if name.split(".")[0] == "autograder"]


def test_no_file_is_named_utils():
    assert not [path for path in tracked_files() if re.fullmatch(r"_?utils?", path.stem.lower())]


def test_no_path_or_host_of_a_machine():
    found = {}
    for path in tracked_files():
        text = text_of(path)
        for pattern in (PERSONAL_PATH, INDEX_HOST):
            if hit := pattern.search(text):
                found[str(path)] = text[max(0, hit.start() - 30) : hit.end() + 30]
    assert not found


def test_every_module_says_what_it_does():
    silent = []
    for path in python_files("mechanisms", "autograder", "tools"):
        text = text_of(path)
        if text.strip() and not text.lstrip().startswith(('"""', 'r"""')):
            silent.append(str(path))
    assert not silent


def test_the_licences_are_there():
    assert "MIT License" in (ROOT / "LICENSE").read_text()
    assert "CC BY 4.0" in (ROOT / "LICENSE-BOOK").read_text()
