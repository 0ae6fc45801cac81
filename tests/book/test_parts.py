"""What the book's generated tables say, and the address in the files that cannot read it."""

from __future__ import annotations

import sys

import pytest
import readdress
from book_copy import ROOT

from autograder.specs import chapters

sys.path.insert(0, str(ROOT / "book" / "_ext"))

import course_pages  # a Sphinx extension, in no package

PAGE = """---
kernelspec: x
---
# Title

Intro with a residual stream.

## Heads

```{code-cell} ipython3
residual_streams = "residual streams"
```
Movers copy.

### OV circuits

Two OV circuits, and ovals.
"""


def test_sections_have_their_prose_and_not_their_code():
    found = dict(course_pages.sections(PAGE))
    assert list(found) == ["Title", "Heads"] and "ovals" in found["Heads"]
    assert "code-cell" not in found["Heads"] and "residual" not in found["Heads"]


@pytest.mark.parametrize(
    ("names", "text", "used"),
    [
        (["residual stream"], "The Residual\nstreams are", True),
        (["OV circuit", "OV matrix"], "an OV matrix", True),
        (["OV"], "an ov", False),
        (["OV"], "an OVal", False),
        (["mover"], "removers", False),
    ],
)
def test_a_word_is_found_in_the_plural_and_not_inside_another(names, text, used):
    assert course_pages.mentions(names, text) is used


def test_the_glossary_is_read_with_other_names():
    text = "```{glossary}\nb\nanother b\n  Explains.\n  More.\n\nA\n  Explains.\n```"
    assert course_pages.glossary_terms(text) == [["A"], ["b", "another b"]]


def test_every_word_of_the_glossary_is_there_once():
    names = sum(course_pages.glossary_terms((ROOT / "book" / "glossary.md").read_text("utf-8")), [])
    assert len(names) > 60 and len({name.lower() for name in names}) == len(names)
    assert {"residual stream", "OV circuit", "logit difference"} <= set(names)


@pytest.mark.parametrize(("minutes", "told"), [(3, "5 min"), (52, "50 min"), (58, "1 h 00 min"), (134, "2 h 15 min")])
def test_hours_are_told_as_people_plan_them(minutes, told):
    assert course_pages.hours(minutes) == told


def test_a_longer_page_takes_longer_and_code_takes_no_reading():
    short = course_pages.reading_minutes(PAGE)
    assert course_pages.reading_minutes(PAGE + "word " * 130) == pytest.approx(short + 1)
    assert course_pages.reading_minutes(PAGE + "\n```{code-cell} ipython3\nx = 1\n```\n") == pytest.approx(short)


def test_every_chapter_lists_its_exercises():
    for chapter in chapters().values():
        page = (ROOT / chapter.page.replace(".html", ".md")).read_text("utf-8")
        assert f"```{{exercise-list}} {chapter.number}\n```" in page
        for exercise in chapter.exercises:
            assert f"({exercise.name.replace('_', '-')})=" in page, f"{chapter.slug} has no place for {exercise.name}"


@pytest.mark.slow
def test_the_hours_are_the_sum_of_the_cards(built):
    page = (built / "book" / "paths.html").read_text("utf-8")
    for chapter in chapters().values():
        assert course_pages.hours(sum(exercise.card.minutes for exercise in chapter.exercises)) in page
    everything = sum(exercise.card.minutes for chapter in chapters().values() for exercise in chapter.exercises)
    assert course_pages.hours(everything) in page


@pytest.mark.slow
def test_the_status_page_tells_time_memory_and_skips(built):
    page = (built / "book" / "status.html").read_text("utf-8")
    assert "peak memory" in page and "not run for this copy" not in page
    assert "tests/engine/test_postgres.py::server" in page


def test_readme_and_citation_have_the_address_of_pyproject():
    assert readdress.stale(ROOT) == []


def test_a_new_address_is_written_into_both(tmp_path, monkeypatch):
    for name in ("README.md", "CITATION.cff"):
        (tmp_path / name).write_text((ROOT / name).read_text("utf-8"), encoding="utf-8")
    monkeypatch.setattr(readdress.address, "repository", lambda: "https://github.com/ada/course")
    assert readdress.stale(tmp_path) == ["README.md", "CITATION.cff"]
    readdress.main(tmp_path)
    assert readdress.stale(tmp_path) == []
    assert "https://github.com/ada/course" in (tmp_path / "README.md").read_text("utf-8")
    assert "github.com/OWNER" not in (tmp_path / "CITATION.cff").read_text("utf-8")
