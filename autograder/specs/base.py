"""What a spec is made of.

- ``Card``: what a student reads above the exercise;
- ``Group``: cases that stand or fall together, their points, and how one case is drawn;
- ``Mistake``: a wrong answer that students really give, the sentence that names it, and what it still earns;
- ``Exercise`` and ``Chapter`` collect these;
- ``source_as`` gives the source of a mistake or variant under the exercise's name, ``transplant`` runs it
  in the namespace of a notebook;
- ``problems`` lists in sentences what is incomplete in a chapter.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy

from autograder.sandbox.limits import Limits
from mechanisms.errors import BuildError

MISTAKES_NEEDED = 3
VARIANTS_NEEDED = 2


@dataclass(frozen=True)
class Card:
    """The card above an exercise: title as a verb phrase, difficulty 1 to 5, minutes, why it matters, and the
    section, figure or equation of the paper that it replicates."""

    title: str
    difficulty: int
    minutes: int
    why: str
    paper: str


@dataclass(frozen=True)
class Group:
    """Cases that earn ``points`` together or not at all.

    ``draw(rng)`` returns the inputs of one case as plain data (``ModelRef`` for a model). Public and hidden
    cases come from the same draw with different seeds; ``cases`` of them are drawn. ``hint`` says what is
    probably wrong when this group fails. ``raises`` names the exception that a right answer raises on these
    cases ("ValueError"), if that is what is asked.
    """

    name: str
    points: float
    draw: Callable[[numpy.random.Generator], dict[str, Any]]
    cases: int = 2
    hint: str = ""
    raises: str = ""


@dataclass(frozen=True)
class Mistake:
    """A known wrong answer: a self-contained function, the sentence a student reads, and the points it still earns."""

    fn: Callable[..., Any]
    sentence: str
    points: float

    @property
    def name(self) -> str:
        """The name of the mistake is that of its function."""
        return self.fn.__name__


@dataclass(frozen=True)
class Exercise:
    """One function that a student writes; ``name`` is the function's name and unique in the course.

    ``forbidden`` maps routines that would do the exercise's work to the reason a student reads (`check.policy`).
    ``measure`` names how an answer is put to use before it is compared (`check.measures`); what ``draw`` then returns
    under "held_out" goes to the measure and never to the student's function.
    """

    name: str
    card: Card
    groups: tuple[Group, ...]
    mistakes: tuple[Mistake, ...]
    variants: tuple[Callable[..., Any], ...]
    probe: str = "call"
    rtol: float = 1e-4
    atol: float = 1e-5
    forbidden: Mapping[str, str] = field(default_factory=dict)
    measure: str = ""

    @property
    def points(self) -> float:
        """The sum of the groups' points (rounded, so that tenths add up as they read)."""
        return round(sum(group.points for group in self.groups), 6)


@dataclass(frozen=True)
class Chapter:
    """A chapter: ``slug`` "02_factual_recall", ``notebook`` "factual_recall", ``page`` the page of the built book,
    ``paper`` the address of the paper.

    ``models`` are the lab models that its notebook uses, ``case_models`` those that only cases hold (the grader loads
    all of them once, beforehand), ``limits`` what one submission may use.
    """

    slug: str
    number: int
    title: str
    notebook: str
    exercises: tuple[Exercise, ...]
    page: str = ""
    paper: str = ""
    models: tuple[str, ...] = ("lab-lm",)
    case_models: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)

    @property
    def names(self) -> tuple[str, ...]:
        """What the chapter may be called on the command line: its slug, or its number."""
        return self.slug, str(self.number), f"{self.number:02d}"

    def exercise(self, name: str) -> Exercise:
        """The exercise called ``name``. Raises BuildError when the chapter has none."""
        for exercise in self.exercises:
            if exercise.name == name:
                return exercise
        names = ", ".join(exercise.name for exercise in self.exercises)
        raise BuildError(f"Chapter {self.slug} has no exercise '{name}'; it has {names}.")

    def identity(self, exercise: Exercise) -> str:
        """The exercise's id in the whole course, such as "ch02.scale_head"."""
        return f"ch{self.number:02d}.{exercise.name}"


