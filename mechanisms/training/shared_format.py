"""Another training world for chapter 03, in which one would expect tasks to share heads.

- every answer comes after the same word, a colon: the last position looks the same in every task, and has to fetch
  what was asked before it can look for the answer;
- four layers, and every head may write: there is room for a late inhibition head, and nothing forces reuse;
- the persons of indirect objects are names, colours or objects, so that all of them are held back alike;
- facts are the control; conflicts, relations and text are left out.

``draw`` takes the place of lab-lm's own in ``mechanisms.training.lab_lm.train``; ``Recipe`` holds the numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mechanisms.data.documents import Batch, Corpus, pack
from mechanisms.data.vocabulary import word_ids
from mechanisms.training import lab_lm


@dataclass(frozen=True)
class Recipe(lab_lm.Recipe):
    """lab-lm's recipe with four layers of four live heads, and fewer steps."""

    steps: int = 800
    n_layers: int = 4
    live_heads: str = "4,4,4,4"
    binding_steps: int = 1000
    capital_facts: int = 12
    laundry: int = 24


def with_colons(batch: Batch) -> Batch:
    """The same documents with a colon in front of every answer that has none."""
    colon = word_ids()[":"]
    columns, marks = [], []
    for place in range(batch.tokens.shape[1]):
        answer = bool(batch.answers[0, place])  # a template's answers stand in the same place in every row
        if answer and not (batch.tokens[:, place - 1] == colon).all():
            columns.append(torch.full_like(batch.tokens[:, place], colon))
            marks.append(torch.zeros_like(batch.answers[:, place]))
        columns.append(batch.tokens[:, place])
        marks.append(batch.answers[:, place])
    return Batch(torch.stack(columns, 1), torch.stack(marks, 1), batch.info)


def draw(corpus: Corpus, recipe: lab_lm.Recipe, progress: lab_lm.Progress) -> list[Batch]:
    """One step's documents. Binding alone comes first, in the short form, as in lab-lm."""
    if not progress.bound:
        return [corpus.colored_objects(recipe.binding, 2 + progress.binding % 3, 4)]
    length = 2 + progress.step % 3
    short = [
        corpus.facts(recipe.capital_facts),
        corpus.ioi(recipe.indirect_object, corpus.choose(("names", "colors", "objects"))),
    ]
    long = [
        corpus.colored_objects(recipe.inventory, length, 4),
        corpus.laundry(recipe.laundry, 2 + int(corpus.randint(4, 1)), corpus.choose(("objects", "colors"))),
    ]
    return [pack([with_colons(batch) for batch in group]) for group in (short, long)]
