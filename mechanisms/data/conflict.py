"""Conflict prompts: a statement that contradicts what the model learned, then a question.

- the prompt templates of chapter 02 (Yu, Merullo and Pavlick 2023, section 3, in our words);
- every pair of a country and another country's capital, as token tensors, split by country.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mechanisms.data.documents import FACT_TEMPLATES, Corpus, fill
from mechanisms.data.vocabulary import word_ids

CONFLICT_TEMPLATE = "the capital of {country} is {in_context} . Q : what is the capital of {country} ? A :"
QUESTION_TEMPLATE = "Q : what is the capital of {country} ? A :"


@dataclass(frozen=True)
class ConflictSet:
    """``prompts`` [n, position] token ids with <bos>; ``in_context``, ``memorised``, ``country`` [n]:
    the two answers' token ids and the country's frequency rank (0 = most frequent)."""

    prompts: torch.Tensor
    in_context: torch.Tensor
    memorised: torch.Tensor
    country: torch.Tensor

    def __len__(self) -> int:
        return len(self.country)

    def where(self, keep: torch.Tensor) -> ConflictSet:
        """The rows where ``keep`` [n] is True (or the rows of an index tensor)."""
        return ConflictSet(self.prompts[keep], self.in_context[keep], self.memorised[keep], self.country[keep])


def questions(corpus: Corpus) -> tuple[torch.Tensor, torch.Tensor]:
    """The question alone, for every country in order of frequency: prompts [country, position], answers [country]."""
    n = len(corpus.country)
    relation = torch.full((n,), word_ids()["capital"])
    batch = fill(FACT_TEMPLATES[2], n, r=relation, c=corpus.country, k=corpus.value["capital"])
    return batch.prompts, batch.targets


def conflict_set(corpus: Corpus, per_country: int, seed: int) -> ConflictSet:
    """``per_country`` conflict prompts for every country, each with another random country's capital.

    Deterministic in ``seed``; the true capital is never the one stated.
    """
    total = len(corpus.country)
    generator = torch.Generator().manual_seed(seed)
    shift = torch.rand(total, total - 1, generator=generator).argsort(1)[:, :per_country] + 1
    country = torch.arange(total)[:, None].expand(-1, per_country)
    capital = corpus.value["capital"]
    told = capital[(country + shift) % total].reshape(-1)
    country = country.reshape(-1)
    text = "<bos> " + CONFLICT_TEMPLATE.replace("{country}", "{c}").replace("{in_context}", "{k}")
    batch = fill(text, len(country), c=corpus.country[country], k=told)
    return ConflictSet(batch.tokens, told, capital[country], country)
