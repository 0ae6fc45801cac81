"""Checks: what a student runs under an exercise, and what the grader shares with it.

- ``from mechanisms import check`` gives this module, and calling it is calling ``mechanisms.check.api.check``:
  the package and the function share one name, so the module itself is callable, whatever was imported first;
- ``check``, ``predict`` and ``case`` are also attributes, loaded on first use.
"""

from __future__ import annotations

from typing import Any

from mechanisms.callable_module import make_callable

_OFFERED = ("CheckResult", "case", "check", "predict")

make_callable(__name__, "mechanisms.check.api:check")


def __getattr__(name: str) -> Any:
    if name in _OFFERED:
        from mechanisms.check import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
