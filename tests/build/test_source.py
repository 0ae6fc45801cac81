"""From the percent file to the notebook and to the reference's functions."""

from __future__ import annotations

import dataclasses

import jupytext
import nbformat
import pytest

from autograder.build import source
from autograder.build.source import build_notebook, load_reference, read_source, write_notebook
from autograder.nbg.identity import exercise_of, role_of
from mechanisms import address
from mechanisms.errors import BuildError


def test_every_cell_is_there_with_its_role(notebook):
    roles = [role_of(cell) for cell in notebook.cells]
    assert roles == [
        "text", "setup", "text", "solution", "check", "demo", "text", "solution", "check", "paper", "rubric", "code",
    ]  # fmt: skip
    nbformat.validate(notebook)


def test_cells_agree_with_jupytext(toy, chapter):
    """Our reader gives the text that Jupytext gives; the file's docstring is no cell."""
    path = toy.solution(chapter)
    ours = [cell.text for cell in read_source(path)]
    theirs = [cell.source for cell in jupytext.read(path, fmt="py:percent").cells]
    assert theirs[1:] == ours and theirs[0].startswith('"""')


def test_line_numbers_point_into_the_file(toy, chapter):
    lines = toy.solution(chapter).read_text("utf-8").splitlines()
    for cell in read_source(toy.solution(chapter)):
        line = lines[cell.line - 1]
        assert (line.removeprefix("# ") if cell.kind == "markdown" else line) == cell.text.split("\n")[0]


def test_nbgrader_metadata(notebook):
    grading = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}
    assert sorted(grading) == ["describe", "describe-check", "double", "double-check", "why_spread"]
    check = grading["double-check"].metadata.nbgrader
    assert (check.grade, check.solution, check.locked, check.points) == (True, False, True, 5.0)
    solution = grading["double"].metadata.nbgrader
    assert (solution.grade, solution.solution, solution.locked) == (False, True, False)
    rubric = grading["why_spread"]
    assert rubric.metadata.nbgrader.points == 4.0
    assert rubric.source.startswith("<!-- exercise: ch90.why_spread -->\n")


def test_the_card_comes_from_the_spec(notebook):
    text = notebook.cells[2].source
    for part in ("Exercise 90.1: Double every value", "●○○○○", "about 5 minutes", "5 points", "Section 1, Equation 1."):
        assert part in text
    assert "{card" not in text and "\n\n<details>" in text


def test_the_same_source_gives_the_same_bytes(toy, chapter, notebook):
    again = build_notebook(toy.solution(chapter), chapter)
    assert write_notebook(again) == write_notebook(notebook)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


def test_an_added_cell_leaves_the_ids_of_exercises_alone(toy, chapter, notebook, tmp_path):
    text = toy.solution(chapter).read_text("utf-8")
    changed = tmp_path / "90_toy.py"
    changed.write_text(text.replace('# %% role="setup"', '# %% [markdown]\n# More.\n\n# %% role="setup"', 1))
    before = {(role_of(cell), exercise_of(cell)): cell.id for cell in notebook.cells if exercise_of(cell)}
    after = {
        (role_of(cell), exercise_of(cell)): cell.id
        for cell in build_notebook(changed, chapter).cells
        if exercise_of(cell)
    }
    assert after == before


def test_the_reference_runs_setup_and_solutions_only(toy, chapter):
    namespace = load_reference(toy.solution(chapter), chapter)
    assert namespace["double"]([1.5, -2.0]) == [3.0, -4.0]
    assert namespace["describe"]([1.0, 2.0, 6.0]) == {"mean": 3.0, "spread": 5.0}
    assert "figure" not in namespace


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('role="demo"', 'role="decoration"', 'role "decoration" is not one of'),
        ('role="demo"', 'rolle="demo"', "unknown word 'rolle'"),
        ('# %% role="check" exercise="double"', '# %% role="check"', 'a check cell needs exercise="..."'),
        ("# exercise: ch90.double\ndef", "def", "the first line of this solution cell must be"),
        ("check(double)  #", "check(double)   #", "this cell must read 'check(double)  # exercise: ch90.double'"),
        ('exercise="describe"', 'exercise="explain"', "needs exactly one solution cell for describe; it has 0"),
        ("{card double}", "{card trouble}", "names no exercise"),
        ('role="setup"', 'role="demo"', "has no setup cell"),
        (' points=4', "", "needs points=... above zero"),
        ("### END SOLUTION", "### SOLUTION ENDS", "never closed"),
        ("### BEGIN SOLUTION", "### A SOLUTION", "has no ### BEGIN SOLUTION"),
    ],
)  # fmt: skip
def test_a_wrong_source_is_named_in_one_sentence(toy, chapter, tmp_path, old, new, sentence):
    text = toy.solution(chapter).read_text("utf-8")
    assert old in text
    path = tmp_path / "90_toy.py"
    path.write_text(text.replace(old, new))
    with pytest.raises(BuildError) as caught:
        build_notebook(path, chapter)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_or_cell_less_source(chapter, tmp_path):
    with pytest.raises(BuildError, match="is missing"):
        build_notebook(tmp_path / "90_toy.py", chapter)
    (tmp_path / "90_toy.py").write_text("print(1)\n")
    with pytest.raises(BuildError, match="has no cell"):
        build_notebook(tmp_path / "90_toy.py", chapter)


def test_a_reference_that_does_not_run_names_its_line(toy, chapter, tmp_path):
    text = toy.solution(chapter).read_text("utf-8")
    path = tmp_path / "90_toy.py"
    path.write_text(text.replace("import math", "import maths_that_is_not_there"))
    with pytest.raises(BuildError, match=r"90_toy.py, line \d+: this setup cell does not run \(ModuleNotFoundError"):
        load_reference(path, chapter)


def test_a_card_leads_to_colab_to_the_book_and_to_the_paper(chapter):
    name = chapter.exercises[0].name
    linked = dataclasses.replace(chapter, page="book/chapters/90.html", paper="https://paper.example/1")
    colab, book, paper = source.links(linked, name)
    notebook = f"exercises/{chapter.slug}/{chapter.notebook}.ipynb"
    assert colab == f"[Open this notebook in Colab]({address.colab(notebook)})"
    assert book == f"[In the book]({address.documentation()}/book/chapters/90.html#{name.replace('_', '-')})"
    assert paper == "[The paper](https://paper.example/1)"
    assert " · ".join([colab, book, paper]) in source.card(linked, {name: chapter.exercises[0]}, name)


def test_a_card_without_page_and_paper_leads_to_colab_alone(chapter):
    bare = dataclasses.replace(chapter, page="", paper="")
    assert len(source.links(bare, chapter.exercises[0].name)) == 1
