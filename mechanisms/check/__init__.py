"""Checks: what a student runs under an exercise, and what the grader shares with it.

- ``from mechanisms import check`` gives this module, and calling it is calling ``mechanisms.check.api.check``:
  the package and the function share one name, so the module itself is callable, whatever was imported first;
- ``check``, ``predict`` and ``case`` are also attributes, loaded on first use.
"""

from __future__ import annotations

import sys
import types
from typing import Any

_OFFERED = ("CheckResult", "case", "check", "predict")


class _CallableModule(types.ModuleType):
    """This module, which can be called like the function ``check``."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        from mechanisms.check.api import check

        return check(*arguments, **named)


sys.modules[__name__].__class__ = _CallableModule


def __getattr__(name: str) -> Any:
    if name in _OFFERED:
        from mechanisms.check import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