def source_as(function: Callable[..., Any], name: str) -> str:
    """The function's source, dedented, with the function itself renamed to ``name``.

    Calls of the function to itself are renamed too. Raises BuildError when the source cannot be found or
    does not start with a plain ``def``.
    """
    try:
        source = textwrap.dedent(inspect.getsource(function))
        tree = ast.parse(source)
    except (OSError, TypeError, SyntaxError):
        raise BuildError(f"The source of {function!r} cannot be read: define it with def in the spec's file.") from None
    body = tree.body
    if len(body) != 1 or not isinstance(body[0], ast.FunctionDef) or body[0].name != function.__name__:
        raise BuildError(f"{function.__name__} must be one function written with def: a lambda has no name to give.")
    return re.sub(rf"(?<![\w.'\"]){re.escape(function.__name__)}(?=\s*\()", name, source)


def transplant(function: Callable[..., Any], name: str, namespace: dict[str, Any]) -> Callable[..., Any]:
    """The function as a student would have it: its source run under ``name`` in a copy of ``namespace``.

    ``namespace`` is that of the notebook (setup cell and the reference's functions), so a function that needs
    anything else fails here as it would in a notebook.
    """
    source = source_as(function, name)
    filename = f"<{function.__name__} as {name}>"
    scope = dict(namespace)
    exec(compile(source, filename, "exec"), scope)  # our own spec's source
    return scope[name]


def problems(chapter: Chapter) -> list[str]:
    """What is missing or wrong in the chapter's spec, one sentence each; empty when it is complete."""
    found = []
    counts = Counter(exercise.name for exercise in chapter.exercises)
    found += [f"{name} occurs {count} times in {chapter.slug}." for name, count in counts.items() if count > 1]
    if not re.fullmatch(rf"{chapter.number:02d}_[a-z0-9_]+", chapter.slug):
        found.append(f"The slug '{chapter.slug}' must start with the chapter's number, {chapter.number:02d}_.")
    for exercise in chapter.exercises:
        found += [f"{exercise.name}: {problem}." for problem in _exercise_problems(exercise)]
    return found


def _exercise_problems(exercise: Exercise) -> list[str]:
    found = []
    card = exercise.card
    if not exercise.name.isidentifier():
        found.append("the name is no function name")
    found += [f"the card's {field} is empty" for field in ("title", "why", "paper") if not getattr(card, field).strip()]
    if not 1 <= card.difficulty <= 5:
        found.append("the card's difficulty must be 1 to 5")
    if card.minutes <= 0:
        found.append("the card's minutes must be positive")
    if not exercise.groups:
        found.append("it has no group of cases")
    for group in exercise.groups:
        if group.points <= 0 or group.cases < 1:
            found.append(f"group '{group.name}' needs points and at least one case")
        if not group.hint.strip():
            found.append(f"group '{group.name}' has no hint")
    if len({group.name for group in exercise.groups}) < len(exercise.groups):
        found.append("two groups have the same name")
    if len(exercise.mistakes) < MISTAKES_NEEDED:
        found.append(f"it has {len(exercise.mistakes)} known mistakes, {MISTAKES_NEEDED} are needed")
    if len(exercise.variants) < VARIANTS_NEEDED:
        found.append(f"it has {len(exercise.variants)} other right answers, {VARIANTS_NEEDED} are needed")
    for what, values in (
        ("names", [m.name for m in exercise.mistakes]),
        ("sentences", [m.sentence for m in exercise.mistakes]),
    ):
        if len(set(values)) < len(values):
            found.append(f"two mistakes have the same {what[:-1]}")
    for mistake in exercise.mistakes:
        if not mistake.sentence.strip():
            found.append(f"mistake {mistake.name} has no sentence")
        if not 0 <= mistake.points < exercise.points:
            found.append(f"mistake {mistake.name} must earn less than the {exercise.points:g} points of the exercise")
    return found
