"""The class summary: complete, escaped, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser

import pytest

from autograder.summary import ChapterSummary, Row, harmless, summary_csv, summary_html, write_summary

NASTY = '=HYPERLINK("http://x")<script>alert(1)</script>'


@pytest.fixture
def nasty():
    """A class in which every text is hostile."""
    rows = [
        Row(NASTY, "graded", 3.0, 9.0, {"double": 3.0}, {"double": "partial"}, {"double": NASTY}, manual={"why": None}),
        Row("bob", "unreadable", None, 9.0, needs_person=[NASTY]),
        Row("eve", "graded", 9.0, 9.0, {"double": 5.0}, {"double": "passed"}, manual={"why": 4.0}, notices=[NASTY]),
    ]
    return ChapterSummary("90_toy", NASTY, {"double": 5.0}, {"double": NASTY}, {"why": 4.0}, rows)


class Tags(HTMLParser):
    """Counts start tags and checks that they are closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in ("meta", "br", "wbr", "rect", "line"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_escaped(nasty):
    page = summary_html([nasty])
    tags = Tags()
    tags.feed(page)
    assert tags.open == [] and "script" not in tags.seen
    assert tags.seen.count("table") == tags.seen.count("caption") == 2
    assert "<th scope='row'>" in page and "role='img'" in page and "prefers-color-scheme: dark" in page
    assert "http://" not in page.replace("http://x", "") and "https://" not in page


def test_a_person_is_named_and_free_text_waits(nasty):
    page = summary_html([nasty])
    assert "could not be read" in page and "to mark" in page and "1 free-text answer waits" in page


def test_nobody_and_nobody_graded():
    empty = ChapterSummary("90_toy", "A toy", {"double": 5.0}, {"double": "Double"}, {}, [])
    assert "0 students" in summary_html([empty]) and "No submission was graded yet" in summary_html([])


def test_the_csv_runs_no_formula_and_reads_back(nasty):
    table = list(csv.reader(io.StringIO(summary_csv([nasty]))))
    assert table[0][:4] == ["student", "chapter", "status", "item"]
    assert all(cell[:1] not in "=+-@" or not cell for row in table for cell in row)
    assert [row[4] for row in table if row[0] == "eve"] == ["5.0", "4.0"]
    assert [row[4] for row in table if row[0] == "bob"] == ["", ""]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "|calc"])
def test_harmless(text):
    assert harmless(text) == f"'{text}"
    assert harmless("ada") == "ada" and harmless(-1.5) == -1.5


def test_three_files(toy, nasty):
    paths = write_summary(toy, [nasty])
    assert [path.name for path in paths] == ["summary.html", "summary.json", "summary.csv"]
    assert json.loads(paths[1].read_text("utf-8"))["chapters"][0]["rows"][1]["student"] == "bob"
