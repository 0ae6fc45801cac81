"""How the exercises of chapter 05 are driven.

- ``patch_vectors``: the patched difference, or also the model's logits after the call, where a forgotten hook shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mechanisms.check.probes import probe


@probe("ch05.patch_vectors")
def patch_vectors(function: Callable[..., Any], and_after: bool, **inputs: Any) -> Any:
    """Calls the function; with ``and_after`` also runs the model once more, as the next cell of a notebook would."""
    patched = function(**inputs)
    if not and_after:
        return patched
    return {"patched": patched, "model_afterwards": inputs["model"](inputs["clean"])[:, -1, 2:4]}
