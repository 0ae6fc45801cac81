"""A self-learner from an empty folder to a course map that shows what is done, by the words of their guide."""

from __future__ import annotations

import html
import json

import nbformat
import pytest
from fresh import GUIDES, ROOT, blocks

from autograder.build.source import read_source
from mechanisms import address

pytestmark = pytest.mark.slow
# Run by tests of their own: the whole book takes minutes.
ELSEWHERE = {"make book": "tests/book/test_build.py"}


def test_every_command_of_the_guide_is_run_here_or_elsewhere(settled):
    book = settled.checkout / "book" / "_build" / "html"
    book.mkdir(parents=True)
    for kind, command in blocks("self_study"):
        if kind == "console" and command in ELSEWHERE:
            assert (ROOT / ELSEWHERE[command]).is_file()
        elif kind == "console" and "autograder check" not in command:
            assert settled.run(command).strip()
    assert "/book/_build/html" not in (settled.checkout / "course-map.html").read_text()
    assert 'href="book/_build/html/book/chapters/' in (settled.checkout / "course-map.html").read_text()


def test_every_cell_of_the_guide_runs(kernel):
    cells = [text for kind, text in blocks("self_study") if kind == "python"]
    assert len(cells) == 1 and "accumulate_seconds" in kernel.run(cells[0])


def test_predict_do_compare_and_look_at_the_map(kernel, settled):
    assert "Choose before you run" in kernel.run('predict("09.q1", None)')
    question = json.loads((ROOT / "mechanisms/check/questions/09_pretraining_budgets.json").read_text())[0]
    assert "Right" in kernel.run(f"predict('09.q1', {question['answer']!r})")
    cells = read_source(ROOT / "solutions" / "09_pretraining_budgets.py")
    for name in ("step_time", "hardware_cost"):
        text = next(cell.text for cell in cells if cell.role == "solution" and cell.exercise == name)
        assert "Passed" in kernel.run(f"{text}\n\ncheck({name})")
    settled.run(next(text for kind, text in blocks("self_study") if "--book https" in text))
    page = html.unescape((settled.checkout / "course-map.html").read_text("utf-8"))
    assert "2 of 72 exercises done" in page and "1 prediction of 2 made, 1 right" in page
    assert f'href="{address.documentation()}/book/chapters/09_pretraining_budgets.html#hardware-cost"' in page
    everything = settled.run(next(text for kind, text in blocks("self_study") if text.endswith("--all")))
    assert "done    step_time: " in everything and "open    early_decode" in everything


def test_grade_yourself(settled):
    """The guide's command on a notebook with two right answers, as the learner's editor saved it."""
    path = settled.checkout / "exercises" / "09_pretraining_budgets" / "pretraining_budgets.ipynb"
    cells = read_source(ROOT / "solutions" / "09_pretraining_budgets.py")
    right = {cell.exercise: cell.text for cell in cells if cell.role == "solution"}
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        about = cell.metadata["mechanisms"]
        if about["role"] == "solution" and about["exercise"] in ("step_time", "hardware_cost"):
            cell.source = right[about["exercise"]]
    nbformat.write(notebook, path)
    command = next(text for kind, text in blocks("self_study") if "autograder check" in text)
    shown = settled.run(command, ends_with=1)  # seven of nine exercises are still open
    assert "hidden cases" in shown and shown.count("(passed)") == 2
    [page] = path.parent.glob("*.html")
    assert "hardware_cost" in page.read_text("utf-8")


def test_the_guides_say_where_things_are_kept():
    for guide in ("student", "self_study"):
        text = " ".join((GUIDES / f"{guide}.md").read_text("utf-8").split())
        assert "nothing is sent anywhere" in text
