"""What chapter 01 asks of a real language model: one-shot questions about capitals, and contexts without a relation.

- ``capital_prompt``: one stated capital, then a question about another country;
- ``nonsense_contexts``: three random tokens and a word, twice, and the three tokens once more (the paper's probe).

Both give token ids for a model from ``mechanisms.models.paper.load_paper_model``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Int
from torch import Tensor


def first_tokens(model, words: Sequence[str]) -> list[int]:
    """The first token of each word after a space."""
    return [model.tokenizer.encode(f" {word}", add_special_tokens=False)[0] for word in words]


def capital_prompt(model, facts: Mapping[str, str], shown: str, asked: str) -> Int[Tensor, " pos"]:
    """A one-shot question: the capital of ``shown`` is stated, that of ``asked`` comes next."""
    text = f"Q: What is the capital of {shown}?\nA: {facts[shown]}\nQ: What is the capital of {asked}?\nA:"
    return model.to_tokens(text)[0]


def nonsense_contexts(
    model, words: Sequence[str], generator: torch.Generator
) -> list[tuple[str, Int[Tensor, "1 pos"]]]:
    """For each word a context ``u v w word u v w word u v w`` of random tokens u, v, w: the word comes next.

    Contexts differ in length, as words have one or several tokens.
    """
    found = []
    for word in words:
        filler = torch.randint(model.cfg.d_vocab, (3,), generator=generator).tolist()
        spelled = model.tokenizer.encode(f" {word}", add_special_tokens=False)
        tokens = (filler + spelled) * 2 + filler
        found.append((word, torch.tensor([tokens], device=model.cfg.device)))
    return found
