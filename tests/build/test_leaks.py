"""The scanner finds what a release must not hold, and nothing else."""

from __future__ import annotations

import copy

import pytest
import torch

from autograder.build.leaks import scan


def test_the_release_made_by_nbgrader_is_clean(release, notebook):
    assert scan(release, notebook) == []


def test_the_stub_is_what_a_student_should_see(release):
    stub = next(cell for cell in release.cells if cell.get("id") and "def double" in cell.source)
    assert stub.source.endswith("    # Your code here.\n    raise NotImplementedError")
    question = next(cell for cell in release.cells if "Why is the mean" in cell.source)
    assert question.source.endswith("*Write your answer here.*")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("    doubled_values = [2 * value for value in values]", "a line of a solution"),
        ("Hint: `doubled_values = [2 * value for  value in values]` is one way.", "a line of a solution"),
        ("return doubled_values", "a line of a solution"),
        ("Two very different sets of values may share a mean, and only the spread tells them apart.", "a line"),
        ("### BEGIN HIDDEN TESTS", "a marker"),
        ("=== END SOLUTION ===", "a marker"),
        ("the answer is 1234.567, of course", "an expected value"),
        ("it prints 0.0123451", "an expected value"),
        ("expected: the capital of France is Paris", "an expected value"),
    ],
)
def test_a_leak_is_found(release, notebook, text, kind):
    leaky = copy.deepcopy(release)
    leaky.cells[0].source += f"\n{text}\n"
    expected = [[1234.567], {"x": torch.tensor([0.012345])}, "the capital of France is Paris"]
    found = scan(leaky, notebook, expected)
    assert found and all(leak.cell == 1 for leak in found)
    assert any(leak.kind.startswith(kind) for leak in found)


def test_outputs_are_leaks(release, notebook):
    leaky = copy.deepcopy(release)
    cell = next(cell for cell in leaky.cells if cell.cell_type == "code")
    cell.outputs = [{"output_type": "stream", "name": "stdout", "text": "7"}]
    assert [leak.kind for leak in scan(leaky, notebook)] == ["a stored output"]


def test_small_numbers_and_shown_lines_are_no_leaks(release, notebook):
    fine = copy.deepcopy(release)
    fine.cells[0].source += "\nUse 2.5 or 100 values; import math\n"
    assert scan(fine, notebook, [[2.5, 100.0, 0.0]]) == []
