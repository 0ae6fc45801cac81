"""The state of a training on disk: saved while it goes on, found again when it is started anew.

- ``save_state`` writes weights, optimizer, generator and progress of one recipe, as a whole or not at all;
- ``load_state`` puts them back, or says in a sentence why it cannot;
- ``drop_state_of_others`` removes the state of a training with other functions: a student's corrected function would
  never be used if the training went on, or had ended, with the wrong one.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import os
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from mechanisms.errors import CourseError

STATE = "training_state.pt"
FUNCTIONS = "functions.sha256"


def load_state(recipe: Any, folder: Path, model, optimizer, generator: torch.Generator) -> dict[str, Any] | None:
    """Puts back what ``save_state`` saved in ``folder``; returns the fields of its progress, or None.

    Raises CourseError if the state is damaged or was saved by another recipe.
    """
    path = folder / STATE
    if not path.exists():
        return None
    try:
        state = torch.load(path, weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file; each means the same to the user
        reason = str(error).splitlines()[0]
        raise CourseError(
            f"The saved training state {path} is damaged ({reason}); delete it to start afresh."
        ) from None
    if state["recipe"] != asdict(recipe):
        raise CourseError(f"{path} was saved by another recipe; delete it, or give another folder.")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    generator.set_state(state["generator"])
    return state["progress"]


def save_state(recipe: Any, folder: Path, model, optimizer, generator: torch.Generator, progress: Any) -> None:
    """Saves a training's state in ``folder``. Raises CourseError when it cannot; an older state is then untouched."""
    temporary = folder / (STATE + ".part")
    state = {
        "recipe": asdict(recipe),
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "generator": generator.get_state(),
        "progress": asdict(progress),
    }
    try:
        torch.save(state, temporary)
        os.replace(temporary, folder / STATE)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        temporary.unlink(missing_ok=True)
        raise CourseError(
            f"The training state cannot be saved in {folder} ({error}); the last saved state is untouched. "
            "Make room, then start the same command again."
        ) from None


def drop_state_of_others(folder: Path, functions: Sequence[Callable[..., Any]]) -> bool:
    """Removes a state in ``folder`` that other functions made; whether there was one. Notes whose state comes next.

    Raises CourseError when ``folder`` cannot be written.
    """
    now, path = fingerprint(functions), folder / FUNCTIONS
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        stale = before != now and (folder / STATE).exists()
        if stale:
            (folder / STATE).unlink()
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(now, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"The folder {folder} cannot be used for a training's state ({error}).") from None
    return stale


def fingerprint(functions: Sequence[Callable[..., Any]]) -> str:
    """One hash for functions as they are written, those of their own module that they call included.

    Comments and layout do not count. Where there is no source, the compiled code counts.
    """
    seen: dict[int, str] = {}
    waiting = list(functions)
    while waiting:
        function = inspect.unwrap(waiting.pop(0))
        if id(function) in seen:
            continue
        code = getattr(function, "__code__", None)
        seen[id(function)] = _written(function, code)
        known = getattr(function, "__globals__", {})
        called = [known.get(name) for name in getattr(code, "co_names", ())]
        waiting += [other for other in called if inspect.isfunction(other) and other.__module__ == function.__module__]
    return hashlib.sha256("\n".join(seen.values()).encode()).hexdigest()


def _written(function: Callable[..., Any], code: Any) -> str:
    try:
        return ast.dump(ast.parse(textwrap.dedent(inspect.getsource(function))))
    except (OSError, TypeError, SyntaxError):
        return repr((code.co_code, code.co_names)) if code is not None else type(function).__qualname__
