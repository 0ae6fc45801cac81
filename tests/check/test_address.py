"""The course's address: one place, and everything that is built from it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from mechanisms import address

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def set_to(tmp_path, monkeypatch):
    """Make the one place say something else; returns the function that does it."""

    def write(repository: str, documentation: str, name: str = "mechanisms-course") -> None:
        text = f'[project]\nname = "{name}"\n[project.urls]\n'
        text += f'Repository = "{repository}"\nDocumentation = "{documentation}"\n'
        (tmp_path / "pyproject.toml").write_text(text)
        address._urls.cache_clear()

    monkeypatch.setattr(address, "_PYPROJECT", tmp_path / "pyproject.toml")
    monkeypatch.delenv("MECHANISMS_BOOK", raising=False)
    yield write
    address._urls.cache_clear()


def test_it_is_what_pyproject_says():
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    assert address.repository() == urls["Repository"]
    assert address.documentation() == urls["Documentation"]


def test_everything_follows_it(set_to):
    set_to("https://github.com/ada/course/", "https://ada.example/book/")
    assert address.repository() == "https://github.com/ada/course"
    assert address.requirement("vision") == "mechanisms-course[vision] @ git+https://github.com/ada/course@main"
    assert address.requirement() == "mechanisms-course @ git+https://github.com/ada/course@main"
    opened = "https://colab.research.google.com/github/ada/course/blob/main/exercises/a%20b.ipynb"
    assert address.colab("exercises/a b.ipynb") == opened
    assert address.published()
    assert address.book_page("book/errors/x.html") == "https://ada.example/book/book/errors/x.html"


def test_an_unpublished_course_links_to_no_book(set_to):
    set_to("https://github.com/OWNER/mechanisms", "https://OWNER.github.io/mechanisms")
    assert not address.published()
    assert address.book() == "" and address.book_page("book/index.html") == ""


def test_the_environment_may_name_another_book_or_none(set_to, monkeypatch):
    set_to("https://github.com/ada/course", "https://ada.example/book")
    monkeypatch.setenv("MECHANISMS_BOOK", "https://mine.example/")
    assert address.book_page("a.html") == "https://mine.example/a.html"
    for nothing in ("", "javascript:alert(1)", "/tmp/book"):
        monkeypatch.setenv("MECHANISMS_BOOK", nothing)
        assert address.book_page("a.html") == ""


@pytest.mark.parametrize("content", [None, "not [ toml", "[project]\nname = 'another'\n", "[project]\nurls = 3\n"])
def test_without_its_pyproject_the_installed_package_knows(set_to, tmp_path, monkeypatch, content):
    if content is not None:
        (tmp_path / "pyproject.toml").write_text(content)
    told = {"Project-URL": ["Repository, https://github.com/ada/installed", "Documentation, https://ada.example"]}
    monkeypatch.setattr(address, "metadata", lambda name: type("Metadata", (), {"get_all": staticmethod(told.get)}))
    address._urls.cache_clear()
    assert address.repository() == "https://github.com/ada/installed"


def test_a_bare_folder_of_modules_still_has_the_placeholder(set_to, monkeypatch):
    def absent(name):
        raise address.PackageNotFoundError(name)

    monkeypatch.setattr(address, "metadata", absent)
    address._urls.cache_clear()
    assert address.repository() == "https://github.com/OWNER/mechanisms" and not address.published()
