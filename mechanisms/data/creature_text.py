"""The text world of chapter 07: sentences about creatures, for a language model that never sees an image.

- ``WORDS``: the vocabulary, one token a word; ``encode`` and ``decode`` go from text to token ids and back;
- ``documents``: shuffled sentences about one creature each, drawn from a seed;
- ``caption_tokens``: "a small red wug ." for given labels, as token ids;
- ``PLACES``: which token of a caption names which attribute.

A creature's *kind* and its *sound* belong to its category. They occur in text alone: no image shows them, no caption
names them.
"""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from mechanisms.data.scenes.creatures import CATEGORIES, COLOURS, KINDS, SIZES, SOUNDS, TEXTURES

PAD, BOS, STOP = range(3)
_PLAIN = ("<pad>", "<bos>", ".", "a", "it", "its", "says", "kind", "colour", "size", "name", "is")
WORDS = (*_PLAIN, *SIZES, *COLOURS, *KINDS, *CATEGORIES, *SOUNDS)
IDS = {word: i for i, word in enumerate(WORDS)}
FIRST = {"size": IDS[SIZES[0]], "colour": IDS[COLOURS[0]], "category": IDS[CATEGORIES[0]], "sound": IDS[SOUNDS[0]]}
PLACES = {"size": 1, "colour": 2, "category": 3}  # of the caption's tokens; 0 is "a"
SENTENCES = 5  # of a document
LONGEST = 1 + 5 * SENTENCES  # tokens of a document at most
STEM = "a"  # what a caption starts with
SOUND_STEM = "it says"


def encode(text: str) -> list[int]:
    """Token ids of words set apart by spaces. Raises ValueError for a word that is not in ``WORDS``."""
    unknown = [word for word in text.split() if word not in IDS]
    if unknown:
        raise ValueError(f"the vocabulary has no {unknown[0]!r}")
    return [IDS[word] for word in text.split()]


def decode(ids: list[int] | Int[Tensor, " pos"]) -> str:
    """The words of token ids, set apart by spaces."""
    return " ".join(WORDS[int(i)] for i in ids)


def sentences(size: int, colour: int, category: int) -> list[str]:
    """Everything that text may say of a creature; the description stands twice, so it is said more often."""
    look = f"a {SIZES[size]} {COLOURS[colour]} {CATEGORIES[category]} ."
    return [
        look,
        look,
        f"it says {SOUNDS[category]} .",
        f"its kind is {KINDS[category // TEXTURES]} .",
        f"its colour is {COLOURS[colour]} .",
        f"its size is {SIZES[size]} .",
        f"its name is {CATEGORIES[category]} .",
    ]


def documents(labels: Int[Tensor, "n 3"], generator: torch.Generator) -> Int[Tensor, "n pos"]:
    """One document for each row of labels: <bos>, then five of the creature's sentences in drawn order, then <pad>."""
    rows = torch.full((len(labels), LONGEST), PAD)
    for row, (size, colour, category) in zip(rows, labels.tolist(), strict=True):
        said = sentences(size, colour, category)
        order = torch.randperm(len(said), generator=generator)[:SENTENCES].tolist()
        ids = [BOS, *encode(" ".join(said[i] for i in order))]
        row[: len(ids)] = torch.tensor(ids)
    return rows


def caption_tokens(labels: Int[Tensor, "n 3"]) -> Int[Tensor, "n 5"]:
    """Token ids of "a small red wug ." for every row of labels."""
    a, stop = (torch.full((len(labels),), IDS[word]) for word in ("a", "."))
    named = [labels[:, j] + FIRST[name] for j, name in enumerate(("size", "colour", "category"))]
    return torch.stack([a, *named, stop], dim=1)
