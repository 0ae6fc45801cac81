"""The wheel carries the data that a student's notebook reads."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tracked import ROOT, tracked_files

pytestmark = pytest.mark.slow
DATA = (".json", ".safetensors", ".tsv")


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> set[str]:
    """The names in a wheel built from the tracked files, outside the repository and without a network."""
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for path in tracked_files():
        if path.parts[0] in ("mechanisms", "autograder", "pyproject.toml", "README.md", "LICENSE", "LICENSE-BOOK"):
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, copy / path)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(out)]
    done = subprocess.run([*command, str(copy)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    [wheel] = out.glob("mechanisms_course-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_every_tracked_file_of_the_packages_is_in_it(content):
    wanted = {str(path) for path in tracked_files() if path.parts[0] in ("mechanisms", "autograder")}
    assert wanted <= content


def test_the_packages_have_their_data(content):
    data = {name for name in content if Path(name).suffix in DATA}
    assert "mechanisms/data/world.tsv" in data
    assert any(name.startswith("mechanisms/check/snapshots/") for name in data)
    assert any(name.endswith("model.safetensors") for name in data)
    assert any(name.endswith("tokenizer.json") for name in data)


def test_tests_solutions_and_the_book_stay_out(content):
    assert {name.split("/")[0].split("-")[0] for name in content} == {"mechanisms", "autograder", "mechanisms_course"}


def test_the_licences_travel_with_it(content):
    assert {Path(name).name for name in content} >= {"LICENSE", "LICENSE-BOOK"}
