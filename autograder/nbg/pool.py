"""The hidden cases of one chapter in one course: drawn, answered by the reference, and kept for the whole class.

- ``CasePool.case`` gives one case with what is expected, ``CasePool.output`` a known mistake's answer to it; each is
  made when it is first asked for;
- ``CasePool.entry`` puts one student's choice of cases together as ``judge`` needs it; a known mistake's answers are
  made one by one while ``judge`` looks at them, and it looks no further than the first that differs.

Nothing here runs a student's code, and ``run`` gives every function copies of the inputs: what is kept stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from autograder.build.snapshots import answered, assembled, mistaken, reference_of
from autograder.specs.base import transplant
from autograder.specs.cases import chosen, draw_case

if TYPE_CHECKING:
    from autograder.specs.base import Chapter, Exercise, Mistake


class CasePool:
    """One chapter's cases of one seed material, by exercise, group and index.

    ``namespace`` holds the reference's functions, ``material`` comes from ``hidden_seed`` (or is that of the public
    cases).
    """

    def __init__(self, chapter: Chapter, namespace: dict[str, Any], material: str):
        self.chapter = chapter
        self.namespace = namespace
        self.material = material
        self._cases: dict[tuple[str, int, int], dict[str, Any]] = {}
        self._outputs: dict[tuple[str, str, int, int], Any] = {}
        self._functions: dict[tuple[str, str], Callable[..., Any]] = {}

    def case(self, exercise: Exercise, number: int, index: int) -> dict[str, Any]:
        """Case ``index`` of the exercise's group ``number``, with the reference's answer. Raises BuildError."""
        key = (exercise.name, number, index)
        if key not in self._cases:
            group = exercise.groups[number]
            inputs = draw_case(exercise, group, self.material, index)
            reference = reference_of(self.chapter, exercise, self.namespace)
            self._cases[key] = answered(exercise, reference, inputs, number, f"{group.name}, hidden case {index + 1}")
        return self._cases[key]

    def output(self, exercise: Exercise, mistake: Mistake, number: int, index: int) -> Any:
        """A known mistake's answer to that case."""
        key = (exercise.name, mistake.name, number, index)
        if key not in self._outputs:
            named = (exercise.name, mistake.name)
            if named not in self._functions:
                self._functions[named] = transplant(mistake.fn, exercise.name, self.namespace)
            self._outputs[key] = mistaken(exercise, self._functions[named], self.case(exercise, number, index))
        return self._outputs[key]

    def entry(self, exercise: Exercise, choice: str | None) -> dict[str, Any]:
        """What ``judge`` needs for the cases that the seed material ``choice`` picks; None picks the first ones."""
        picked = places(exercise, choice)
        mistakes = [
            {"name": mistake.name, "sentence": mistake.sentence, "outputs": _Outputs(self, exercise, mistake, picked)}
            for mistake in exercise.mistakes
        ]
        cases = [self.case(exercise, number, index) for number, index in picked]
        reference = reference_of(self.chapter, exercise, self.namespace)
        return assembled(self.chapter, exercise, reference, cases, mistakes)


def places(exercise: Exercise, choice: str | None) -> list[tuple[int, int]]:
    """Group and index of the cases that the seed material ``choice`` picks; of the first ones for None."""
    return [
        (number, index)
        for number, group in enumerate(exercise.groups)
        for index in (range(group.cases) if choice is None else chosen(exercise, group, choice))
    ]


class _Outputs(Sequence):
    """A known mistake's answers to one student's cases, made one at a time."""

    def __init__(self, pool: CasePool, exercise: Exercise, mistake: Mistake, places: list[tuple[int, int]]):
        self._made = lambda place: pool.output(exercise, mistake, *place)
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Any:
        return self._made(self._places[index])
