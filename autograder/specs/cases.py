"""Drawing the cases of an exercise from a seed.

- ``draw_cases`` gives the inputs of every case; the same seed material gives the same inputs, on every machine;
- ``layout`` gives the group and the label of each of them, in the same order;
- ``hidden_seed`` makes seed material that nobody can guess without the secret;
- ``chosen`` picks a student's hidden cases of a group from the assignment's pool.

Every case has a generator of its own, so adding a group or a case leaves the others as they are.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import numpy

from autograder.specs.base import Exercise, Group
from mechanisms.check.codec import NotPlain, plain
from mechanisms.errors import BuildError

PUBLIC = "public"
# So many hidden cases of each group exist in one course (more for a group that asks for many at once). A class shares
# their answers, which are half of the work of grading; no student sees one, so nobody gains by another's having it.
POOL = 8


def draw_cases(exercise: Exercise, seed_material: str = PUBLIC) -> list[dict[str, Any]]:
    """The inputs of the exercise's cases, group by group, as plain data.

    Raises BuildError when a draw gives something else than a dict of plain data.
    """
    return [
        draw_case(exercise, group, seed_material, index) for group in exercise.groups for index in range(group.cases)
    ]


def draw_case(exercise: Exercise, group: Group, seed_material: str, index: int) -> dict[str, Any]:
    """The inputs of one case of a group, as plain data; ``index`` may go beyond the cases that the group asks for.

    Raises BuildError when the draw gives something else than a dict of plain data.
    """
    material = f"{seed_material}/{exercise.name}/{group.name}/{index}"
    seed = int.from_bytes(hashlib.sha256(material.encode()).digest(), "big")
    inputs = group.draw(numpy.random.default_rng(seed))
    try:
        inputs = plain(inputs)
    except NotPlain as error:
        raise BuildError(f"{exercise.name}, group '{group.name}': of the inputs, {error.message}.") from None
    if type(inputs) is not dict:
        raise BuildError(f"{exercise.name}, group '{group.name}': draw must return a dict of inputs by name.")
    return inputs


def layout(exercise: Exercise) -> list[tuple[int, str]]:
    """For each case the number of its group and a label such as "a batch, case 2 of 3"."""
    return [
        (number, f"{group.name}, case {index + 1} of {group.cases}" if group.cases > 1 else group.name)
        for number, group in enumerate(exercise.groups)
        for index in range(group.cases)
    ]


def hidden_seed(secret: bytes | str, assignment: str, student: str = "") -> str:
    """Seed material that nobody can guess without the secret: of an assignment's pool, or of one student's choice."""
    key = secret.encode() if isinstance(secret, str) else secret
    message = f"{len(assignment)}:{assignment}/{student}".encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def chosen(exercise: Exercise, group: Group, seed_material: str) -> list[int]:
    """Which cases of the group's pool the holder of this seed material gets: distinct, in an order of their own."""
    material = f"{seed_material}/{exercise.name}/{group.name}"
    seed = int.from_bytes(hashlib.sha256(material.encode()).digest(), "big")
    size = max(POOL, 4 * group.cases)
    return numpy.random.default_rng(seed).choice(size, group.cases, replace=False).tolist()
