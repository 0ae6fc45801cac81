"""The worked solutions: there, folded and run; and wholly absent from an instructor's book."""

from __future__ import annotations

import html
import re
import shutil

import build_book
import nbformat
import pytest
import worked_solutions
from book_copy import build
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder.build.leaks import SHORTEST_PHRASE, _secret_lines
from autograder.build.source import build_notebook
from autograder.project import current
from mechanisms.errors import BuildError

PROJECT = current()
CHAPTERS = list(PROJECT.chapters.values())


def secrets(chapter) -> set[str]:
    """Lines that stand in the chapter's solutions and nowhere else in its notebook, long enough to mean something."""
    lines = _secret_lines(build_notebook(PROJECT.solution(chapter), chapter))
    return {line for line in lines if len(line) >= SHORTEST_PHRASE}


def shown(page) -> str:
    """What a page holds, tags taken away, each run of white space as one space."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", page.read_text("utf-8"))))


def notebook_of(*cells) -> nbformat.NotebookNode:
    return new_notebook(cells=list(cells), metadata={"mechanisms": {}})


def code(source: str, role: str = "demo", **about) -> nbformat.NotebookNode:
    return new_code_cell(source, metadata={"mechanisms": {"role": role, **about}})


def text(source: str) -> nbformat.NotebookNode:
    return new_markdown_cell(source, metadata={"mechanisms": {"role": "text"}})


def test_the_key_follows_the_code_and_the_package_and_not_the_text():
    one = notebook_of(text("a"), code("1 + 1"), code("far", "paper"))
    key = worked_solutions.code_key(one, "package")
    assert worked_solutions.code_key(notebook_of(text("b"), code("1 + 1"), code("away", "paper")), "package") == key
    assert worked_solutions.code_key(notebook_of(text("a"), code("1 + 2")), "package") != key
    assert worked_solutions.code_key(one, "another") != key


def test_a_solution_is_folded_and_its_markers_go():
    body = "def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION"
    page = worked_solutions.dressed(
        notebook_of(text("# Title"), code(body, "solution", exercise="f")), CHAPTERS[0], [[]]
    )
    assert page.cells[0].source == "# Solutions, Title"
    assert "This page holds the answers" in page.cells[1].source
    assert page.cells[2].source == "def f():\n    return 1"
    assert page.cells[2].metadata.tags == ["hide-input"]


def test_a_model_answer_is_folded():
    folded = worked_solutions.folded_answers("Why?\n\n### BEGIN SOLUTION\nBecause.\n### END SOLUTION")
    assert folded == "Why?\n\n<details><summary>Show a good answer</summary>\n\nBecause.\n\n</details>"


def test_a_figure_gets_words_and_a_widget_becomes_words():
    picture = {"output_type": "display_data", "data": {"image/png": "aaaa"}, "metadata": {}}
    widget = {"output_type": "display_data", "data": {worked_solutions.WIDGET: {}, "text/plain": "Box"}, "metadata": {}}
    cells = notebook_of(text("# T"), code("f", "solution", exercise="f"), code("plot"), code("slide"))
    page = worked_solutions.dressed(cells, CHAPTERS[0], [[], [picture], [widget]])
    assert "f" in page.cells[3].metadata.mystnb["image"]["alt"]
    assert page.cells[4].outputs[0].data == {"text/plain": worked_solutions.NO_WIDGET}


def test_a_solution_that_does_not_run_stops_the_build(tmp_path):
    with pytest.raises(BuildError, match=rf"{CHAPTERS[0].slug}\.py does not run: ZeroDivisionError"):
        worked_solutions.run(notebook_of(code("1 / 0")), CHAPTERS[0], tmp_path)


def test_a_run_gives_outputs_and_the_memory_it_took(tmp_path):
    outputs, peak = worked_solutions.run(notebook_of(text("x"), code("print(6 * 7)")), CHAPTERS[0], tmp_path)
    assert [output["text"] for output in outputs[0]] == ["42\n"] and 10 < peak < 10_000


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.slug)
def test_a_page_has_every_solution_folded_and_every_check_passed(built, chapter):
    page = built / "book" / "solutions" / f"{chapter.slug}.html"
    markup = page.read_text("utf-8")
    words = shown(page)
    # Text is set with a real ellipsis, code is not.
    missing = {line for line in secrets(chapter) if line not in words and line.replace("...", "…") not in words}
    assert not {line for line in missing if not re.search(r"[*_`$\\\"'-]", line)}
    assert markup.count(worked_solutions.FOLD) == len(chapter.exercises)
    assert words.count("Passed") >= len(chapter.exercises)
    assert "Not yet" not in words and "Not started" not in words


@pytest.mark.slow
def test_an_instructors_book_holds_no_solution(repository, tmp_path):
    copy = tmp_path / "repository"
    shutil.copytree(repository, copy, symlinks=True)
    settings = copy / "_config.yml"
    told = settings.read_text("utf-8").replace("hide_solutions: false", "hide_solutions: true")
    settings.write_text(told, encoding="utf-8")
    build(copy)
    built = copy / "book" / "_build" / "html"
    assert (built / "book" / "glossary.html").is_file()
    assert not (copy / "book" / "solutions").exists()
    left = [path for path in built.rglob("*") if "solutions" in path.relative_to(built).as_posix()]
    assert left == []
    files = [path for path in built.rglob("*") if path.suffix in (".html", ".js", ".json", ".md", ".txt")]
    texts = {path: shown(path) for path in files if "_static" not in path.parts}
    assert len(texts) >= len(build_book.pages_of(build_book.contents(copy)[0]))
    phrases = set().union(*map(secrets, CHAPTERS))
    assert len(phrases) > 200
    found = [(path.name, phrase) for path, words in texts.items() for phrase in phrases if phrase in words]
    assert found == []


def test_a_run_is_nobodys_progress_and_links_to_no_hosted_book(tmp_path, monkeypatch):
    monkeypatch.setenv("MECHANISMS_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv("MECHANISMS_BOOK", "https://book.example")
    asked = "import os; print(os.environ['MECHANISMS_PROGRESS'], repr(os.environ['MECHANISMS_BOOK']))"
    outputs, _ = worked_solutions.run(notebook_of(code(asked)), CHAPTERS[0], tmp_path)
    assert outputs[0][0]["text"] == "off ''\n"
