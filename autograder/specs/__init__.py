"""The specs: one module per chapter says how its exercises are checked.

- a chapter module (``ch02.py``) defines ``CHAPTER``, a ``base.Chapter``;
- ``chapters()`` finds them all, in the order of their numbers.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re

from autograder.specs.base import Chapter
from mechanisms.errors import BuildError


@functools.cache
def chapters() -> dict[str, Chapter]:
    """All chapters by slug. Raises BuildError when a module lacks CHAPTER or a slug occurs twice."""
    found: dict[str, Chapter] = {}
    for module_info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        if not re.fullmatch(r"ch\d\d", module_info.name):
            continue
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        chapter = getattr(module, "CHAPTER", None)
        if not isinstance(chapter, Chapter):
            raise BuildError(f"autograder/specs/{module_info.name}.py must define CHAPTER, a Chapter.")
        if chapter.slug in found:
            raise BuildError(f"Two chapters have the slug '{chapter.slug}': each needs its own.")
        found[chapter.slug] = chapter
    return found
