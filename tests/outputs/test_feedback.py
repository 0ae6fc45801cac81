"""The page that a student gets: complete, harmless, and the same from nbgrader's own command."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import pytest
from records import MISTAKEN, PERFECT, SENTENCE, mistaken, partly, perfect

from autograder.feedback import feedback_html, write_feedback
from autograder.marks import Mark, Marks, student_marks
from autograder.nbg.results import FAILED, UNMATCHED, Result
from mechanisms.errors import UsageError

NASTY = "<script>alert(1)</script><img src=https://evil.example/x onerror=alert(2)>\u202e"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 20).decode()
VOID = {"meta", "br", "img", "hr"}


class Page(HTMLParser):
    """A page's elements, its text, and whether every tag is closed in order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.words, self.attributes = [], [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.words))


def page_of(project, chapter, result, notebook=None, marks=None, **more):
    page = feedback_html(project, chapter, result, notebook, marks, **more)
    return page, Page(page)


def cell(source, role="solution", exercise="double", outputs=(), kind="code"):
    about = {"mechanisms": {"role": role, "exercise": exercise}} if role else {}
    made = {"cell_type": kind, "source": source, "metadata": about}
    return made | ({"outputs": list(outputs), "execution_count": 1} if kind == "code" else {})


def test_points_groups_mistake_and_hint(toy, chapter):
    _, page = page_of(toy, chapter, mistaken())
    assert "11 of 17 points" in page.text and "4 points are for free text that waits to be marked" in page.text
    assert f"This looks like a known mistake. {SENTENCE}" in page.text
    assert "positive values 3 of 3 points 2 cases, all right" in page.text
    assert "case 2 of 2 is the first that fails (the one before it passed)" in page.text
    assert "The numbers differ." in page.text and "Hint: What happens to the sign?" in page.text
    assert page.text.index("Double every value") < page.text.index("Describe the values")


def test_the_exercises_stand_in_the_order_of_the_notebook(toy, chapter):
    result = perfect()
    result.exercises = dict(sorted(result.exercises.items()))
    _, page = page_of(toy, chapter, result)
    assert list(result.exercises)[0] == "describe"
    assert page.text.index("Double every value") < page.text.index("Describe the values")


def test_marks_comments_and_lateness(toy, chapter):
    marks = Marks(
        {"double-check": Mark(3.0, 4.5, None, False), "describe-check": Mark(8.0, None, None, False),
         "why_spread": Mark(None, 3.0, 0.5, False)},
        {"why_spread": f"Good, but {NASTY}", "double": "I gave you a point for the idea."},
        penalty=2.0,
    )  # fmt: skip
    page, read = page_of(toy, chapter, mistaken(), None, marks)
    assert "14 of 17 points" in read.text and "2 points were taken off because it came late" in read.text
    assert "The grader gave 3; a person changed it to 4.5." in read.text and "✎ marked 3.5 of 4 points" in read.text
    assert "I gave you a point for the idea." in read.text
    assert "&lt;script&gt;alert(1)" in page and "script" not in read.tags and "\u202e" not in page


def test_a_mark_that_waits_after_a_regrade_is_not_shown_as_final(toy, chapter):
    marks = Marks({"why_spread": Mark(None, 3.0, None, True)})
    assert "waits to be marked" in page_of(toy, chapter, perfect(), None, marks)[1].text


def test_the_link_to_the_book_needs_an_address(toy, chapter, monkeypatch):
    page, _ = page_of(toy, chapter, perfect())
    assert "in the book" not in page
    monkeypatch.setenv("MECHANISMS_BOOK", "https://book.example/m/")
    page, _ = page_of(toy, chapter, perfect())
    assert "href='https://book.example/m/chapters/90_toy.html#double'" in page
    assert "href='https://book.example/m/chapters/90_toy.html#describe'" in page
    monkeypatch.setenv("MECHANISMS_BOOK", "javascript:alert(1)//")
    assert "javascript" not in page_of(toy, chapter, perfect())[0]


