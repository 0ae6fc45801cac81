"""Files that are no notebooks get one sentence each."""

from __future__ import annotations

import json
import os

import pytest

from autograder.build.source import write_notebook
from autograder.nbg.intake import read_notebook, take_in
from mechanisms.errors import BadNotebook


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is an empty file"),
        (b"  \n", "is an empty file"),
        (b"<!DOCTYPE html><html></html>", "it is not valid JSON"),
        (b'{"cells": [', "it is not valid JSON"),
        (b"\xff\xfe\x00\x01", "it is not valid JSON"),
        (b"[" * 100_000, "it is not valid JSON"),
        (b"[]", "it has no list of cells"),
        (b'{"metadata": {}}', "it has no list of cells"),
        (b'{"cells": [1, 2]}', "is not a valid notebook"),
        (b'{"cells": {}}', "it has no list of cells"),
        (b'{"cells": []}', "its list of cells is empty"),
        (b"%PDF-1.7", "but a PDF"),
        (b"PK\x03\x04", "but a zip archive"),
        (b"no notebook at all", "it is not valid JSON"),
        (b'{"cells": [{"cell_type": "code", "source": 5}]}', "is not a valid notebook"),
        (b'{"cells": [{"cell_type": "magic", "source": ""}]}', "is not a valid notebook"),
    ],
)
def test_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "toy.ipynb"
    path.write_bytes(content)
    with pytest.raises(BadNotebook) as caught:
        read_notebook(path)
    assert sentence in str(caught.value) and str(caught.value).startswith("toy.ipynb") and "\n" not in str(caught.value)


def test_missing_file_names_the_one_that_is_there(tmp_path):
    (tmp_path / "toy (1).ipynb").write_text("{}")
    with pytest.raises(BadNotebook, match=r"was not handed in \(there is toy \(1\).ipynb"):
        read_notebook(tmp_path / "toy.ipynb")


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs links")
def test_a_link_is_refused(tmp_path):
    (tmp_path / "real.ipynb").write_text("{}")
    (tmp_path / "toy.ipynb").symlink_to(tmp_path / "real.ipynb")
    with pytest.raises(BadNotebook, match="is a link or a folder"):
        read_notebook(tmp_path / "toy.ipynb")


def test_no_kernel_no_ids_no_metadata_is_still_graded(tmp_path, release):
    data = json.loads(write_notebook(release))
    data.update(metadata={}, nbformat_minor=2)
    for cell in data["cells"]:
        del cell["metadata"], cell["id"]
        cell.pop("outputs", None)
    path = tmp_path / "toy.ipynb"
    path.write_text(json.dumps(data), encoding="utf-8-sig")
    intake = take_in(path, release)
    assert intake.matched.lost == {}
    assert intake.notices == ["The notebook names no kernel; it was run with the course's own (python3)."]


def test_an_old_format_is_converted(tmp_path, release):
    code = [{"cell_type": "code", "language": "python", "outputs": [], "metadata": {}, "input": cell.source}
            for cell in release.cells if cell.cell_type == "code"]  # fmt: skip
    path = tmp_path / "toy.ipynb"
    path.write_text(json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": code}]}))
    matched = take_in(path, release).matched
    assert list(matched.lost) == ["why_spread"]
