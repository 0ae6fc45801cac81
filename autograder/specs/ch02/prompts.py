"""Conflict prompts for the exercises that take a model.

- ``conflict_tokens``: drawn prompts about lab-lm's world, as token ids, without loading the model.
"""

from __future__ import annotations

import numpy as np
import torch

from mechanisms.data.conflict import CONFLICT_TEMPLATE
from mechanisms.data.vocabulary import BOS, countries, word_ids

MODEL = "lab-lm"
WITH_BIASES = "random-gpt2"


def conflict_tokens(rng: np.random.Generator, n: int) -> dict[str, torch.Tensor]:
    """Tokens of n conflict prompts about random countries, and the ids of their two answers."""
    world, ids = countries(), word_ids()
    prompts, in_context, memorised = [], [], []
    for _ in range(n):
        asked, stated = (world[int(i)] for i in rng.permutation(len(world))[:2])
        text = CONFLICT_TEMPLATE.format(country=asked.name, in_context=stated.capital)
        prompts.append([ids[word] for word in [BOS, *text.split()]])
        in_context.append(ids[stated.capital])
        memorised.append(ids[asked.capital])
    return {
        "tokens": torch.tensor(prompts),
        "in_context": torch.tensor(in_context),
        "memorised": torch.tensor(memorised),
    }