def test_own_cells_are_folded_and_ours_stay_out(toy, chapter):
    verdict = {"output_type": "execute_result", "data": {"text/plain": "3", "text/html": "hidden 123.456"}}
    notebook = {
        "cells": [
            cell("# our words", "text", "", kind="markdown"),
            cell("import ours", "setup", ""),
            cell("def double(values): ...", outputs=[{"output_type": "stream", "text": ["a\n", "b"]}]),
            cell("check(double)", "check", outputs=[verdict]),
            cell("print('given')", ""),
            cell("my_own = 1", "", outputs=[{"output_type": "error", "ename": "E", "evalue": "e",
                                             "traceback": ["\x1b[31mboom\x1b[0m"]}]),
            cell("figure()", "demo", ""),
            cell("<!-- exercise -->\nBecause **it** is.", "rubric", "why_spread", kind="markdown"),
        ]
    }  # fmt: skip
    page, read = page_of(toy, chapter, perfect(), notebook, given=["print('given')\n"])
    for shown in ("def double(values): ...", "a b", "my_own = 1", "boom", "Because **it** is."):
        assert shown in read.text
    for hidden in ("our words", "import ours", "check(double)", "123.456", "print('given')", "figure()"):
        assert hidden not in page
    assert read.tags.count("details") == 3 and "\x1b" not in page


OUTPUTS = [
    {"output_type": "display_data", "data": {"text/html": NASTY, "text/plain": "t"}},
    {"output_type": "display_data", "data": {"image/svg+xml": NASTY}},
    {"output_type": "display_data", "data": {"application/javascript": "alert(1)", NASTY: 1}},
    {"output_type": "display_data", "data": {"image/png": PNG, "text/plain": f"'{NASTY}'"}},
    {"output_type": "display_data", "data": {"image/png": f"x' onerror='alert(1)' y='{PNG}"}},
    {"output_type": "execute_result", "data": {"text/html": "<div style='position:fixed'>" * 500}},
    {"output_type": "stream", "name": NASTY, "text": NASTY},
    {"output_type": "error", "ename": NASTY, "evalue": NASTY, "traceback": "no list"},
    {"output_type": NASTY}, {"output_type": "display_data", "data": NASTY}, "no output", None, 7,
]  # fmt: skip


def test_a_hostile_record_and_notebook_do_nothing(toy, chapter):
    result = mistaken(f"eve{NASTY}")
    result.exercises["double"].title = result.exercises["double"].sentence = NASTY
    result.exercises["double"].page = f"'onclick='x{NASTY}"
    result.exercises["double"].groups[1].sentence = result.exercises["double"].groups[1].name = NASTY
    result.exercises[NASTY] = result.exercises["double"]
    result.notices = result.needs_person = [NASTY]
    result.free_text = {NASTY: 1.0}
    result.graded_at = NASTY
    cells = [cell(NASTY, outputs=OUTPUTS), cell(NASTY, NASTY, NASTY), {"cell_type": "code"}, None, 3, [],
             {"cell_type": "code", "source": {"a": 1}, "metadata": {"mechanisms": []}, "outputs": {}}]  # fmt: skip
    page, read = page_of(toy, chapter, result, {"cells": cells}, received=[NASTY])
    assert set(read.tags) <= {
        "html", "head", "meta", "title", "style", "body", "a", "header", "main", "footer", "section", "div", "p", "h1",
        "h2", "strong", "em", "code", "span", "bdi", "table", "caption", "thead", "tbody", "tr", "th", "td", "ul", "li",
        "details", "summary", "pre", "img",
    }  # fmt: skip
    assert not [name for name, _ in read.attributes if name.startswith("on") or name == "style"]
    addresses = [value for name, value in read.attributes if name in ("src", "href", "srcset", "action", "background")]
    assert all(value.startswith(("#", "data:image/png;base64,")) for value in addresses)
    assert page.count("<h1>") == 1 and read.tags.count("main") == 1


def test_a_page_never_grows_without_end(toy, chapter):
    flood = [{"output_type": "stream", "name": "stdout", "text": "x" * 5_000_000}] * 60
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 1_000_000).decode()
    flood += [{"output_type": "display_data", "data": {"image/png": picture}}] * 60
    cells = [cell("y" * 1_000_000, outputs=flood)] + [cell("x", "", outputs=flood[60:]) for _ in range(300)]
    page, _ = page_of(toy, chapter, perfect(), {"cells": cells})
    assert len(page) < 7_000_000 and "the page is full" in page


