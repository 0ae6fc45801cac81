"""In a real kernel: cards, no traceback, nothing on stderr, and the points that nbgrader reads from it."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.utils import determine_grade

SETUP = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import os, warnings
import tiny, torch
from mechanisms import check, predict
"""
CELLS = {
    "right": "scale_rows = tiny.scale_rows\ncheck(scale_rows)",
    "partial": "check(tiny.drops_the_sign, 'scale_rows')",
    "mistake": "check(tiny.scales_columns, 'scale_rows')",
    "stub": "def scale_rows(values, alpha):\n    raise NotImplementedError\ncheck(scale_rows)",
    "line": "def scale_rows(values, alpha):\n    rows = values\n    return rows[99]\ncheck(scale_rows)",
    "helper": "def rows_of(values):\n    return values[99]\n"
    "def scale_rows(values, alpha):\n    return rows_of(values)\ncheck(scale_rows)",
    "noisy": "def scale_rows(values, alpha):\n    warnings.warn('x'); os.write(2, b'y'); print('z', file=sys.stderr)\n"
    "    return tiny.scale_rows(values, alpha)\ncheck(scale_rows)",
    "number": "check(3)",
    "magic_exit": "def scale_rows(values, alpha):\n    exit()\ncheck(scale_rows)",
    "predict": "predict('90.q1', 'b')",
}


@pytest.fixture(scope="module")
def outputs(checks_folder):
    """The executed cells by name, each with nbgrader's metadata for 4.5 points."""
    notebook = new_notebook(cells=[new_code_cell(SETUP)])
    for name, source in CELLS.items():
        metadata = {"grade": True, "solution": False, "locked": True, "task": False, "grade_id": name, "points": 4.5}
        notebook.cells.append(new_code_cell(source, metadata={"nbgrader": metadata | {"schema_version": 3}}))
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"MECHANISMS_CHECKS": str(checks_folder), "PYTHONPATH": root}
    client = NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True)
    client.execute(env=environment)
    nbformat.validate(notebook)
    return dict(zip(CELLS, notebook.cells[1:], strict=True))


@pytest.mark.parametrize(
    ("name", "points"),
    [("right", 4.5), ("partial", 3), ("mistake", 0), ("stub", 0), ("line", 0), ("noisy", 4.5), ("number", 0)],
)
def test_stock_nbgrader_reads_the_points(outputs, name, points):
    assert determine_grade(outputs[name]) == (points, 4.5)


def test_nothing_goes_to_stderr(outputs):
    for name, cell in outputs.items():
        assert not [output for output in cell.outputs if output.get("name") == "stderr"], name


def test_a_result_is_shown_as_a_card(outputs):
    (result,) = outputs["partial"].outputs
    assert result.output_type == "execute_result" and result.data["text/plain"] == "3"
    assert "You dropped the sign of alpha." in result.data["text/html"]


def test_a_failure_shows_its_card_and_one_line(outputs):
    card, error = outputs["mistake"].outputs
    assert card.output_type == "display_data" and "You scaled the columns" in card.data["text/html"]
    assert "Hint: Which dimension" in card.data["text/plain"]
    assert error.output_type == "error" and error.ename == "CheckFailed"
    assert error.traceback == ["scale_rows: 0 of 4.5 points. You scaled the columns: alpha belongs to the rows."]


def test_a_stub_and_a_wrong_call_show_one_sentence(outputs):
    assert outputs["stub"].outputs[0].traceback == [
        "scale_rows still raises NotImplementedError: write it above, run its cell, run this again. "
        "(More: 'still-raises-not-implemented' in the book's list of errors.)"
    ]
    assert outputs["number"].outputs[0].traceback[0].startswith("check was given an int")


def test_a_line_of_a_cell_is_found(outputs):
    assert "in line 3 (`return rows[99]`)" in outputs["line"].outputs[0].data["text/plain"]
    assert "in line 2 (`return values[99]`)" in outputs["helper"].outputs[0].data["text/plain"]


def test_exit_does_not_end_the_kernel(outputs):
    assert determine_grade(outputs["magic_exit"]) == (0, 4.5)
    assert "Right" in outputs["predict"].outputs[0].data["text/html"]
