"""The specs: one module per chapter says how its exercises are checked.

- a chapter module (``ch02.py``) defines ``CHAPTER``, a ``base.Chapter``;
- ``chapters()`` finds them all, in the order of their numbers;
- ``numbered()`` finds one and imports no other: who grades one chapter waits for one.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pkgutil
import re

from autograder.specs.base import Chapter
from mechanisms.errors import BuildError


@functools.cache
def chapters() -> dict[str, Chapter]:
    """All chapters by slug. Raises BuildError when a module lacks CHAPTER or a slug occurs twice."""
    found: dict[str, Chapter] = {}
    for name in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        if not re.fullmatch(r"ch\d\d", name):
            continue
        chapter = _chapter(name)
        if chapter.slug in found:
            raise BuildError(f"Two chapters have the slug '{chapter.slug}': each needs its own.")
        found[chapter.slug] = chapter
    return found


def numbered(slug: str) -> Chapter | None:
    """The chapter with the slug or number ``slug`` ("02_factual_recall", "02", "2"), or None when no spec has it.

    Raises BuildError when its module lacks CHAPTER.
    """
    number = re.match(r"\d{1,2}(?!\d)", slug)
    name = f"ch{int(number[0]):02d}" if number else ""
    if not name or importlib.util.find_spec(f"{__name__}.{name}") is None:
        return None
    chapter = _chapter(name)
    return chapter if slug in chapter.names else None


def _chapter(name: str) -> Chapter:
    chapter = getattr(importlib.import_module(f"{__name__}.{name}"), "CHAPTER", None)
    if not isinstance(chapter, Chapter):
        raise BuildError(f"autograder/specs/{name}.py must define CHAPTER, a Chapter.")
    return chapter