def test_the_policy_allows_our_style_and_nothing_else(toy, chapter):
    import hashlib

    page, read = page_of(toy, chapter, perfect(), {"cells": [cell("1", outputs=OUTPUTS)]})
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)[1]
    assert "default-src 'none'" in policy and "script-src 'none'" in policy and "img-src data:" in policy
    style = re.search(r"<style>(.*?)</style>", page, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy and page.count("<style>") == 1
    assert not [value for name, value in read.attributes if name == "style"]


def test_it_reads_without_eyes_and_without_a_mouse(toy, chapter):
    page, read = page_of(toy, chapter, mistaken(), {"cells": [cell("def double(): ...")]})
    assert '<html lang="en">' in page and 'name="viewport"' in page and "prefers-color-scheme: dark" in page
    assert {"header", "main", "footer", "h1", "h2", "caption"} <= set(read.tags)
    assert read.tags.count("h1") == 1 and 'href="#main"' in page
    places = {value for name, value in read.attributes if name == "id"}
    links = {value[1:] for name, value in read.attributes if name == "href" and value.startswith("#")}
    labels = {value for name, value in read.attributes if name == "aria-labelledby"}
    assert links | labels <= places


@pytest.mark.parametrize(
    ("status", "words"), [(UNMATCHED, "This file could not be graded."), (FAILED, "a fault of the grader")]
)
def test_what_could_not_be_graded_gets_a_page_too(toy, chapter, status, words):
    result = Result("eve", "90_toy", status=status, needs_person=[f"toy.ipynb is not a notebook {NASTY}"])
    _, page = page_of(toy, chapter, result, received=["toy.ipynb (2 kB)", NASTY])
    assert words in page.text and "not the same as 0 points" in page.text
    assert "toy.ipynb (2 kB)" in page.text and "toy.ipynb is not a notebook" in page.text
    assert "script" not in page.tags and "points</p>" not in page.text


def test_written_and_read_back(toy, chapter, hand_in):
    hand_in(mistaken("bob"), MISTAKEN, penalty=1.0, comments={"why_spread": "Say more."})
    marks = student_marks(toy, chapter, "bob")
    assert marks.penalty == 1.0 and marks.comments == {"why_spread": "Say more."}
    assert marks.of_exercise("double").standing == 3 and marks.cells["why_spread"].standing is None
    page = write_feedback(toy, chapter, "bob").read_text("utf-8")
    assert "Say more." in page and "1 point was taken off because it came late" in page
    with pytest.raises(UsageError, match="has no grade"):
        write_feedback(toy, chapter, "nobody")
    with pytest.raises(UsageError, match="cannot be the name"):
        write_feedback(toy, chapter, "../../..")


def test_nbgrader_writes_the_same_page_and_leaves_no_file_of_a_student(toy, chapter, hand_in):
    from autograder.build.release import nbgrader_api

    def with_leak(notebook):
        for entry in notebook["cells"]:
            if entry["metadata"].get("mechanisms", {}).get("role") == "check":
                data = {"text/plain": "3", "text/html": "the hidden case 123.456"}
                entry["outputs"] = [
                    {"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 1}
                ]
        return notebook

    hand_in(perfect("ada"), PERFECT, edit=with_leak)
    ours = write_feedback(toy, chapter, "ada").read_bytes()
    folder = toy.feedback(chapter, "ada").parent
    (toy.autograded(chapter, "ada").parent / "deep").mkdir()
    (toy.autograded(chapter, "ada").parent / "deep" / "evil.html").write_text("<script>alert(1)</script>")
    outcome = nbgrader_api(toy.course).generate_feedback("90_toy", "ada", force=True)
    assert outcome["success"], outcome
    assert toy.feedback(chapter, "ada").read_bytes() == ours and b"123.456" not in ours
    assert [path.name for path in folder.rglob("*")] == ["toy.html"]


def test_without_a_record_nbgrader_leaves_no_page_at_all(toy, chapter, hand_in):
    from autograder.build.release import nbgrader_api

    hand_in(perfect("dan"), PERFECT)
    (toy.course / "results" / "90_toy" / "dan.json").unlink()
    outcome = nbgrader_api(toy.course).generate_feedback("90_toy", "dan", force=True)
    assert not outcome["success"] and not toy.feedback(chapter, "dan").exists()


def test_a_lost_exercise_is_told(toy, chapter):
    _, page = page_of(toy, chapter, partly())
    assert "not found in your notebook" in page.text and "A person looks at this." in page.text
