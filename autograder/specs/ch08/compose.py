"""Exercise 8.6, ``compose_phrases``: five ways to make one vector out of two or three words.

- each kind earns its own points, one for pairs and one for triples of drawn vectors;
- the answer has to let gradients through, since section 7 trains the vectors through it.

The mistakes and variants use the notebook's own circular_convolution.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, kind: str, n_words: int) -> dict[str, Any]:
    n, d = 4, 4 + n_words
    arrays = {
        "words": rng.normal(size=(n_words, n, d)),
        "roles": rng.normal(size=(n_words, d)),
        "matrix": rng.normal(size=(n, d, d)),
    }
    tensors = {name: torch.tensor(value, dtype=torch.float32) for name, value in arrays.items()}
    return {"kind": kind, "trained": True} | tensors


def _draw_unknown(rng: Rng) -> dict[str, Any]:
    return _draw(rng, str(rng.choice(["Sub", "add", "Tensor"])), 2) | {"trained": False}


def normalises_the_phrase(kind, words, roles, matrix):
    if kind == "Add":
        return torch.nn.functional.normalize(words.sum(0), dim=-1)
    if kind == "Mult":
        return torch.nn.functional.normalize(words.prod(0), dim=-1)
    if kind == "Conv":
        phrase = circular_convolution(words[-2], words[-1])
        return torch.nn.functional.normalize(
            phrase if len(words) == 2 else circular_convolution(words[0], phrase), dim=-1
        )
    if kind == "RF":
        phrase = sum(circular_convolution(word, role.expand_as(word)) for word, role in zip(words, roles, strict=True))
        return torch.nn.functional.normalize(phrase, dim=-1)
    if kind == "TL":
        phrase = torch.einsum("nij,nj->ni", matrix, words[-1])
        return torch.nn.functional.normalize(phrase if len(words) == 2 else words[0] * phrase, dim=-1)
    raise ValueError(f"unknown kind {kind!r}")


def gives_all_words_one_role(kind, words, roles, matrix):
    if kind == "Add":
        return words.sum(0)
    if kind == "Mult":
        return words.prod(0)
    if kind == "Conv":
        phrase = circular_convolution(words[-2], words[-1])
        return phrase if len(words) == 2 else circular_convolution(words[0], phrase)
    if kind == "RF":
        return sum(circular_convolution(word, roles[0].expand_as(word)) for word in words)
    if kind == "TL":
        phrase = torch.einsum("nij,nj->ni", matrix, words[-1])
        return phrase if len(words) == 2 else words[0] * phrase
    raise ValueError(f"unknown kind {kind!r}")


def multiplies_by_the_roles(kind, words, roles, matrix):
    if kind == "Add":
        return words.sum(0)
    if kind == "Mult":
        return words.prod(0)
    if kind == "Conv":
        phrase = circular_convolution(words[-2], words[-1])
        return phrase if len(words) == 2 else circular_convolution(words[0], phrase)
    if kind == "RF":
        return sum(word * role for word, role in zip(words, roles, strict=True))
    if kind == "TL":
        phrase = torch.einsum("nij,nj->ni", matrix, words[-1])
        return phrase if len(words) == 2 else words[0] * phrase
    raise ValueError(f"unknown kind {kind!r}")


def turns_the_roles_round(kind, words, roles, matrix):
    if kind == "Add":
        return words.sum(0)
    if kind == "Mult":
        return words.prod(0)
    if kind == "Conv":
        phrase = circular_convolution(words[-2], words[-1])
        return phrase if len(words) == 2 else circular_convolution(words[0], phrase)
    if kind == "RF":
        pairs = zip(words, reversed(roles), strict=True)
        return sum(circular_convolution(word, role.expand_as(word)) for word, role in pairs)
    if kind == "TL":
        phrase = torch.einsum("nij,nj->ni", matrix, words[-1])
        return phrase if len(words) == 2 else words[0] * phrase
    raise ValueError(f"unknown kind {kind!r}")


def convolves_the_filled_roles(kind, words, roles, matrix):
    if kind == "Add":
        return words.sum(0)
    if kind == "Mult":
        return words.prod(0)
    if kind == "Conv":
        phrase = circular_convolution(words[-2], words[-1])
        return phrase if len(words) == 2 else circular_convolution(words[0], phrase)
    if kind == "RF":
        filled = [circular_convolution(w, r.expand_as(w)) for w, r in zip(words, roles, strict=True)]
        phrase = circular_convolution(filled[-2], filled[-1])
        return phrase if len(words) == 2 else circular_convolution(filled[0], phrase)
    if kind == "TL":
        phrase = torch.einsum("nij,nj->ni", matrix, words[-1])
        return phrase if len(words) == 2 else words[0] * phrase
    raise ValueError(f"unknown kind {kind!r}")


def convolves_two_words_of_three(kind, words, roles, matrix):
    if kind == "Add":
        return words.sum(0)
    if kind == "Mult":
        return words.prod(0)
    if kind == "Conv":
        return circular_convolution(words[0], words[1])
    if kind == "RF":
        return sum(circular_convolution(word, role.expand_as(word)) for word, role in zip(words, roles, strict=True))
    if kind == "TL":
        phrase = torch.einsum("nij,nj->ni", matrix, words[-1])
        return phrase if len(words) == 2 else words[0] * phrase
    raise ValueError(f"unknown kind {kind!r}")


def multiplies_from_the_left(kind, words, roles, matrix):
    if kind == "Add":
        return words.sum(0)
    if kind == "Mult":
        return words.prod(0)
    if kind == "Conv":
        phrase = circular_convolution(words[-2], words[-1])
        return phrase if len(words) == 2 else circular_convolution(words[0], phrase)
    if kind == "RF":
        return sum(circular_convolution(word, role.expand_as(word)) for word, role in zip(words, roles, strict=True))
    if kind == "TL":
        phrase = torch.einsum("nj,nji->ni", words[-1], matrix)
        return phrase if len(words) == 2 else words[0] * phrase
    raise ValueError(f"unknown kind {kind!r}")


def applies_the_matrix_to_the_first_word(kind, words, roles, matrix):
    if kind == "Add":
        return words.sum(0)
    if kind == "Mult":
        return words.prod(0)
    if kind == "Conv":
        phrase = circular_convolution(words[-2], words[-1])
        return phrase if len(words) == 2 else circular_convolution(words[0], phrase)
    if kind == "RF":
        return sum(circular_convolution(word, role.expand_as(word)) for word, role in zip(words, roles, strict=True))
    if kind == "TL":
        phrase = torch.einsum("nij,nj->ni", matrix, words[0])
        return phrase if len(words) == 2 else words[-1] * phrase
    raise ValueError(f"unknown kind {kind!r}")


def applies_the_matrix_to_the_subject(kind, words, roles, matrix):
    if kind == "Add":
        return words.sum(0)
    if kind == "Mult":
        return words.prod(0)
    if kind == "Conv":
        phrase = circular_convolution(words[-2], words[-1])
        return phrase if len(words) == 2 else circular_convolution(words[0], phrase)
    if kind == "RF":
        return sum(circular_convolution(word, role.expand_as(word)) for word, role in zip(words, roles, strict=True))
    if kind == "TL":
        if len(words) == 2:
            return torch.einsum("nij,nj->ni", matrix, words[1])
        return torch.einsum("nij,nj->ni", matrix, words[0]) * words[2]
    raise ValueError(f"unknown kind {kind!r}")


def applies_the_matrix_to_the_relation(kind, words, roles, matrix):
    if kind == "Add":
        return words.sum(0)
    if kind == "Mult":
        return words.prod(0)
    if kind == "Conv":
        phrase = circular_convolution(words[-2], words[-1])
        return phrase if len(words) == 2 else circular_convolution(words[0], phrase)
    if kind == "RF":
        return sum(circular_convolution(word, role.expand_as(word)) for word, role in zip(words, roles, strict=True))
    if kind == "TL":
        phrase = torch.einsum("nij,nj->ni", matrix, words[1])
        return phrase if len(words) == 2 else words[0] * phrase
    raise ValueError(f"unknown kind {kind!r}")


def multiplies_by_the_adjective(kind, words, roles, matrix):
    if kind == "Add":
        return words.sum(0)
    if kind == "Mult":
        return words.prod(0)
    if kind == "Conv":
        phrase = circular_convolution(words[-2], words[-1])
        return phrase if len(words) == 2 else circular_convolution(words[0], phrase)
    if kind == "RF":
        return sum(circular_convolution(word, role.expand_as(word)) for word, role in zip(words, roles, strict=True))
    if kind == "TL":
        phrase = torch.einsum("nij,nj->ni", matrix, words[-1])
        return words[0] * phrase
    raise ValueError(f"unknown kind {kind!r}")


def multiplies_by_the_relation(kind, words, roles, matrix):
    if kind == "Add":
        return words.sum(0)
    if kind == "Mult":
        return words.prod(0)
    if kind == "Conv":
        phrase = circular_convolution(words[-2], words[-1])
        return phrase if len(words) == 2 else circular_convolution(words[0], phrase)
    if kind == "RF":
        return sum(circular_convolution(word, role.expand_as(word)) for word, role in zip(words, roles, strict=True))
    if kind == "TL":
        phrase = torch.einsum("nij,nj->ni", matrix, words[-1])
        return words[:-1].prod(0) * phrase if len(words) == 3 else phrase
    raise ValueError(f"unknown kind {kind!r}")


def takes_one_matrix_for_all(kind, words, roles, matrix):
    if kind == "Add":
        return words.sum(0)
    if kind == "Mult":
        return words.prod(0)
    if kind == "Conv":
        phrase = circular_convolution(words[-2], words[-1])
        return phrase if len(words) == 2 else circular_convolution(words[0], phrase)
    if kind == "RF":
        return sum(circular_convolution(word, role.expand_as(word)) for word, role in zip(words, roles, strict=True))
    if kind == "TL":
        phrase = words[-1] @ matrix[0].T
        return phrase if len(words) == 2 else words[0] * phrase
    raise ValueError(f"unknown kind {kind!r}")


def takes_an_unknown_kind_for_the_last(kind, words, roles, matrix):
    if kind == "Add":
        return words.sum(0)
    if kind == "Mult":
        return words.prod(0)
    if kind == "Conv":
        phrase = circular_convolution(words[-2], words[-1])
        return phrase if len(words) == 2 else circular_convolution(words[0], phrase)
    if kind == "RF":
        return sum(circular_convolution(word, role.expand_as(word)) for word, role in zip(words, roles, strict=True))
    phrase = torch.einsum("nij,nj->ni", matrix, words[-1])
    return phrase if len(words) == 2 else words[0] * phrase


def cuts_the_gradients_off(kind, words, roles, matrix):
    if kind == "Add":
        return words.detach().sum(0)
    if kind == "Mult":
        return words.detach().prod(0)
    if kind == "Conv":
        phrase = circular_convolution(words[-2].detach(), words[-1].detach())
        return phrase if len(words) == 2 else circular_convolution(words[0].detach(), phrase)
    if kind == "RF":
        pairs = zip(words.detach(), roles, strict=True)
        return sum(circular_convolution(word, role.expand_as(word)) for word, role in pairs)
    if kind == "TL":
        phrase = torch.einsum("nij,nj->ni", matrix, words[-1].detach())
        return phrase if len(words) == 2 else words[0].detach() * phrase
    raise ValueError(f"unknown kind {kind!r}")


def composed_with_a_table(kind, words, roles, matrix):
    from functools import reduce

    applied = (matrix @ words[-1][..., None])[..., 0]
    table = {
        "Add": lambda: reduce(lambda a, b: a + b, list(words)),
        "Mult": lambda: reduce(lambda a, b: a * b, list(words)),
        "Conv": lambda: reduce(circular_convolution, list(words)),
        "RF": lambda: torch.stack([circular_convolution(w, r) for w, r in zip(words, roles, strict=True)]).sum(0),
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
    "Add": ("The sum of all words.", "The sum of all words."),
    "Mult": ("The product of all words, entry by entry.", "The product of all words, entry by entry."),
    "Conv": ("a ∗ n, by your circular_convolution.", "s ∗ (r ∗ o): your circular_convolution does one ∗ of the two."),
    "RF": ("Every word is convolved with the role of its own place, and the results are added.",) * 2,
    "TL": (
        "The adjective's matrix times the noun. The adjective has no other vector here.",
        "The subject times (the relation's matrix times the object), entry by entry; words[1] is not used.",
    ),
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
        *(
            Group(
                f"{kind}, {'two' if n_words == 2 else 'three'} words",
                1,
                partial(_draw, kind=kind, n_words=n_words),
                hint=hint,
            )
            for kind, hints in _HINTS.items()
            for n_words, hint in zip((2, 3), hints, strict=True)
        ),
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
            "Your phrases have norm 1. In these models the image is normalised and the phrase is not: its norm is "
            "part of what is learned.",
            1,
        ),
        Mistake(
            gives_all_words_one_role,
            "All words get the first role in RF. Then the sum does not say which word fills which role, and RF is "
            "Add in disguise: word i goes with roles[i].",
            9,
        ),
        Mistake(
            multiplies_by_the_roles,
            "In RF you multiply words by their roles entry by entry. They are bound by circular convolution, ∗.",
            9,
        ),
        Mistake(
            turns_the_roles_round,
            "In RF the roles are in reverse order: word i goes with roles[i].",
            9,
        ),
        Mistake(
            convolves_the_filled_roles,
            "In RF you convolve the words in their roles with one another. Each word is convolved with its role; "
            "the results are added.",
            9,
        ),
        Mistake(
            convolves_two_words_of_three,
            "In Conv the third word is missing: s ∗ (r ∗ o) needs a second ∗.",
            10,
        ),
        Mistake(
            multiplies_from_the_left,
            "In TL you multiply from the left, n A. The adjective is a function of the noun: A n, matrix first.",
            9,
        ),
        Mistake(
            applies_the_matrix_to_the_first_word,
            "In TL you apply the matrix to the first word. It belongs to the adjective or the relation, and acts "
            "on the last word, the noun or the object.",
            9,
        ),
        Mistake(
            applies_the_matrix_to_the_subject,
            "In TL with three words you apply the matrix to the subject. It acts on the object: s ⊙ (R o).",
            10,
        ),
        Mistake(
            applies_the_matrix_to_the_relation,
            "In TL with three words you apply the matrix to the relation's own vector. It is the relation: it "
            "acts on the object, the last word.",
            10,
        ),
        Mistake(
            multiplies_by_the_adjective,
            "In TL with two words you multiply by words[0] as well. The adjective is its matrix and nothing else: A n.",
            10,
        ),
        Mistake(
            multiplies_by_the_relation,
            "In TL with three words you multiply by the relation's vector as well. The relation is its matrix and "
            "nothing else: s ⊙ (R o).",
            10,
        ),
        Mistake(
            takes_one_matrix_for_all,
            "In TL every phrase of the batch gets the first matrix. Row i has matrix[i].",
            9,
        ),
        Mistake(
            takes_an_unknown_kind_for_the_last,
            "An unknown kind gives an answer. Raise ValueError, or a misspelt kind will go unnoticed.",
            10,
        ),
        Mistake(
            cuts_the_gradients_off,
            "The numbers are right, and no gradient gets through to the words (detach, .data, .tolist() or "
            "numpy). Section 7 trains them through this function: stay in torch, and detach nothing.",
            1,
        ),
    ),
    variants=(composed_with_a_table, composed_row_by_row),
    probe="ch08.phrases",
)
