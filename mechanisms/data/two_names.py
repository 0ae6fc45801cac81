"""Two-name prompts ("When Mary and John went to the store, John gave a drink to") for a real tokenizer.

- ``two_name_prompts``: prompts of one length, with the place of each name; names and templates are our own.

Every name that is used is a single token of the model at hand, so that all prompts of a template are equally long.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mechanisms.errors import CourseError

_NAMES = (
    "Mary John Tom James Sarah Anna Peter Paul Mark Laura Alice Emma Jack David Robert Kate Lisa Daniel Michael Susan "
    "Henry George Rose Simon"
)
NAMES = tuple(_NAMES.split())
TEMPLATE = "When {a} and {b} went to the store, {s} gave a drink to"


@dataclass(frozen=True)
class TwoNames:
    """``prompts`` [n, pos]; ``targets`` [n] the token of the name that should follow; ``wanted`` [n] its position;
    ``inhibited`` [n, pos] True where the repeated name stands first."""

    prompts: Int[Tensor, "n pos"]
    targets: Int[Tensor, " n"]
    wanted: Int[Tensor, " n"]
    inhibited: Bool[Tensor, "n pos"]


def two_name_prompts(model, n: int, seed: int) -> TwoNames:
    """``n`` prompts, the repeated name first in one half of them and second in the other.

    Raises CourseError if the model's tokenizer has fewer than two of the names as single tokens.
    """
    ids = {name: model.tokenizer.encode(f" {name}", add_special_tokens=False) for name in NAMES}
    single = [name for name, tokens in ids.items() if len(tokens) == 1]
    if len(single) < 2:
        raise CourseError(
            "This model's tokenizer splits every name into parts, so no prompts of one length can be made."
        )
    generator = torch.Generator().manual_seed(seed)
    prompts, targets, wanted, inhibited = [], [], [], []
    for row in range(n):
        a, b = (single[i] for i in torch.randperm(len(single), generator=generator)[:2].tolist())
        subject, other = (a, b) if row % 2 else (b, a)
        tokens = model.to_tokens(TEMPLATE.format(a=a, b=b, s=subject))[0]
        places = {name: (tokens == ids[name][0]).nonzero()[0].item() for name in (subject, other)}
        prompts.append(tokens)
        targets.append(ids[other][0])
        wanted.append(places[other])
        inhibited.append(torch.arange(len(tokens), device=tokens.device) == places[subject])
    device = prompts[0].device
    return TwoNames(
        torch.stack(prompts),
        torch.tensor(targets, device=device),
        torch.tensor(wanted, device=device),
        torch.stack(inhibited),
    )
