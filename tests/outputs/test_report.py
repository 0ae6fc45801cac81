"""The class report: right numbers, harmless, and of a bearable size for a large class."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest
from crowd import QUESTION, make_class
from records import MISTAKEN, PERFECT, SENTENCE, mistaken, partly, perfect

from autograder.nbg.results import UNMATCHED, Result
from autograder.report import ChapterReport, Row, gather, report_html, report_json, students_of, write_report
from autograder.report.charts import histogram, shares, spreads
from mechanisms.spreadsheet import starts_formula

NASTY = '=HYPERLINK("http://x")<script>alert(1)</script>'
VOID = {"meta", "br", "wbr", "rect", "path", "img", "input"}


class Tags(HTMLParser):
    """Counts start tags, keeps attributes, and checks that tags are closed in order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.seen, self.attributes = [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def nasty():
    """A class in which every text is hostile."""
    rows = [
        Row(NASTY, "graded", 3.0, {"double": 3.0}, {"double": "partial"}, {"double": NASTY}, {}, {"double": [NASTY]},
            {"why": None}, seconds=3.0),
        Row("bob", UNMATCHED, None, needs_person=[NASTY]),
        Row("eve", "graded", 9.0, {"double": 5.0}, {"double": "passed"}, manual={"why": 4.0}, notices=[NASTY],
            faults={"double": NASTY}, feedback="feedback/%22%3E"),
    ]  # fmt: skip
    chapter = ChapterReport("90_toy", NASTY, {"double": 5.0}, {"double": NASTY}, {"why": 4.0}, rows)
    chapter.groups, chapter.sentences = {"double": {NASTY: 5.0}}, {"double": {NASTY: NASTY}}
    return chapter


def test_the_page_is_well_formed_and_escaped(nasty):
    page = report_html([nasty])
    tags = Tags(page)
    assert tags.seen.count("script") == 1 and "<script>alert" not in page
    assert not [entry for entry in tags.attributes if entry[1].startswith("on") or entry[1] == "style"]
    assert tags.seen.count("table") == tags.seen.count("caption") >= 4
    assert "http://" not in page.replace("http://x", "") and "https://" not in page
    assert "script-src 'sha256-" in page and "prefers-color-scheme: dark" in page and '<html lang="en">' in page


def test_every_picture_says_what_it_shows(nasty):
    page = report_html([nasty, nasty])
    pictures = re.findall(r"<svg[^>]*role='img'.*?</svg>", page, re.S)
    assert len(pictures) >= 5
    for picture in pictures:
        assert len(ElementTree.fromstring(picture).get("aria-label")) > 20


def test_pictures_of_nothing_and_of_one():
    for picture in (
        histogram([], 100, "a", "%", "t"), histogram([100, 100], 100, "a", "%", "t"), histogram([0], 0, "a", "", "t"),
        spreads([("x", []), ("y", [50.0])], "t"), shares([("x", [0, 0]), ("y", [3, 0])], ["a", "b"], "t"),
    ):  # fmt: skip
        assert ElementTree.fromstring(picture).find("svg").get("aria-label")
    assert "19 from 90 to 100%" in histogram([95.0] * 18 + [100.0], 100, "a", "%", "t")


def test_a_person_is_named_with_the_reason(nasty):
    page = report_html([nasty])
    assert "1 student needs a person’s look" in page and "=HYPERLINK" in page and " <strong>bob</strong></li>" in page
    assert "1 free-text answer waits to be marked" in page and "could not be read" in page and "to mark" in page


def test_nobody_and_nobody_graded():
    empty = ChapterReport("90_toy", "A toy", {"double": 5.0}, {"double": "Double"}, {}, [])
    assert "0 handed in" in report_html([empty]) and "No submission was graded yet" in report_html([])
    Tags(report_html([empty, empty]))


def test_what_is_gathered(toy, chapter, hand_in):
    hand_in(perfect("ada"), {**PERFECT, "double-check": (5, 4, False)}, penalty=1.5)
    hand_in(mistaken("bob"), MISTAKEN)
    hand_in(partly("cleo"), {**PERFECT, "describe-check": (0, None, True)})
    hand_in(Result("eve", "90_toy", status=UNMATCHED, needs_person=["no notebook"]), None)
    (toy.course / "submitted" / "zoe" / "90_toy").mkdir(parents=True)
    report = gather(toy, chapter)
    assert students_of(toy, chapter) == ["ada", "bob", "cleo", "eve", "zoe"]
    rows = {row.student: row for row in report.rows}
    assert (rows["ada"].points, rows["ada"].penalty, rows["ada"].scores["double"]) == (14.5, 1.5, 4)
    assert rows["bob"].mistakes == {"double": "loses_the_sign"} and rows["bob"].unmarked == ["why_spread"]
    assert report.sentences == {"double": {"loses_the_sign": SENTENCE}}
    assert rows["bob"].failed_groups == {"double": ["negative values"]} and rows["bob"].points == 11
    assert rows["cleo"].states["describe"] == "not found" and rows["cleo"].needs_person
    assert rows["eve"].points is None and rows["zoe"].status == "not graded"
    page = report_html([report])
    for told in ("33%", "case", SENTENCE, "not found", "1.5 off, late", "Groups of cases that failed", "1 of 3"):
        assert told in page, told
    assert "2.5 s per submission" in page and "own cells took 0.5 s" in page


def test_the_csv_runs_no_formula_and_reads_back(toy, nasty):
    paths = write_report(toy, [nasty])
    assert [path.name for path in paths] == ["report.html", "report.csv", "report.json"]
    rows = list(csv.reader(io.StringIO(paths[1].read_text("utf-8"), newline=""), strict=True))
    assert rows[0][:4] == ["student", "chapter", "status", "item"]
    assert all(not starts_formula(cell) or cell.startswith("'") for row in rows for cell in row)
    assert [row[4] for row in rows if row[0] == "eve"] == ["5", "4"]
    assert [row[4] for row in rows if row[0] == "bob"] == ["", ""]
    data = json.loads(paths[2].read_text("utf-8"))
    assert data["chapters"][0]["rows"][1]["student"] == "bob" and data["made"]


def test_a_name_that_is_no_text_spoils_nothing(toy):
    odd = Row("o\udc80\u202ed\nd", "graded", 5.0, {"double": 5.0}, {"double": "passed"})
    paths = write_report(toy, [ChapterReport("90_toy", "A toy", {"double": 5.0}, {"double": "D"}, {}, [odd])])
    assert "\u202e" not in paths[0].read_text("utf-8")
    assert json.loads(paths[2].read_text("utf-8"))["chapters"][0]["rows"][0]["student"] == odd.student
    assert report_json([], "now") == '{"made": "now", "chapters": [\n\n]}\n'


def test_a_small_class_of_two_chapters(tmp_path, monkeypatch):
    monkeypatch.delenv("MECHANISMS_GRADEBOOK", raising=False)
    project = make_class(tmp_path, 110, 2)
    parts = [gather(project, chapter) for chapter in project.chapters.values()]
    page = report_html(parts)
    Tags(page)
    assert "All chapters" in page and "Everybody" in page and "101 to 110" in page
    for part in parts:
        counted = sum(1 for row in part.rows if row.mistakes)
        assert counted > 20 and all(list(row.manual) == [QUESTION] for row in part.graded)
        name = next(iter(part.maxima))
        right = sum(1 for row in part.graded if row.scores[name] == 10)
        assert f"<td class='n'>{100 * right / len(part.graded):.0f}%</td>" in page


@pytest.mark.slow
def test_a_thousand_students_and_nine_chapters_stay_readable(tmp_path):
    project = make_class(tmp_path, 1000, 9, gradebook=False)
    parts = [gather(project, chapter) for chapter in project.chapters.values()]
    for part in parts:
        for row in part.rows:
            row.feedback = f"feedback/{row.student}/{part.slug}/part.html"
    page = report_html(parts)
    Tags(page)
    assert sum(len(part.rows) for part in parts) == 9000
    assert len(page.encode()) < 2_000_000 and page.count("<details open>") == 1
    assert page.count("feedback/student-0999/") == 9
