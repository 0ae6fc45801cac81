"""Cells that were merged, split, copied, moved or changed in kind, and every mixture of these."""

from __future__ import annotations

import copy

import nbformat
import pytest
from answers import EXERCISES, owner, place, run
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

from autograder.nbg.identity import exercises_of, match, role_of, which_chapter
from mechanisms.errors import BadNotebook


def bare(notebook):
    """A copy without metadata, with new ids."""
    stripped = copy.deepcopy(notebook)
    for number, cell in enumerate(stripped.cells):
        cell.metadata = nbformat.from_dict({})
        cell["id"] = f"new-{number}"
    return stripped


def find(notebook, text):
    return next(cell for cell in notebook.cells if text in cell.source)


def only(notebook, *sources):
    """A notebook of code cells."""
    shell = copy.deepcopy(notebook)
    shell.cells = [new_code_cell(source) for source in sources]
    return shell


def test_two_exercises_and_their_checks_in_one_cell_both_count(answered, release):
    submission = bare(answered)
    double, describe = find(submission, "def double"), find(submission, "def describe")
    checks = [find(submission, f"check({name})") for name in EXERCISES]
    double.source = "\n\n".join([double.source, checks[0].source, describe.source, checks[1].source])
    submission.cells = [cell for cell in submission.cells if cell not in (describe, *checks)]
    matched = match(submission, release)
    assert matched.lost == {}
    merged = owner(matched.notebook, "double")
    assert merged is owner(matched.notebook, "describe") and exercises_of(merged) == ["double", "describe"]
    assert merged.metadata.mechanisms.also == ["describe"]
    for name in EXERCISES:
        assert place(matched.notebook, owner(matched.notebook, name, "check")) > place(matched.notebook, merged)
    assert "double and describe stand in one cell; each of them counts." in matched.notices
    # A check that fails in the middle of the cell does not keep the rest from running.
    calls = run(matched.notebook)
    assert calls["double"]([1]) == [2] and calls["describe"]([2.0])["mean"] == 2.0
    assert "\ncheck(" not in merged.source
    nbformat.validate(matched.notebook)


def test_merged_cells_whose_second_marker_was_deleted(answered, release):
    submission = bare(answered)
    double, describe = find(submission, "def double"), find(submission, "def describe")
    double.source += "\n\n" + describe.source.replace("# exercise: ch90.describe\n", "")
    submission.cells.remove(describe)
    matched = match(submission, release)
    assert matched.lost == {} and exercises_of(owner(matched.notebook, "double")) == ["double", "describe"]


def test_everything_in_one_cell(answered, release):
    code = "\n\n".join(cell.source for cell in answered.cells if cell.cell_type == "code" and role_of(cell) != "paper")
    matched = match(only(release, code), release)
    assert matched.lost == {"why_spread": "No cell with the answer to the question 'why_spread' was found."}
    names = run(matched.notebook)
    assert names["double"]([3]) == [6] and names["describe"]([3.0])["spread"] == 0


def test_helper_code_in_a_check_cell_is_run_and_the_check_comes_below(answered, release):
    submission = copy.deepcopy(answered)
    find(submission, "def double").source = "# exercise: ch90.double\ndef double(values):\n    return twice(values)"
    find(
        submission, "check(double)"
    ).source = "def twice(values):\n    return [2 * v for v in values]\n\ncheck(double)  # exercise: ch90.double"
    matched = match(submission, release)
    helper, check = find(matched.notebook, "def twice"), owner(matched.notebook, "double", "check")
    assert role_of(helper) == "student" and place(matched.notebook, check) == place(matched.notebook, helper) + 1
    assert run(matched.notebook)["double"]([2]) == [4]


def test_several_checks_in_one_cell_are_several_checks(answered, release):
    submission = bare(answered)
    first, second = (find(submission, f"check({name})") for name in EXERCISES)
    first.source = f"# both\n{first.source}\n{second.source}"
    submission.cells.remove(second)
    submission.cells.remove(first)
    submission.cells.append(first)
    matched = match(submission, release)
    assert matched.notices == [] and all(owner(matched.notebook, name, "check") for name in EXERCISES)


