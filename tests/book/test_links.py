"""Links that lead nowhere and pictures without words are found."""

from __future__ import annotations

import book_links
import pytest


@pytest.fixture
def site(tmp_path):
    """Two pages that link to each other, each with a described picture."""
    for name, other in (("a", "b"), ("b", "a")):
        text = f'<h1 id="top">{name}</h1><a class="x" href="{other}.html#top">there</a><a href="#top">up</a>'
        (tmp_path / f"{name}.html").write_text(text + '<img alt="A curve that falls." src="p.png">')
    (tmp_path / "p.png").write_bytes(b"")
    return tmp_path


def add(site, markup: str) -> None:
    page = site / "a.html"
    page.write_text(page.read_text() + markup)


def test_good_links_and_pictures_are_no_fault(site):
    add(site, '<a href="https://a.example/x#y">out</a><a href="mailto:a@a.example">m</a><script>"<img>"</script>')
    assert book_links.broken(site) == [] and book_links.undescribed(site) == []


@pytest.mark.parametrize(
    ("markup", "told"),
    [
        ('<a href="c.html">c</a>', "a.html links to c.html, which is not there"),
        ('<a href="b.html#nowhere">b</a>', "a.html links to b.html#nowhere, a place that is not there"),
        ('<a href="#nowhere">b</a>', "a.html links to #nowhere, a place that is not there"),
        ('<script src="s.js"></script>', "a.html links to s.js, which is not there"),
        ('<a href="label-of-another-tool">b</a>', "a.html links to label-of-another-tool, which is not there"),
    ],
)
def test_a_link_that_leads_nowhere_is_a_fault(site, markup, told):
    add(site, markup)
    assert book_links.broken(site) == [told]


@pytest.mark.parametrize(
    "picture", ['<img src="p.png">', '<img alt="" src="p.png">', '<img alt="x/p.png" src="p.png">']
)
def test_a_picture_without_words_is_a_fault(site, picture):
    add(site, picture)
    assert book_links.undescribed(site) == ["a.html has a picture without an alt text (1)"]


def test_addresses_elsewhere_are_listed_once_for_each_page(site):
    add(site, '<a href="https://a.example/x#y">1</a><a href="https://a.example/x#z">2</a>')
    assert book_links.elsewhere(site) == {"https://a.example/x": ["a.html", "a.html"]}


def test_an_address_that_does_not_answer_is_told(monkeypatch):
    def refuse(request, timeout):
        raise OSError("no route")

    monkeypatch.setattr(book_links.urllib.request, "urlopen", refuse)
    assert book_links.problem("https://a.example") == "does not answer (no route)"


@pytest.mark.slow
def test_every_exercise_has_its_place_and_its_colab_link(built):
    from autograder.specs import chapters
    from mechanisms import address

    listed = (built / "book" / "exercises.html").read_text("utf-8")
    for chapter in chapters().values():
        notebook = f"exercises/{chapter.slug}/{chapter.notebook}.ipynb"
        assert address.colab(notebook) in listed and chapter.paper in listed
        for exercise in chapter.exercises:
            assert f'href="chapters/{chapter.slug}.html#{exercise.name.replace("_", "-")}"' in listed, exercise.name
