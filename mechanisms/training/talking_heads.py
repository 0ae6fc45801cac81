"""Measures chapter 04's experiments on lab-lm: a part of the lab column of its claims table.

- ``python -m mechanisms.training.talking_heads`` writes ``mechanisms/data/talking_heads.json``;
- laundry lists by length and place;
- what ``mechanisms.training.composition_scores`` measures, for the components of layer 0 and a mover above it.

The mover is found, not named: of the heads above layer 0, the one whose attention at the last position tells the
missing item from the others best.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import torch

from mechanisms.data.documents import Batch, Corpus
from mechanisms.data.missing_item import Lists
from mechanisms.training.composition_scores import (
    EFFECTS,
    channel,
    column,
    component_rows,
    concentration,
    edits,
    last,
    rank_correlations,
    spots,
)

SEED = 20_240_614
PLACE = files("mechanisms.data") / "talking_heads.json"


def load() -> dict[str, Any]:
    """The committed measurements."""
    return json.loads(PLACE.read_text(encoding="utf-8"))


def as_lists(batch: Batch) -> Lists:
    """A batch of lab-lm's laundry lists with the place of every needed item: where its token stands first."""
    items = batch.info["items"]
    places = (batch.prompts[:, None] == items[..., None]).float().argmax(-1)
    return Lists(batch.prompts, batch.targets, items, places, batch.info["position"])


@torch.no_grad()
def find_mover(model, batch: Lists) -> tuple[int, int]:
    """The head above layer 0 that prefers the missing item's place most, in attention from the last position."""
    _, cache = model.run_with_cache(batch.prompts)
    found = {}
    for layer, head in spots(model, model.cfg.n_layers):
        if layer:
            looks = cache[f"blocks.{layer}.attn.hook_pattern"][:, head, -1].gather(1, batch.places)
            found[layer, head] = (looks.gather(1, batch.missing[:, None])[:, 0] - looks.mean(1)).mean().item()
    return max(found, key=found.get)


def measure(n: int = 1000) -> dict[str, Any]:
    """Everything, in the order of the chapter; accuracies on ``n`` lists of each length."""
    from mechanisms.models import load as load_model

    model, corpus = load_model("lab-lm"), Corpus(SEED)
    batches = {length: as_lists(corpus.laundry(n, length)) for length in range(2, 9)}
    right = {length: last(model, batch, []).argmax(-1) == batch.targets for length, batch in batches.items()}
    at = find_mover(model, batches[4])
    rows = component_rows(model, as_lists(corpus.laundry(2 * n // 5, 4)), at)
    development, held_out = (as_lists(corpus.laundry(count, 8)) for count in (n, 2 * n))
    return {
        "mover": list(at),
        "by_length": {str(length): value.float().mean().item() for length, value in right.items()},
        "longest_by_place": [right[8][batches[8].missing == place].float().mean().item() for place in range(8)],
        "rank_correlations": rank_correlations(rows),
        "concentration": concentration(rows),
        "all_through": {effect: sum(column(rows, effect)) for effect in EFFECTS},
        "channel": channel(model, rows, as_lists(corpus.laundry(n // 5, 5)), at),
        "edit": edits(model, development, held_out, {"indirect objects": corpus.ioi(n)}, at, rounds=1),
        "components": rows,
    }


def main() -> None:
    from mechanisms.files import atomic_write
    from mechanisms.training.lab_lm import rounded

    torch.set_num_threads(1)
    atomic_write(PLACE, json.dumps(rounded(measure()), indent=1) + "\n")
    print(f"{PLACE} is written.")


if __name__ == "__main__":
    main()
