"""How the exercises of chapter 05 are driven.

- ``answer_loss``: the loss, or the gradient that it sends back to the logits;
- ``patch_vectors``: the patched difference, or also the model's logits after the call, where a forgotten hook shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from mechanisms.check.probes import probe


@probe("ch05.answer_loss")
def answer_loss(function: Callable[..., Any], gradient: bool, logits: torch.Tensor, tokens: torch.Tensor) -> Any:
    """Calls the function; with ``gradient`` gives d loss / d logits, or None where no gradient comes back."""
    if not gradient:
        return function(logits=logits, tokens=tokens)
    with torch.enable_grad():
        logits = logits.clone().requires_grad_()
        loss = function(logits=logits, tokens=tokens)
    if not isinstance(loss, torch.Tensor):
        return {"loss": loss, "gradient": None}
    if loss.requires_grad and loss.numel() == 1:
        loss.backward()
    return {"loss": loss.detach(), "gradient": logits.grad}


@probe("ch05.patch_vectors")
def patch_vectors(function: Callable[..., Any], and_after: bool, **inputs: Any) -> Any:
    """Calls the function; with ``and_after`` also runs the model once more, as the next cell of a notebook would."""
    patched = function(**inputs)
    if not and_after:
        return patched
    return {"patched": patched, "model_afterwards": inputs["model"](inputs["clean"])[:, -1, 2:4]}
