"""Exercise 8.6, ``compose_phrases``: five ways to make one vector out of two or three words.

- each kind earns its own points, on pairs and on triples of drawn vectors.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, kind: str, n_words: int) -> dict[str, Any]:
    n, d = 4, 6
    arrays = {
        "words": rng.normal(size=(n_words, n, d)),
        "roles": rng.normal(size=(n_words, d)),
        "matrix": rng.normal(size=(n, d, d)),
    }
    return {"kind": kind} | {name: torch.tensor(value, dtype=torch.float32) for name, value in arrays.items()}


def _draw_either(rng: Rng, kind: str) -> dict[str, Any]:
    return _draw(rng, kind, int(rng.integers(2, 4)))


def _draw_unknown(rng: Rng) -> dict[str, Any]:
    return _draw(rng, str(rng.choice(["Sub", "add", "Tensor"])), 2)


def normalises_the_phrase(kind, words, roles, matrix):
    def bind(a, b):
        return torch.fft.irfft(torch.fft.rfft(a) * torch.fft.rfft(b), n=a.shape[-1])

    if kind == "Add":
        phrase = words.sum(0)
    elif kind == "Mult":
        phrase = words.prod(0)
    elif kind == "Conv":
        phrase = bind(words[-2], words[-1])
        phrase = phrase if len(words) == 2 else bind(words[0], phrase)
    elif kind == "RF":
        phrase = sum(bind(word, role) for word, role in zip(words, roles, strict=True))
    elif kind == "TL":
        phrase = torch.einsum("nij,nj->ni", matrix, words[-1])
        phrase = phrase if len(words) == 2 else words[0] * phrase
    else:
        raise ValueError(f"unknown kind {kind!r}")
    return phrase / phrase.norm(dim=-1, keepdim=True)


def gives_all_words_one_role(kind, words, roles, matrix):
    def bind(a, b):
        return torch.fft.irfft(torch.fft.rfft(a) * torch.fft.rfft(b), n=a.shape[-1])

    if kind == "Add":
        return words.sum(0)
    if kind == "Mult":
        return words.prod(0)
    if kind == "Conv":
        phrase = bind(words[-2], words[-1])
        return phrase if len(words) == 2 else bind(words[0], phrase)
    if kind == "RF":
        return sum(bind(word, roles[0]) for word in words)
    if kind == "TL":
        phrase = torch.einsum("nij,nj->ni", matrix, words[-1])
        return phrase if len(words) == 2 else words[0] * phrase
    raise ValueError(f"unknown kind {kind!r}")


def multiplies_from_the_left(kind, words, roles, matrix):
    def bind(a, b):
        return torch.fft.irfft(torch.fft.rfft(a) * torch.fft.rfft(b), n=a.shape[-1])

    if kind == "Add":
        return words.sum(0)
    if kind == "Mult":
        return words.prod(0)
    if kind == "Conv":
        phrase = bind(words[-2], words[-1])
        return phrase if len(words) == 2 else bind(words[0], phrase)
    if kind == "RF":
        return sum(bind(word, role) for word, role in zip(words, roles, strict=True))
    if kind == "TL":
        phrase = torch.einsum("nj,nji->ni", words[-1], matrix)
        return phrase if len(words) == 2 else words[0] * phrase
    raise ValueError(f"unknown kind {kind!r}")


def applies_the_matrix_to_the_first_word(kind, words, roles, matrix):
    def bind(a, b):
        return torch.fft.irfft(torch.fft.rfft(a) * torch.fft.rfft(b), n=a.shape[-1])

    if kind == "Add":
        return words.sum(0)
    if kind == "Mult":
        return words.prod(0)
    if kind == "Conv":
        phrase = bind(words[-2], words[-1])
        return phrase if len(words) == 2 else bind(words[0], phrase)
    if kind == "RF":
        return sum(bind(word, role) for word, role in zip(words, roles, strict=True))
    if kind == "TL":
        phrase = torch.einsum("nij,nj->ni", matrix, words[0])
        return phrase if len(words) == 2 else words[-1] * phrase
    raise ValueError(f"unknown kind {kind!r}")


def takes_an_unknown_kind_for_the_last(kind, words, roles, matrix):
    def bind(a, b):
        return torch.fft.irfft(torch.fft.rfft(a) * torch.fft.rfft(b), n=a.shape[-1])

    if kind == "Add":
        return words.sum(0)
    if kind == "Mult":
        return words.prod(0)
    if kind == "Conv":
        phrase = bind(words[-2], words[-1])
        return phrase if len(words) == 2 else bind(words[0], phrase)
    if kind == "RF":
        return sum(bind(word, role) for word, role in zip(words, roles, strict=True))
    phrase = torch.einsum("nij,nj->ni", matrix, words[-1])
    return phrase if len(words) == 2 else words[0] * phrase


def composed_with_a_table(kind, words, roles, matrix):
    from functools import reduce

    applied = (matrix @ words[-1][..., None])[..., 0]
    table = {
        "Add": lambda: reduce(lambda a, b: a + b, list(words)),
        "Mult": lambda: reduce(lambda a, b: a * b, list(words)),
        "Conv": lambda: reduce(circular_convolution, list(words)),  # noqa: F821 - the notebook's own
        "RF": lambda: torch.stack([circular_convolution(w, r) for w, r in zip(words, roles)]).sum(0),  # noqa: B905, F821
        "TL": lambda: applied if len(words) == 2 else words[0] * applied,
    }
    if kind not in table:
        raise ValueError(kind)
    return table[kind]()


def composed_row_by_row(kind, words, roles, matrix):
    if kind not in ("Add", "Mult", "Conv", "RF", "TL"):
        raise ValueError(f"{kind} is no kind of composition")
    d = words.shape[-1]
    rows = []
    for i in range(words.shape[1]):
        parts = [word[i].double() for word in words]

        def circle(a, b):
            return torch.stack([sum(a[j] * b[(k - j) % d] for j in range(d)) for k in range(d)])

        if kind == "Add":
            row = sum(parts)
        elif kind == "Mult":
            row = torch.stack(parts).prod(0)
        elif kind == "Conv":
            row = parts[0]
            for part in parts[1:]:
                row = circle(row, part)
        elif kind == "RF":
            row = sum(circle(part, role.double()) for part, role in zip(parts, roles, strict=True))
        else:
            row = matrix[i].double() @ parts[-1]
            row = row if len(parts) == 2 else parts[0] * row
        rows.append(row)
    return torch.stack(rows).to(words.dtype)


_HINTS = {
    "Add": "The sum of all words.",
    "Mult": "The product of all words, entry by entry.",
    "Conv": "s ∗ (r ∗ o) for three words; your circular_convolution does one ∗.",
    "RF": "Every word is convolved with the role of its own place, and the results are added.",
    "TL": "Two words: matrix times noun. Three: subject times (matrix times object), entry by entry.",
}

EXERCISE = Exercise(
    name="compose_phrases",
    card=Card(
        title="Compose phrases in five ways",
        difficulty=3,
        minutes=20,
        why="The five models differ in nothing but this function. Whatever one of them can or cannot bind is decided "
        "here, before any training.",
        paper="Section on compositional distributional semantics models: Add, Mult, Conv, RF, TL.",
    ),
    groups=(
        *(Group(kind, 2, partial(_draw_either, kind=kind), cases=4, hint=hint) for kind, hint in _HINTS.items()),
        Group(
            "an unknown kind",
            1,
            _draw_unknown,
            hint="Raise ValueError for a kind that is none of the five.",
            raises="ValueError",
        ),
    ),
    mistakes=(
        Mistake(
            normalises_the_phrase,
            "Your phrases have length 1. In these models the image is normalised and the phrase is not: its length is "
            "part of what is learned.",
            1,
        ),
        Mistake(
            gives_all_words_one_role,
            "All words get the first role in RF. Then the sum does not say which word fills which role, and RF is Add "
            "in disguise: word i goes with roles[i].",
            9,
        ),
        Mistake(
            multiplies_from_the_left,
            "In TL you multiply from the left, n A. The adjective is a function of the noun: A n, matrix first.",
            9,
        ),
        Mistake(
            applies_the_matrix_to_the_first_word,
            "In TL you apply the matrix to the first word. It belongs to the adjective or the relation, and acts on "
            "the last word, the noun or the object.",
            9,
        ),
        Mistake(
            takes_an_unknown_kind_for_the_last,
            "An unknown kind gives an answer. Raise ValueError, or a misspelt kind will go unnoticed.",
            10,
        ),
    ),
    variants=(composed_with_a_table, composed_row_by_row),
)
