"""What the cases of chapter 01 are made of: prompts for its three kinds of model.

- ``fact_prompt`` and ``context`` for lab-relational, ``asked`` and ``fillers`` for a planted network;
- ``random_tokens`` for random-relational;
- ``until`` draws again until a case has what it needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from mechanisms.data.relations import FORMS, Task, fact_prompts, unrelated_contexts
from mechanisms.models import planted_relations as planted

LAB, RANDOM, PLANTED = "lab-relational", "random-relational", "planted-relations-"


def torch_generator(rng: np.random.Generator) -> torch.Generator:
    """A torch generator whose seed comes from ``rng``."""
    return torch.Generator().manual_seed(int(rng.integers(2**31)))


def lab_facts(rng: np.random.Generator, n: int, shots: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """``n`` prompts about one relation, with their arguments [n] and answers [n]."""
    task, relation = Task(), int(rng.integers(1, FORMS))
    stems = torch.tensor(rng.choice(task.trained_stems(relation).numpy(), n, replace=False))
    prompts = fact_prompts(task, relation, stems, shots, torch_generator(rng))
    return prompts, stems * FORMS, task.answers[stems, relation]


def lab_contexts(rng: np.random.Generator, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """``n`` contexts that say nothing of a relation, and the stems whose base form comes next."""
    stems = torch.tensor(rng.choice(40, n, replace=False))
    return unrelated_contexts(stems, torch_generator(rng)), stems


def planted_facts(rng: np.random.Generator, n: int, length: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """``n`` prompts ``cue word`` of a planted network, fillers in front, with arguments and answers."""
    relation = int(rng.integers(1, planted.FORMS))
    words = torch.tensor(rng.choice(planted.STEMS, n, replace=False)) * planted.FORMS
    cue = torch.full((n,), planted.CUES + relation - 1)
    return torch.stack([cue, words], 1), words, words + relation


def planted_contexts(rng: np.random.Generator, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """``n`` contexts of fillers that end in a base form, and these words."""
    words = torch.tensor(rng.choice(planted.STEMS, n, replace=False)) * planted.FORMS
    fillers = torch.tensor(planted.FIRST_FILLER + rng.integers(planted.FILLERS, size=(n, 4)))
    return torch.cat([fillers, words[:, None]], 1), words


def random_tokens(rng: np.random.Generator, n: int) -> torch.Tensor:
    """``n`` prompts of 5 to 9 tokens for random-relational."""
    return torch.tensor(rng.integers(40, size=(n, int(rng.integers(5, 10)))))


def until(rng: np.random.Generator, draw: Callable[..., Any], wanted: Callable[[Any], bool], tries: int = 500) -> Any:
    """Draws until ``wanted`` holds. Raises ValueError when it never does."""
    for _ in range(tries):
        found = draw(rng)
        if wanted(found):
            return found
    raise ValueError("no such case came up")
