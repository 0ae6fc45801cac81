"""Questions about scenes of coloured shapes: five candidate captions each, of which one is true (chapter 08).

- ``SETTINGS``: "single" (which colour and shape, one object), "two" (the same of one of two objects), "relation" (which
  shape stands left or right of which);
- ``questions``: the candidates of every scene as word ids, the true one first; ``text`` writes them out;
- ``full_captions``: the whole true caption of a scene of two objects, and a false one of the same words;
- ``VOCABULARY``: the words, and a word's id is its place in it.

The true candidate stands first, so that a question is easy to read. Whoever counts right answers must not profit from
that: see ``mechanisms.training.composition.fair_accuracy``.
"""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from mechanisms.data.scenes.objects import COLOURS, LINKS, SHAPES, WORDS, ObjectScenes, held_out_pairs

SETTINGS = ("single", "two", "relation")
VOCABULARY = WORDS
CHOICES = 5
FIRST_SHAPE = len(COLOURS)
AND, LEFT, RIGHT = (FIRST_SHAPE + len(SHAPES) + i for i in range(len(LINKS)))


def asked_object(scenes: ObjectScenes, generator: torch.Generator) -> Int[Tensor, " n"]:
    """Which object a question is about: the held-out pair where the scene has exactly one, otherwise either one."""
    held = held_out_pairs()[scenes.colours, scenes.shapes].long()
    drawn = torch.randint(scenes.count, (len(scenes),), generator=generator)
    return torch.where(held.sum(1) == 1, held.argmax(1), drawn)


def _absent(present: Int[Tensor, "n k"], n_values: int, generator: torch.Generator) -> Int[Tensor, " n"]:
    """For each row a value below ``n_values`` that is not in it, all such values equally likely."""
    weight = torch.ones(len(present), n_values).scatter(1, present, 0.0)
    return torch.multinomial(weight, 1, generator=generator)[:, 0]


def questions(
    scenes: ObjectScenes, setting: str, generator: torch.Generator, asked: Int[Tensor, " n"] | None = None
) -> Int[Tensor, "n choice word"]:
    """Five candidate captions for every scene, as word ids, the true one in column 0.

    ``asked``: which object each question is about; by default as ``asked_object`` draws it.

    - "single": the pair; its colour with the two other shapes; two other colours with its shape. [n, 5, 2]
    - "two": the pair of one object; the two crossed pairs (each object's colour with the other's shape); its colour
      with the shape that is absent; a colour that is absent with its shape. [n, 5, 2]
    - "relation": a R b; b R a; a R' b; x R b; a R x, where R' is the opposite of R and x the shape that is absent.
      [n, 5, 3]

    Raises ValueError for another setting, or where the scenes have another number of objects.
    """
    if setting not in SETTINGS:
        raise ValueError(f"setting must be one of {SETTINGS}, not {setting!r}")
    wanted = 1 if setting == "single" else 2
    if scenes.count != wanted:
        raise ValueError(f"setting {setting!r} asks about scenes of {wanted}, these have {scenes.count}")
    asked = asked_object(scenes, generator) if asked is None else asked
    rows = torch.arange(len(scenes))
    colour, shape = scenes.colours[rows, asked], scenes.shapes[rows, asked]
    if setting == "single":
        one = _absent(colour[:, None], len(COLOURS), generator)
        two = _absent(torch.stack([colour, one], 1), len(COLOURS), generator)
        pairs = [
            (colour, shape),
            (colour, (shape + 1) % len(SHAPES)),
            (colour, (shape + 2) % len(SHAPES)),
            (one, shape),
            (two, shape),
        ]
        return _nouns(pairs)
    other_colour, other_shape = scenes.colours[rows, 1 - asked], scenes.shapes[rows, 1 - asked]
    absent_shape = sum(range(len(SHAPES))) - shape - other_shape
    if setting == "two":
        absent_colour = _absent(scenes.colours, len(COLOURS), generator)
        pairs = [
            (colour, shape),
            (colour, other_shape),
            (other_colour, shape),
            (colour, absent_shape),
            (absent_colour, shape),
        ]
        return _nouns(pairs)
    a, b, x = (FIRST_SHAPE + which for which in (shape, other_shape, absent_shape))
    relation = torch.where(asked == 0, LEFT, RIGHT)
    opposite = LEFT + RIGHT - relation
    triples = [(a, relation, b), (b, relation, a), (a, opposite, b), (x, relation, b), (a, relation, x)]
    return torch.stack([torch.stack(triple, 1) for triple in triples], 1)


def _nouns(pairs: list[tuple[Tensor, Tensor]]) -> Int[Tensor, "n choice 2"]:
    return torch.stack([torch.stack([colour, FIRST_SHAPE + shape], 1) for colour, shape in pairs], 1)


def full_captions(scenes: ObjectScenes, generator: torch.Generator, setting: str = "two") -> Int[Tensor, "n 2 5"]:
    """The whole true caption of every scene of two objects, and a false one of the same words, as word ids.

    - "two": "red square and blue ring", and with the nouns exchanged "red ring and blue square";
    - "relation": "red square left blue ring", and with the objects exchanged "blue ring left red square".

    Which object is mentioned first is drawn. Raises ValueError for another setting.
    """
    if setting not in SETTINGS[1:]:
        raise ValueError(f"setting must be one of {SETTINGS[1:]}, not {setting!r}")
    first = torch.randint(2, (len(scenes),), generator=generator)
    rows = torch.arange(len(scenes))
    colours = [scenes.colours[rows, i] for i in (first, 1 - first)]
    shapes = [FIRST_SHAPE + scenes.shapes[rows, i] for i in (first, 1 - first)]
    link = torch.full_like(first, AND) if setting == "two" else torch.where(first == 0, LEFT, RIGHT)
    true = torch.stack([colours[0], shapes[0], link, colours[1], shapes[1]], 1)
    false = true[:, [0, 4, 2, 3, 1] if setting == "two" else [3, 4, 2, 0, 1]]
    return torch.stack([true, false], 1)


def text(words: Int[Tensor, "... word"]) -> list:
    """Word ids as captions; nested lists in the shape of all axes but the last."""
    if words.ndim == 1:
        return " ".join(VOCABULARY[w] for w in words.tolist())
    return [text(row) for row in words]
