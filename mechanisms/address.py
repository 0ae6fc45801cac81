"""Where the course lives: its repository and its book, read from the one place that says so.

- that place is ``[project.urls]`` of pyproject.toml: change ``Repository`` and ``Documentation`` there, nothing else,
  then run ``make address book``;
- an installed course without its pyproject.toml asks the package's own metadata, which was made from it;
- builds the addresses that badges, cards and setup cells need: Colab, pip, a page of the book;
- while the address still has ``OWNER`` in it the course is not published, and nothing at run time links to it.
"""

from __future__ import annotations

import os
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from urllib.parse import quote, urlsplit

DISTRIBUTION = "mechanisms-course"
# Stands for the account on GitHub until somebody publishes the course.
PLACEHOLDER = "OWNER"
BRANCH = "main"
_PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


@cache
def _urls() -> dict[str, str]:
    """``[project.urls]``: from the checkout that this package stands in, else from the installed metadata."""
    try:
        project = tomllib.loads(_PYPROJECT.read_text("utf-8"))["project"]
        if project["name"] == DISTRIBUTION:
            return dict(project["urls"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    try:
        lines = metadata(DISTRIBUTION).get_all("Project-URL") or []
    except PackageNotFoundError:
        lines = []
    pairs = [line.split(", ", 1) for line in lines if ", " in line]
    return {name.strip(): address.strip() for name, address in pairs}


def repository() -> str:
    """The repository's address, such as ``https://github.com/OWNER/mechanisms``, without a slash at its end."""
    return _urls().get("Repository", f"https://github.com/{PLACEHOLDER}/mechanisms").rstrip("/")


def documentation() -> str:
    """The hosted book's address as pyproject.toml has it, without a slash at its end."""
    return _urls().get("Documentation", f"https://{PLACEHOLDER}.github.io/mechanisms").rstrip("/")


def published() -> bool:
    """Whether somebody has put a real account in place of ``OWNER``."""
    return PLACEHOLDER not in repository()


def book() -> str:
    """Where a reader finds the book: MECHANISMS_BOOK when it is set, else the hosted book; "" when there is none.

    Set to nothing, or to what is no web address, MECHANISMS_BOOK means that there is no book to link to.
    """
    chosen = os.environ.get("MECHANISMS_BOOK")
    if chosen is None:
        chosen = documentation() if published() and PLACEHOLDER not in documentation() else ""
    chosen = chosen.strip().rstrip("/")
    return chosen if chosen.startswith(("http://", "https://")) else ""


def book_page(place: str) -> str:
    """The address of a place in the book, such as ``book/errors/disk-full.html``, or "" when there is no book."""
    return f"{book()}/{place.lstrip('/')}" if book() and place else ""


def requirement(*extras: str) -> str:
    """What pip installs: ``mechanisms-course[vision] @ git+https://github.com/OWNER/mechanisms@main``."""
    chosen = f"[{','.join(extras)}]" if extras else ""
    return f"{DISTRIBUTION}{chosen} @ git+{repository()}@{BRANCH}"


def colab(path: str) -> str:
    """The address that opens a notebook of the repository in Colab. ``path`` is relative to the repository's root."""
    return f"https://colab.research.google.com/github{urlsplit(repository()).path}/blob/{BRANCH}/{quote(path)}"
