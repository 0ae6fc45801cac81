"""A package that shares its name with a function, as ``check`` and ``progress`` do, can be called like it.

- ``make_callable`` gives a module that ability, so that it does not matter which of the two was imported first;
- the function is imported when it is called, so that importing the package stays light.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any


def make_callable(name: str, function: str) -> None:
    """Let the module ``name`` be called like ``function``, written "package.module:name"."""
    module, _, attribute = function.partition(":")

    class CallableModule(types.ModuleType):
        """A module that can be called."""

        def __call__(self, *arguments: Any, **named: Any) -> Any:
            return getattr(importlib.import_module(module), attribute)(*arguments, **named)

    sys.modules[name].__class__ = CallableModule
