"""Small repairs to nbgrader's feedback pages, right after nbgrader wrote them.

- the list at the top names the exercises, where nbgrader writes "Test cell" for each of them;
- free text that nobody marked yet says so, where nbgrader shows 0 points;
- the page gets a language, a title that tells student and chapter apart, and visible fold marks.

A page that does not look as expected (another version of nbgrader) is left as it is.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook, MissingEntry

from autograder.project import current
from mechanisms.files import atomic_write

_STYLE = (
    "<style>summary{display:list-item;cursor:pointer}.rendered_html table td,.rendered_html table th"
    "{border:1px solid #d8dce6;padding:.2em .6em}</style>"
)
_ENTRY = re.compile(r'<a href="#(?P<anchor>[\w-]+)">(?P<word>Test cell|Written response|Comment)</a>(?P<score>[^<]*)')


def polish(assignment: str, student: str, notebooks: list[str]) -> None:
    """nbgrader's post-conversion hook: repair the page of each notebook (paths in autograded/)."""
    project = current()
    chapter = project.chapter(assignment)
    for name in notebooks:
        path = Path(name)
        who = path.parents[1].name
        page = project.course / "feedback" / who / assignment / f"{path.stem}.html"
        if not page.exists():
            continue
        notebook = nbformat.read(path, as_version=4)
        ids = [cell.metadata.get("nbgrader", {}).get("grade_id", "") for cell in notebook.cells]
        waiting = _waiting(f"sqlite:///{project.course / 'gradebook.db'}", path.stem, assignment, who)
        title = f"{chapter.title}: feedback for {who}"
        atomic_write(page, polished(page.read_text("utf-8"), title, set(ids), waiting))


def polished(text: str, title: str, ids: set[str], waiting: set[str]) -> str:
    """The page's text with the repairs; `ids` are the grade ids of the notebook, `waiting` those not marked yet."""

    def entry(found: re.Match) -> str:
        anchor, word, score = found["anchor"], found["word"], found["score"]
        grade_id = anchor.removeprefix("comment-")
        name = f"<code>{html.escape(grade_id.removesuffix('-check'))}</code>"
        if grade_id not in ids:
            return found[0]
        if word == "Comment":
            return f'<a href="#{anchor}">Comment on {name}</a>{score}'
        if grade_id in waiting:
            score = re.sub(r"Score: [\d.]+ / ([\d.]+)", r"waits to be marked, \1 points", score)
        return f'<a href="#{anchor}">{name}</a>{score}'

    text = _ENTRY.sub(entry, text)
    text = re.sub(r"<html>", '<html lang="en">', text, count=1)
    return re.sub(r"<title>[^<]*</title>", lambda _: f"<title>{html.escape(title)}</title>{_STYLE}", text, count=1)


def _waiting(database: str, notebook: str, assignment: str, student: str) -> set[str]:
    with Gradebook(database) as gradebook:
        try:
            grades = gradebook.find_submission_notebook(notebook, assignment, student).grades
        except MissingEntry:
            return set()
        return {grade.name for grade in grades if grade.auto_score is None and grade.manual_score is None}
