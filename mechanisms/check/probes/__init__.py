"""Probes: how the function of an exercise is driven and its result turned into plain data.

- ``probe(name)`` registers a driver; it is called as ``driver(function, **inputs)`` and returns plain data;
- ``call``, the default, returns ``function(**inputs)``;
- ``find(name)`` gives a driver; "ch02.scale_head" imports ``mechanisms.check.probes.ch02`` first.

A probe is the place to look at more than the return value: to call the function twice, to read the
model's logits once more after the call (a forgotten hook shows there), or to unpack a dataclass.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from mechanisms.errors import BuildError

Probe = Callable[..., Any]
_registry: dict[str, Probe] = {}


def probe(name: str) -> Callable[[Probe], Probe]:
    """Decorator: register a driver under ``name`` ("ch02.scale_head" for one that lives in probes/ch02.py).

    Raises BuildError when another driver already has the name.
    """

    def register(driver: Probe) -> Probe:
        known = _registry.get(name)
        if known is not None and (known.__module__, known.__qualname__) != (driver.__module__, driver.__qualname__):
            raise BuildError(f"Two probes are called '{name}': rename the one in {driver.__module__}.")
        _registry[name] = driver
        return driver

    return register


def find(name: str) -> Probe:
    """The driver registered under ``name``. Raises BuildError when there is none."""
    if name not in _registry and "." in name:
        module = f"{__name__}.{name.split('.')[0]}"
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
    if name not in _registry:
        raise BuildError(f"No probe is called '{name}': register it with @probe('{name}') in mechanisms/check/probes/.")
    return _registry[name]


@probe("call")
def call(function: Callable[..., Any], **inputs: Any) -> Any:
    """Call the function with the inputs by name and return what it returns."""
    return function(**inputs)