def test_an_exercise_split_over_cells_is_run_in_order_before_its_check(answered, release):
    submission = bare(answered)
    cell = find(submission, "def double")
    at = submission.cells.index(cell)
    submission.cells[at : at + 1] = [
        new_code_cell("# exercise: ch90.double\nFACTOR = 2"),
        new_code_cell("def twice(value):\n    return FACTOR * value"),
        new_code_cell("def double(values):\n    return [twice(value) for value in values]"),
    ]
    matched = match(submission, release)
    notebook = matched.notebook
    pieces = [place(notebook, find(notebook, text)) for text in ("FACTOR = 2", "def twice", "def double")]
    assert pieces == sorted(pieces) and pieces[-1] < place(notebook, owner(notebook, "double", "check"))
    assert not any(role_of(notebook.cells[n]) in ("copy", "demo") for n in pieces)
    assert matched.lost == {} and run(notebook)["double"]([2]) == [4]


@pytest.mark.parametrize("below", [False, True])
def test_of_copies_the_one_that_was_worked_on_counts(answered, release, below):
    submission = bare(answered)
    cell = find(submission, "def double")
    stub = new_code_cell(find(release, "def double").source)
    at = submission.cells.index(cell)
    submission.cells.insert(at + below, stub)
    matched = match(submission, release)
    assert "return [2 * value" in owner(matched.notebook, "double").source
    assert "The cell of double is there 2 times; the one that was worked on counts." in matched.notices
    assert run(matched.notebook)["double"]([2]) == [4]


def test_an_answer_in_another_cell_than_the_stub(answered, release):
    submission = copy.deepcopy(release)
    at = submission.cells.index(find(submission, "def double"))
    submission.cells.insert(at + 1, new_code_cell("def double(values):\n    return [2 * v for v in values]"))
    matched = match(submission, release)
    assert "2 * v" in owner(matched.notebook, "double").source and run(matched.notebook)["double"]([2]) == [4]


def test_a_marker_in_the_middle_of_a_line_is_only_a_mention(answered, release):
    submission = bare(answered)
    submission.cells.append(new_code_cell("x = 1  # see # exercise: ch90.double"))
    matched = match(submission, release)
    assert "return [2 * value" in owner(matched.notebook, "double").source and matched.notices == []


def test_kinds_that_were_changed_by_one_key(answered, release):
    submission = bare(answered)
    for number, cell in enumerate(submission.cells):
        if "def double" in cell.source:
            submission.cells[number] = new_markdown_cell(cell.source)
        elif "def describe" in cell.source:
            submission.cells[number] = new_raw_cell(cell.source)
        elif "ch90.why_spread" in cell.source:
            submission.cells[number] = new_code_cell(cell.source)
    matched = match(submission, release)
    assert matched.lost == {}
    assert run(matched.notebook)["double"]([1]) == [2]
    assert owner(matched.notebook, "why_spread", "rubric").cell_type == "markdown"
    assert len(matched.notices) == 3


def test_reversed_cells(answered, release):
    submission = bare(answered)
    submission.cells.reverse()
    matched = match(submission, release)
    assert matched.lost == {}
    assert matched.notices == ["The setup cell stood below an exercise; it was run first."]
    assert role_of(matched.notebook.cells[0]) == "setup"


def test_another_chapter_is_named(answered, release, other_chapter, toy):
    with pytest.raises(BadNotebook, match="This is the notebook of chapter 91, not of chapter 90"):
        match(other_chapter, release)
    assert which_chapter(other_chapter, toy.chapters.values()).slug == "91_other"
    assert which_chapter(answered, toy.chapters.values()).slug == "90_toy"
    unmarked = copy.deepcopy(other_chapter)
    for cell in unmarked.cells:
        cell.source = cell.source.replace("exercise:", "")
    assert which_chapter(unmarked, toy.chapters.values()).slug == "91_other"
    assert which_chapter(only(release, "print(1)"), toy.chapters.values()) is None


