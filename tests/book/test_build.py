"""The book builds without a warning, whole, and reads without a network."""

from __future__ import annotations

import re
from pathlib import Path

import build_book
import pytest
import yaml

from autograder.specs import chapters

ROOT = Path(__file__).resolve().parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
# A tag that makes the browser fetch something from another host.
FETCHED = re.compile(
    r'<(?:script|img|iframe|source|link(?![^>]*rel="canonical"))[^>]*\s(?:src|href)="(?:https?:)?//[^"]*"'
)


@pytest.fixture
def tiny_book(tmp_path):
    """A book of two pages, sources and built pages, in a folder of its own."""
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: a\nchapters:\n  - file: b\n")
    (tmp_path / "html").mkdir()
    for page, title in (("a", "It's `first`"), ("b", "The second")):
        (tmp_path / f"{page}.md").write_text(f"# {title}\n\nText.\n")
    (tmp_path / "html" / "a.html").write_text("<h1>It’s <code>first</code><a href='#'>#</a></h1>")
    (tmp_path / "html" / "b.html").write_text("<h1>The second</h1>")
    return tmp_path


def test_a_whole_book_has_no_fault(tiny_book):
    assert build_book.faults(tiny_book, tiny_book / "html") == []


@pytest.mark.parametrize("name", ["CURES_TEXT", "TODO", "TBD"])
def test_a_text_that_is_still_to_come_is_a_fault(tiny_book, name):
    built = tiny_book / "html" / "b.html"
    built.write_text(built.read_text() + f"<p>{name}</p>")
    assert build_book.faults(tiny_book, tiny_book / "html") == [f"b.html says {name} where a text is to come"]


def test_a_missing_page_is_a_fault(tiny_book):
    (tiny_book / "html" / "b.html").unlink()
    assert build_book.faults(tiny_book, tiny_book / "html") == ["b.html was not built"]


def test_a_page_with_another_title_is_a_fault(tiny_book):
    (tiny_book / "html" / "b.html").write_text("<h1>Index of nothing</h1>")
    assert build_book.faults(tiny_book, tiny_book / "html") == ["b.html does not have the title 'The second'"]


def test_a_figure_that_is_only_named_is_a_fault(tiny_book):
    page = tiny_book / "html" / "b.html"
    page.write_text(page.read_text() + "<pre>&lt;Figure size 640x480 with 1 Axes&gt;</pre>")
    assert build_book.faults(tiny_book, tiny_book / "html") == ["b.html has a figure's name in place of the figure"]


def test_a_page_without_a_title_is_named(tiny_book):
    (tiny_book / "b.md").write_text("Text.\n")
    with pytest.raises(build_book.BookError, match=r"b\.md has no title"):
        build_book.faults(tiny_book, tiny_book / "html")


def test_the_fingerprint_sees_a_changed_page_and_not_a_built_one(tiny_book):
    before = build_book.fingerprint((".",), tiny_book)
    (tiny_book / "_build").mkdir()
    (tiny_book / "_build" / "x.html").write_text("built")
    assert build_book.fingerprint((".",), tiny_book) == before
    (tiny_book / "a.md").write_text("# Another\n")
    assert build_book.fingerprint((".",), tiny_book) != before


def test_every_page_of_the_contents_has_a_source():
    made = {f"book/solutions/{chapter}" for chapter in chapters()}
    missing = {page for page in build_book.pages_of(TOC) if not (ROOT / f"{page}.md").is_file()}
    assert missing == made


def test_every_page_is_in_the_contents():
    sources = {path.relative_to(ROOT).with_suffix("").as_posix() for path in (ROOT / "book").rglob("*.md")}
    built = {source for source in sources if "_build" in source}
    made = {f"book/solutions/{chapter}" for chapter in chapters()}
    assert (sources - built) | made == set(build_book.pages_of(TOC))


def test_every_graded_chapter_names_its_page():
    pages = build_book.pages_of(TOC)
    for chapter in chapters().values():
        assert chapter.page.partition("#")[0].removesuffix(".html") in pages, f"{chapter.slug}: {chapter.page}"


@pytest.mark.slow
def test_the_real_book_is_whole(repository, built):
    assert build_book.faults(repository, built) == []
    pages = {path.relative_to(built).with_suffix("").as_posix() for path in built.rglob("*.html")}
    assert set(build_book.pages_of(TOC)) <= pages
    assert (built / "index.html").is_file()


@pytest.mark.slow
def test_no_page_fetches_anything_from_elsewhere(built):
    found = {}
    for path in built.rglob("*.html"):
        if hits := FETCHED.findall(path.read_text("utf-8")):
            found[path.relative_to(built).as_posix()] = hits[:3]
    assert not found


@pytest.mark.slow
def test_formulas_are_set_by_the_copy_beside_the_pages(built):
    assert (built / "_static" / "mathjax" / "tex-chtml.js").is_file()
    assert any((built / "_static" / "mathjax" / "output" / "chtml" / "fonts" / "woff-v2").glob("*.woff"))


@pytest.mark.slow
def test_the_status_page_shows_the_card_and_the_versions(built):
    page = (built / "book" / "status.html").read_text("utf-8")
    assert "lab-lm" in page
    assert "mechanisms-course" in page
    assert "recall" in page
