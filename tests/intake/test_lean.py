"""The lean reader gives what nbformat would, in little memory, and saves what can be saved."""

from __future__ import annotations

import io
import json
import tracemalloc

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from autograder import lean
from autograder.lean import read_cells

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)
outputs = st.lists(
    st.builds(lambda data: {"output_type": "display_data", "data": {"x/y": data}, "metadata": {}}, plain), max_size=3
)
cells = st.lists(
    st.builds(
        lambda kind, source, metadata, results: {
            "cell_type": kind,
            "metadata": metadata,
            "source": source,
            **({"outputs": results, "execution_count": None} if kind == "code" else {}),
        },
        st.sampled_from(["code", "markdown", "raw"]),
        st.text(max_size=60) | st.lists(st.text(max_size=20).map(lambda line: line + "\n"), max_size=4),
        st.dictionaries(st.text(max_size=8), plain, max_size=3),
        outputs,
    ),
    max_size=6,
)


def source_of(cell):
    text = "".join(cell["source"])
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read(text):
    return read_cells(io.BytesIO(text.encode() if isinstance(text, str) else text))


@settings(max_examples=150, deadline=None)
@given(cells, st.sampled_from([None, 1, 4]), st.booleans(), st.sampled_from([7, 64, 1 << 20]))
def test_the_same_cells_as_json_gives_wherever_a_piece_ends(cells, indent, ascii_only, chunk):
    text = json.dumps({"cells": cells, "metadata": {"a": 1}}, indent=indent, ensure_ascii=ascii_only, sort_keys=True)
    before, lean.CHUNK = lean.CHUNK, chunk
    try:
        book = read(text)
    finally:
        lean.CHUNK = before
    assert [(cell["cell_type"], cell["source"]) for cell in book.cells] == [
        (cell["cell_type"], source_of(cell)) for cell in cells
    ]
    assert (book.damage, book.skipped, book.found) == ("", 0, True)


@pytest.fixture(scope="module")
def small():
    """A notebook of six cells as bytes, with outputs that look like cells."""
    trap = new_output("display_data", data={"application/json": {"cell_type": "code", "source": "bad()"}})
    nodes = [new_code_cell(f"x = {n}\ny = '{{\"source\":'", outputs=[trap]) for n in range(3)]
    nodes += [new_markdown_cell(f'text \\ " {n}') for n in range(3)]
    return json.dumps(new_notebook(cells=nodes), indent=1).encode()


def test_a_file_cut_off_anywhere_gives_the_cells_before_the_cut(small):
    whole = [cell["source"] for cell in read(small).cells]
    assert len(whole) == 6
    counts = set()
    for cut in range(0, len(small) - 1, 3):
        book = read(small[:cut])
        mine = [cell["source"] for cell in book.cells if cell["source"] != "bad()"]
        assert mine == whole[: len(mine)]
        assert book.damage == "it is cut off"
        counts.add(len(mine))
    assert counts == set(range(7))


def test_damage_costs_the_cells_around_it_at_most(small):
    whole = [cell["source"] for cell in read(small).cells]
    for at in range(20, len(small) - 20, 17):
        for junk in (b'"', b"}", b"]", b"<<<<<<< HEAD\n"):
            book = read(small[:at] + junk + small[at:])
            mine = {cell["source"] for cell in book.cells}
            assert len(set(whole) - mine) <= 2, f"{junk} at {at}"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_encodings(encoding):
    text = json.dumps({"cells": [{"cell_type": "code", "source": "s = 'größer'\r\n"}]}, ensure_ascii=False)
    book = read(text.encode(encoding))
    assert [cell["source"] for cell in book.cells] == ["s = 'größer'\n"]
    assert book.recoded == (encoding == "cp1252")


def test_older_formats_headings_and_lines_without_ends():
    heading = {"cell_type": "heading", "level": 2, "source": ["A", " title"]}
    code = {"cell_type": "code", "input": ["a = 1", "b = 2"], "prompt_number": 3}
    old = {"worksheets": [{"cells": [heading, code]}]}
    assert [(cell["cell_type"], cell["source"]) for cell in read(json.dumps(old)).cells] == [
        ("markdown", "## A\n title"),
        ("code", "a = 1\nb = 2"),
    ]


def test_a_notebook_in_the_answer_of_a_server_is_found(small):
    assert len(read(b'{"name": "n.ipynb", "content": ' + small + b"}").cells) >= 6
    assert [cell["source"] for cell in read(b'{"ipynb": ' + small + b"}").cells] == [
        cell["source"] for cell in read(small).cells
    ]


def test_halves_of_characters_and_deep_metadata_can_be_written_again():
    deep = "[" * 5_000 + "]" * 5_000
    text = f'{{"cells": [{{"cell_type": "code", "metadata": {deep}, "id": 5, "source": "a = \'\\ud800\'"}}]}}'
    (cell,) = read(text).cells
    assert cell["source"] == "a = '?'" and cell["id"] == ""
    nbformat.validate(new_notebook(cells=[new_code_cell(cell["source"])]))


def test_what_no_notebook_has_is_refused_in_words(monkeypatch):
    monkeypatch.setattr(lean, "MAX_CELLS", 3)
    monkeypatch.setattr(lean, "MAX_TEXT", 1_000)
    cell = {"cell_type": "code", "source": "x"}
    assert read(json.dumps({"cells": [cell] * 5})).damage == "it has more than 3 cells"
    long = {"cell_type": "code", "source": "x" * 2_000}
    assert "MB of text" in read(json.dumps({"cells": [long]})).damage
    monkeypatch.setattr(lean, "MAX_STEPS", 500)
    assert read('{"cells": [{"outputs": ' + "[" * 1_000).damage == "it is nested beyond reason"


@pytest.mark.parametrize("kind", ["one string", "many lines", "nested numbers"])
def test_large_outputs_are_never_held(kind, tmp_path):
    """24 MB of output are read in less than 8 MB of memory."""
    text = {
        "one string": lambda: '"' + "iVBORw0KGgo" * 2_200_000 + '"',
        "many lines": lambda: ",".join(['"a \\"line\\" of output\\n"'] * 1_000_000).join("[]"),
        "nested numbers": lambda: ",".join(["[1.25,[2,3]]"] * 1_900_000).join("[]"),
    }[kind]()
    path = tmp_path / "big.ipynb"
    path.write_text(
        '{"cells": [{"cell_type": "code", "outputs": [{"text": ' + text + '}], "source": "a = 1"}], "metadata": {}}'
    )
    size = path.stat().st_size
    del text
    tracemalloc.start()
    try:
        with open(path, "rb") as file:
            book = read_cells(file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 22_000_000 and peak < 8_000_000
    assert [cell["source"] for cell in book.cells] == ["a = 1"] and book.damage == ""