def test_a_marker_of_another_chapter_is_not_ours(release):
    with pytest.raises(BadNotebook):
        match(only(release, "# exercise: ch77.double\nx = 1"), release)


JUNK = st.sampled_from(
    ["x = 1", "", "# exercise: ch90.double", "# exercise: ch91.double", "check(double)", "(((", "%%bash\nls",
     "def describe(values):\n    return {}", "<!-- exercise: ch90.why_spread -->",
     "check(describe)  # exercise: ch90.describe", "# exercise: ch90.describe\n# exercise: ch90.double\n\x00",
     "import math\n\nfrom mechanisms import check"]
)  # fmt: skip
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["delete", "copy", "swap", "merge", "split", "bare", "kind", "junk", "prefix", "id"]),
        st.integers(0, 30),
        st.integers(0, 30),
        JUNK,
    ),
    max_size=12,
)


def disturbed(notebook, moves):
    """The notebook after some of the things that people and editors do."""
    cells = copy.deepcopy(notebook.cells)
    for what, first, second, junk in moves:
        if what == "junk" or not cells:
            cells.insert(first % (len(cells) + 1), new_code_cell(junk))
            continue
        a, b = first % len(cells), second % len(cells)
        if what == "delete":
            del cells[a]
        elif what == "copy":
            cells.insert(b, copy.deepcopy(cells[a]))
        elif what == "swap":
            cells[a], cells[b] = cells[b], cells[a]
        elif what == "merge" and a != b:
            cells[a].source += "\n" + cells[b].source
            del cells[b]
        elif what == "split":
            lines = cells[a].source.split("\n")
            other = copy.deepcopy(cells[a])
            cells[a].source, other.source = "\n".join(lines[: b + 1]), "\n".join(lines[b + 1 :])
            cells.insert(a + 1, other)
        elif what == "bare":
            cells[a].metadata = nbformat.from_dict({})
        elif what == "kind":
            make = (new_code_cell, new_markdown_cell, new_raw_cell)[b % 3]
            cells[a] = make(cells[a].source, metadata=cells[a].metadata)
        elif what == "prefix":
            cells[a].source = junk + "\n" + cells[a].source
        elif what == "id":
            cells[a]["id"] = cells[b]["id"]
    result = copy.deepcopy(notebook)
    result.cells = cells
    return result


@settings(max_examples=300, deadline=None)
@given(MOVES)
def test_whatever_happens_each_exercise_is_found_once_or_named_as_lost(answered, release, moves):
    whatever(answered, release, moves)


def whatever(answered, release, moves):
    """Match a disturbed notebook and look at what must hold of any."""
    submission = disturbed(answered, moves)
    before = copy.deepcopy(submission)
    try:
        matched = match(submission, release)
    except BadNotebook as error:
        assert "a person" in str(error)
        return
    assert submission == before
    notebook = matched.notebook
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    for name in EXERCISES:
        assert (owner(notebook, name) is None) == (name in matched.lost)
        assert owner(notebook, name, "check") is not None
    assert (owner(notebook, "why_spread", "rubric") is None) == ("why_spread" in matched.lost)
    grade_ids = [cell.metadata.nbgrader.grade_id for cell in notebook.cells if "nbgrader" in cell.metadata]
    assert len(set(grade_ids)) == len(grade_ids)
    # No code of the student's goes missing: what is not a check, or an untouched copy, is there to be run.
    kept = "\n".join(cell.source for cell in notebook.cells)
    for cell in before.cells:
        for line in cell.source.split("\n"):
            assert line.strip() in kept
    again = match(notebook, release)
    assert again.lost == matched.lost and [role_of(cell) for cell in again.notebook.cells] == [
        role_of(cell) for cell in notebook.cells
    ]
