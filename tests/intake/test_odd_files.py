"""Which file of a student's is graded, and what is no file to be read."""

from __future__ import annotations

import copy
import json
import os
import random
import socket

import nbformat
import pytest
from nbformat.v4 import new_notebook

from autograder.build.source import write_notebook
from autograder.lean import read_cells
from autograder.nbg import intake
from autograder.nbg.intake import find_submission, notebook_files, read_notebook, take_in
from mechanisms.errors import BadNotebook


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "submitted" / "jane" / "90_toy"
    place.mkdir(parents=True)
    return place


def put(folder, name, notebook):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(notebook if isinstance(notebook, str) else write_notebook(notebook), encoding="utf-8")
    return path


def test_the_expected_name_counts_even_beside_a_fuller_one(folder, chapter, release, answered):
    expected = put(folder, "toy.ipynb", release)
    put(folder, "toy (1).ipynb", answered)
    assert find_submission(folder, chapter, release) == expected


@pytest.mark.parametrize("name", ["toy (1).ipynb", "Kopie von toy.ipynb", "deep/er/my homework.ipynb", "toy.ipynb.txt"])
def test_another_name_or_an_extra_folder(folder, chapter, release, answered, name):
    path = put(folder, name, answered)
    put(folder, "helper.py", "import os\n")
    put(folder, "__MACOSX/toy.ipynb", answered)
    put(folder, ".ipynb_checkpoints/toy.ipynb", answered)
    assert find_submission(folder, chapter, release) == path


def test_of_several_the_one_with_most_in_it(folder, chapter, release, answered, other_chapter):
    put(folder, "a.ipynb", other_chapter)
    put(folder, "b.ipynb", release)
    half = copy.deepcopy(answered)
    half.cells = half.cells[:6]
    put(folder, "c.ipynb", half)
    best = put(folder, "d.ipynb", answered)
    put(folder, "e.ipynb", release)
    put(folder, "toy.ipynb", "<html>")
    assert find_submission(folder, chapter, release) == best


def test_of_equal_ones_the_newest(folder, chapter, release, answered):
    paths = [put(folder, f"{name}.ipynb", answered) for name in "cab"]
    for age, path in enumerate(paths):
        os.utime(path, (1e9 - age, 1e9 - age))
    assert find_submission(folder, chapter, release) == paths[0]


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "No notebook was handed in for 90_toy"),
        ({"toy.ipynb": ""}, "toy.ipynb is an empty file"),
        ({"toy.ipynb": "<html>"}, "toy.ipynb is not a notebook"),
        ({"essay.md": "My essay.\n"}, "No notebook was handed in for 90_toy"),
        ({"mine.ipynb": "{"}, "mine.ipynb is not a notebook"),
    ],
)
def test_nothing_that_can_be_graded_is_one_sentence(folder, chapter, release, files, sentence):
    for name, text in files.items():
        put(folder, name, text)
    with pytest.raises(BadNotebook, match=sentence):
        take_in(find_submission(folder, chapter, release), release)


def test_someone_elses_chapter_is_named(folder, chapter, release, other_chapter):
    put(folder, "work.ipynb", other_chapter)
    with pytest.raises(BadNotebook, match="This is the notebook of chapter 91"):
        find_submission(folder, chapter, release)


def test_no_folder_at_all(tmp_path, chapter, release):
    with pytest.raises(BadNotebook, match="Nothing was handed in"):
        find_submission(tmp_path / "nobody", chapter, release)


def test_links_pipes_sockets_and_folders_are_never_read(folder, tmp_path, chapter, release, answered):
    secret = put(tmp_path, "secret/toy.ipynb", answered)
    (folder / "toy.ipynb").symlink_to(secret)
    (folder / "link").symlink_to(secret.parent)
    (folder / "folder.ipynb").mkdir()
    os.mkfifo(folder / "pipe.ipynb")
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(folder)
        server.bind("socket.ipynb")
    assert notebook_files(folder) == []
    for name in ("toy.ipynb", "folder.ipynb", "pipe.ipynb", "socket.ipynb"):
        with pytest.raises(BadNotebook, match="is a link or a folder, not a file"):
            read_notebook(folder / name)
    with pytest.raises(BadNotebook, match="is a link or a folder, not a file"):
        take_in(find_submission(folder, chapter, release), release)
    elsewhere = tmp_path / "linked"
    elsewhere.symlink_to(secret.parent)
    with pytest.raises(BadNotebook, match="Nothing was handed in"):
        find_submission(elsewhere, chapter, release)


def test_a_name_from_outside_stays_one_printable_line(tmp_path):
    path = tmp_path / "a\nb\x1b[31m\u202eipynb.ipynb"
    path.write_text("<html>")
    with pytest.raises(BadNotebook) as caught:
        read_notebook(path)
    assert str(caught.value).startswith("a?b?[31m?ipynb.ipynb is not a notebook") and str(caught.value).isprintable()


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = put(tmp_path, "toy.ipynb", "{}")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(intake.os, "open", refuse)
    with pytest.raises(BadNotebook, match="cannot be read .Permission denied."):
        read_notebook(path)


