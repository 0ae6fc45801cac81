"""Drawing the cases of an exercise from a seed.

- ``draw_cases`` gives the inputs of every case; the same seed material gives the same inputs, on every machine;
- ``layout`` gives the group and the label of each of them, in the same order;
- ``hidden_seed`` makes the seed material of one student's hidden cases, which nobody can guess without the secret.

Every case has a generator of its own, so adding a group or a case leaves the others as they are.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import numpy

from autograder.specs.base import Exercise
from mechanisms.check.codec import NotPlain, plain
from mechanisms.errors import BuildError

PUBLIC = "public"


def draw_cases(exercise: Exercise, seed_material: str = PUBLIC) -> list[dict[str, Any]]:
    """The inputs of the exercise's cases, group by group, as plain data.

    Raises BuildError when a draw gives something else than a dict of plain data.
    """
    found = []
    for group in exercise.groups:
        for index in range(group.cases):
            material = f"{seed_material}/{exercise.name}/{group.name}/{index}"
            seed = int.from_bytes(hashlib.sha256(material.encode()).digest(), "big")
            inputs = group.draw(numpy.random.default_rng(seed))
            try:
                inputs = plain(inputs)
            except NotPlain as error:
                raise BuildError(f"{exercise.name}, group '{group.name}': of the inputs, {error.message}.") from None
            if type(inputs) is not dict:
                raise BuildError(f"{exercise.name}, group '{group.name}': draw must return a dict of inputs by name.")
            found.append(inputs)
    return found


def layout(exercise: Exercise) -> list[tuple[int, str]]:
    """For each case the number of its group and a label such as "a batch, case 2 of 3"."""
    return [
        (number, f"{group.name}, case {index + 1} of {group.cases}" if group.cases > 1 else group.name)
        for number, group in enumerate(exercise.groups)
        for index in range(group.cases)
    ]


def hidden_seed(secret: bytes | str, assignment: str, student: str) -> str:
    """Seed material for one student's hidden cases of one assignment."""
    key = secret.encode() if isinstance(secret, str) else secret
    message = f"{len(assignment)}:{assignment}/{student}".encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()
