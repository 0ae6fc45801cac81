"""Finding every cell again, whatever an editor or a student did to the notebook."""

from __future__ import annotations

import copy

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from autograder.nbg.identity import exercise_of, match, role_of
from mechanisms.errors import BadNotebook


def bare(notebook):
    """A copy without any metadata, with new ids."""
    stripped = copy.deepcopy(notebook)
    for number, cell in enumerate(stripped.cells):
        cell.metadata = nbformat.from_dict({})
        cell["id"] = f"colab-{number}"
    return stripped


def find(notebook, text):
    return next(cell for cell in notebook.cells if text in cell.source)


def test_an_untouched_notebook_comes_back_as_it_was(release):
    matched = match(release, release)
    assert matched.notices == [] and matched.lost == {}
    assert matched.notebook.cells == release.cells


def test_all_metadata_lost(release):
    matched = match(bare(release), release)
    assert matched.lost == {} and matched.notices == []
    assert [cell.metadata for cell in matched.notebook.cells] == [cell.metadata for cell in release.cells]
    nbformat.validate(matched.notebook)


def test_edited_solutions_without_metadata(release):
    submission = bare(release)
    find(submission, "def double").source = "# exercise: ch90.double\ndef double(values):\n    return values * 2"
    matched = match(submission, release)
    cell = find(matched.notebook, "values * 2")
    assert (role_of(cell), exercise_of(cell)) == ("solution", "double")
    assert cell.metadata.nbgrader.solution and matched.lost == {}


def test_a_marker_that_was_deleted_with_the_metadata(release):
    submission = bare(release)
    find(submission, "def double").source = "def double(values):\n    return values * 2"
    matched = match(submission, release)
    assert exercise_of(find(matched.notebook, "values * 2")) == "double"
    assert matched.notices == ["The cell of double had lost its marker and was found by the function's name."]


def test_a_marker_deleted_but_metadata_there(release):
    submission = copy.deepcopy(release)
    find(submission, "def double").source = "double = lambda values: [2 * value for value in values]"
    matched = match(submission, release)
    assert exercise_of(find(matched.notebook, "lambda")) == "double" and matched.notices == []


def test_a_copied_check_cell_keeps_the_last(release):
    submission = copy.deepcopy(release)
    check = copy.deepcopy(find(submission, "check(double)"))
    submission.cells.append(check)
    matched = match(submission, release)
    ours = [cell for cell in matched.notebook.cells if "check(double)" in cell.source]
    assert [role_of(cell) for cell in ours] == ["copy", "check"]
    assert "nbgrader" not in ours[0].metadata
    assert matched.notices == ["The check cell of double is there 2 times; the last one counts."]
    nbformat.validate(matched.notebook)


def test_a_deleted_check_cell_is_put_back_after_its_exercise(release):
    submission = copy.deepcopy(release)
    submission.cells = [cell for cell in submission.cells if "check(double)" not in cell.source]
    matched = match(submission, release)
    sources = [cell.source for cell in matched.notebook.cells]
    place = next(number for number, source in enumerate(sources) if "def double" in source)
    assert sources[place + 1].startswith("check(double)")
    assert matched.notices == ["The check cell of double was missing and was put back."]


def test_exercise_and_check_merged_into_one_cell(release):
    submission = bare(release)
    solution, check = find(submission, "def double"), find(submission, "check(double)")
    solution.source += "\n\n" + check.source
    submission.cells.remove(check)
    matched = match(submission, release)
    assert role_of(find(matched.notebook, "def double")) == "solution"
    assert sum(role_of(cell) == "check" for cell in matched.notebook.cells) == 2


def test_a_lost_exercise_and_question_are_named(release):
    submission = bare(release)
    for text in ("def describe", "Why is the mean"):
        submission.cells.remove(find(submission, text))
    matched = match(submission, release)
    assert matched.lost == {
        "describe": "No cell with the function describe was found.",
        "why_spread": "No cell with the answer to the question 'why_spread' was found.",
    }


def test_forged_metadata_is_not_believed(release):
    submission = copy.deepcopy(release)
    check = find(submission, "check(double)")
    check.metadata.nbgrader.points = 1000.0
    check.metadata.nbgrader.grade_id = "describe-check"
    helper = new_code_cell(
        "x = 1", metadata={"nbgrader": {"grade": True, "points": 99}, "mechanisms": {"role": "demo"}}
    )
    submission.cells.insert(2, helper)
    matched = match(submission, release)
    assert find(matched.notebook, "check(double)").metadata.nbgrader.points == 5.0
    assert find(matched.notebook, "x = 1").metadata == {"mechanisms": {"role": "student"}}


def test_a_rewritten_setup_cell_gets_the_original_before_it(release):
    submission = bare(release)
    find(submission, "import math").source = "import math, os"
    matched = match(submission, release)
    assert role_of(matched.notebook.cells[0]) == "setup"
    assert "The setup cell was missing or rewritten" in matched.notices[0]


def test_an_edited_setup_cell_that_kept_its_id_is_the_setup(release):
    submission = copy.deepcopy(release)
    find(submission, "import math").source += "\nimport os"
    matched = match(submission, release)
    assert matched.notices == [] and role_of(find(matched.notebook, "import os")) == "setup"


def test_nothing_in_common_needs_a_person(release):
    stranger = nbformat.v4.new_notebook(cells=[new_code_cell("print('homework of another course')")])
    with pytest.raises(BadNotebook, match="a person has to look at it"):
        match(stranger, release)


@pytest.mark.parametrize("source", ["def double(:", "%%bash\necho def double", "\x00def double():", "(" * 5000])
def test_code_that_does_not_parse_is_no_obstacle(release, source):
    submission = copy.deepcopy(release)
    submission.cells.append(new_code_cell(source))
    assert match(submission, release).lost == {}