def test_a_size_beyond_everything_is_one_sentence(tmp_path):
    path = tmp_path / "toy.ipynb"
    with open(path, "wb") as file:
        file.truncate(intake.SIZE_LIMIT + 1)
    with pytest.raises(BadNotebook, match="ask for a copy with its outputs cleared"):
        read_notebook(path)


def test_metadata_of_colab_and_vs_code(tmp_path, answered, release):
    data = json.loads(write_notebook(answered))
    colab = {"colab": {"provenance": [], "toc_visible": True}, "accelerator": "GPU", "kernelspec": {"name": "python3"}}
    data["metadata"] = {**colab, "vscode": {"interpreter": 1}, "widgets": {"x": {"state": {"a": ["b"] * 99}}}}
    data["nbformat_minor"] = 0
    for number, cell in enumerate(data["cells"]):
        del cell["id"]
        cell["metadata"] = {"id": f"x{number}", "outputId": "y", "colab": {"base_uri": "https://localhost:8080/"},
                            "vscode": {"languageId": "python"}, "cellView": "form"}  # fmt: skip
    path = tmp_path / "Copy_of_toy.ipynb"
    path.write_text(json.dumps(data))
    taken = take_in(path, release)
    assert taken.matched.lost == {} and taken.notices == []


def test_a_damaged_file_is_graded_in_part_and_says_what_is_lost(tmp_path, answered, release):
    text = write_notebook(answered)
    path = put(tmp_path, "toy.ipynb", text[: text.index("def describe") + 30])
    taken = take_in(path, release)
    assert set(taken.matched.lost) == {"describe", "why_spread"}
    assert any("The file is damaged (it is cut off)" in notice and "1 cell could not be read" in notice
               for notice in taken.notices)  # fmt: skip


def mutated(content, chance):
    """The bytes with a few things done to them that happen to files, and some that do not."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        at, length = chance.randrange(len(data) + 1), chance.choice([1, 1, 3, 40, 2_000])
        what = chance.randrange(8)
        if what == 0:
            del data[at : at + length]
        elif what == 1:
            data[at:at] = chance.randbytes(length)
        elif what == 2 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif what == 3:
            data[at:at] = data[at : at + length] * chance.randint(1, 4)
        elif what == 4:
            data[at:at] = chance.choice([b'"', b"{", b"}", b"[", b"]", b"\\", b",", b"\x00", b"\xff", b'{"cell_type":'])
        elif what == 5:
            del data[at:]
        elif what == 6:
            other = chance.randrange(len(data) + 1)
            data[at : at + length], data[other : other + length] = data[other : other + length], data[at : at + length]
        else:
            data[at:at] = b"[" * chance.choice([10, 5_000])
        if not data:
            break
    return bytes(data)


@pytest.fixture(scope="session")
def real_files(answered, tmp_path_factory):
    """What is fuzzed: the chapter that is shipped, the toy chapter, and two exports of it."""
    import jupytext

    from autograder.project import REPOSITORY

    shipped = sorted((REPOSITORY / "exercises").glob("*/*.ipynb"))[0].read_bytes()
    toy = write_notebook(answered)
    return [
        (".ipynb", shipped),
        (".ipynb", toy.encode()),
        (".ipynb", toy.encode("utf-16")),
        (".py", jupytext.writes(answered, fmt="py:percent").encode()),
        (".md", jupytext.writes(answered, fmt="md").encode()),
    ]


@pytest.mark.parametrize("seed", range(6))
def test_fuzz_every_file_ends_as_a_notebook_or_one_sentence(tmp_path, real_files, release, seed):
    chance = random.Random(f"reader-{seed}")
    read = 0
    for number in range(60):
        suffix, content = real_files[number % len(real_files)]
        path = tmp_path / f"fuzzed{suffix}"
        path.write_bytes(mutated(content, chance))
        try:
            notebook, notices = read_notebook(path)
        except BadNotebook as error:
            assert "\n" not in str(error)
            continue
        read += 1
        nbformat.validate(notebook)
        write_notebook(notebook).encode("utf-8")
        assert all(isinstance(notice, str) and "\n" not in notice for notice in notices)
        try:
            matched = take_in(path, release).matched
        except BadNotebook:
            continue
        nbformat.validate(matched.notebook)
        write_notebook(matched.notebook).encode("utf-8")
    assert read > 15


@pytest.mark.slow
def test_200_mb_of_output_are_read(tmp_path, answered, release):
    data = json.loads(write_notebook(answered))
    text = json.dumps(data, indent=1)
    output = (
        '{"output_type": "stream", "name": "stdout", "text": [' + ",\n".join(['"step \\"%d\\"\\n"'] * 9_000_000) + "]}"
    )
    path = tmp_path / "toy.ipynb"
    path.write_text(text.replace('"outputs": []', f'"outputs": [{output}]', 1))
    assert path.stat().st_size > 140 << 20
    taken = take_in(path, release)
    assert taken.matched.lost == {} and taken.notices == []
    with open(path, "rb") as file:
        assert read_cells(file).damage == ""


def test_an_empty_notebook_is_one_sentence(tmp_path):
    with pytest.raises(BadNotebook, match="its list of cells is empty"):
        read_notebook(put(tmp_path, "toy.ipynb", new_notebook()))
