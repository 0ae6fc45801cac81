"""Measures lab-dual: what a model of the toy language goes by.

- ``new_tokens``: fresh embeddings for the tokens that are never trained, while one measures;
- ``two_alternative`` and ``hard``: whether an answer is right, against the other token of the context or against all;
- ``scores``: the two-alternative score on every test set of a language, and the hard one where it matters;
- ``aims``: the chapter's aims for one checkpoint, with what was measured and whether they are met.

What a set says: "random" is structural in-context learning (tokens that no training has seen), "no cue" is in-weights
learning (nothing in the context tells), "switch" is a conflict of the two; its score is the share that goes by context.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mechanisms.data.dual_process import ANSWERS, KINDS, TestSet, World, test_set

TEST_SEED = 321


@cache
def test_sets(world: World, n: int) -> dict[str, TestSet]:
    """The fixed test sets of a language, ``n`` sequences each."""
    generator = torch.Generator().manual_seed(TEST_SEED)
    return {kind: test_set(world, kind, n, generator) for kind in KINDS}


test_sets.__test__ = False  # pytest: this is no test


def two_alternative(logits: Float[Tensor, "n 7 vocab"], test: TestSet) -> Bool[Tensor, " n"]:
    """Whether at all three answers the right one of the context's two tokens has the larger logit; a tie is wrong."""
    pair = logits[:, -ANSWERS:].gather(2, test.candidates[:, None].expand(-1, ANSWERS, -1))
    noun, adjective = pair.unbind(2)
    wants_noun = test.answers == test.candidates[:, :1]
    return torch.where(wants_noun, noun > adjective, adjective > noun).all(1)


def hard(logits: Float[Tensor, "n 7 vocab"], test: TestSet) -> Bool[Tensor, " n"]:
    """Whether all three answers have the largest logit of the whole vocabulary (the released script's metric)."""
    return (logits[:, -ANSWERS:].argmax(-1) == test.answers).all(1)


@contextmanager
def new_tokens(model, world: World, spread: float) -> Iterator[None]:
    """Inside, the spare tokens have fresh embeddings of standard deviation ``spread``, the same ones each time.

    Training with a tied decoder pushes unseen rows around, and what is asked is how *new* tokens fare.
    """
    table = model.get_input_embeddings().weight.data
    kept = table[world.spare_tokens].clone()
    generator = torch.Generator().manual_seed(TEST_SEED)
    table[world.spare_tokens] = spread * torch.randn(kept.shape, generator=generator).to(table)
    try:
        yield
    finally:
        table[world.spare_tokens] = kept


@torch.no_grad()
def scores(model, world: World, spread: float, n: int = 1000, kinds: Sequence[str] = KINDS) -> dict[str, float]:
    """The two-alternative score on every set of ``kinds``, and the hard one on "validation" and "random".

    The spare tokens have fresh embeddings of standard deviation ``spread`` while it measures (``new_tokens``).
    """
    table = model.get_input_embeddings().weight
    found = {}
    with new_tokens(model, world, spread):
        for kind in kinds:
            test = test_sets(world, n)[kind]
            logits = model(test.tokens.to(table.device)).logits.cpu()
            found[kind] = two_alternative(logits, test).float().mean().item()
            if kind in ("validation", "random"):
                found[f"{kind}, whole vocabulary"] = hard(logits, test).float().mean().item()
    return found


def aims(report: dict[str, Any], hidden: bool) -> list[dict[str, Any]]:
    """The chapter's aims for one checkpoint; ``hidden`` says whether its language hides the cue now and then."""
    rows = [("validation", 0.98), ("random", 0.95)] + ([("no cue", 0.95), ("tail no cue", 0.95)] if hidden else [])
    return [
        {"quantity": f"two-alternative score: {name}", "aim": f"above {level:.0%}", "measured": report[name],
         "met": report[name] > level}
        for name, level in rows
    ]  # fmt: skip
