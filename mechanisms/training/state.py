"""The state of a training on disk: saved while it goes on, found again when it is started anew.

- ``save_state`` writes weights, optimizer, generator and progress of one recipe, as a whole or not at all;
- ``load_state`` puts them back, or says in a sentence why it cannot.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from mechanisms.errors import CourseError

STATE = "training_state.pt"


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
