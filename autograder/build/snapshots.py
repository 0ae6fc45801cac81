"""Snapshots: the public cases of a chapter with the reference's answers and those of the known mistakes.

- ``build_exercise`` makes the entry of one exercise from its spec and the reference's functions, for public
  cases or, with another seed, for others;
- ``answered`` makes one case of it, ``mistaken`` one answer of a known mistake, ``assembled`` the entry: whoever keeps
  cases and answers (`autograder.nbg.pool`) puts them together with these;
- ``build`` makes the whole chapter's tree, ``write`` its two files, the same bytes on every run;
- ``stale`` says whether committed files still agree; numbers may differ by rounding, since the last bits of a
  sum depend on the processor, and ``write`` leaves files alone that differ by no more than that.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.specs.base import Chapter, Exercise, transplant
from autograder.specs.cases import PUBLIC, draw_cases, layout
from mechanisms.check import codec
from mechanisms.check.compare import compare
from mechanisms.check.measures import measured
from mechanisms.check.run import run
from mechanisms.check.verdict import outcome
from mechanisms.errors import BadData, BuildError

ROUNDING = 1e-4


def build(chapter: Chapter, namespace: dict[str, Any], seed: str = PUBLIC) -> dict[str, Any]:
    """The chapter's tree. ``namespace`` holds the reference's functions. Raises BuildError."""
    entries = {exercise.name: build_exercise(chapter, exercise, namespace, seed) for exercise in chapter.exercises}
    return {"chapter": chapter.slug, "title": chapter.title, "exercises": entries}


def build_exercise(
    chapter: Chapter, exercise: Exercise, namespace: dict[str, Any], seed: str = PUBLIC, mistakes: bool = True
) -> dict[str, Any]:
    """The entry of one exercise: what ``judge`` needs, with the reference's answers as what is expected.

    Without ``mistakes`` it is made faster, and no known mistake can be named. Raises BuildError when the
    reference is absent, raises where it should not, or leaves something behind.
    """
    reference = reference_of(chapter, exercise, namespace)
    cases = [
        answered(exercise, reference, inputs, number, label)
        for inputs, (number, label) in zip(draw_cases(exercise, seed), layout(exercise), strict=True)
    ]
    found = []
    for mistake in exercise.mistakes if mistakes else ():
        function = transplant(mistake.fn, exercise.name, namespace)
        outputs = [mistaken(exercise, function, case) for case in cases]
        found.append({"name": mistake.name, "sentence": mistake.sentence, "outputs": outputs})
    return assembled(chapter, exercise, reference, cases, found)


def reference_of(chapter: Chapter, exercise: Exercise, namespace: dict[str, Any]) -> Callable[..., Any]:
    """The reference's function. Raises BuildError when the solution has none of that name."""
    reference = namespace.get(exercise.name)
    if not callable(reference):
        raise BuildError(f"The solution of chapter {chapter.slug} does not define {exercise.name}.")
    return reference


def answered(
    exercise: Exercise, reference: Callable[..., Any], inputs: dict[str, Any], number: int, label: str
) -> dict[str, Any]:
    """One case of group ``number`` with what is expected: the reference's answer to ``inputs``. Raises BuildError."""
    held_out = {"held_out": inputs.get("held_out", {})} if exercise.measure else {}
    inputs = {name: value for name, value in inputs.items() if name != "held_out"} if held_out else inputs
    expected = _expected(exercise, reference, inputs, number, label)
    if exercise.measure:
        expected = measured(exercise.measure, expected, inputs, held_out["held_out"])
    tolerance = {"rtol": exercise.rtol, "atol": exercise.atol}
    return {"group": number, "label": label, "inputs": inputs, **held_out, "expected": expected, **tolerance}


def mistaken(exercise: Exercise, function: Callable[..., Any], case: dict[str, Any]) -> Any:
    """What a known mistake's ``function`` gives for a case, in the shape of an expected answer."""
    output = _stored(run(function, case["inputs"], exercise.probe).answer)
    return measured(exercise.measure, output, case["inputs"], case["held_out"]) if exercise.measure else output


def assembled(
    chapter: Chapter,
    exercise: Exercise,
    reference: Callable[..., Any],
    cases: list[dict[str, Any]],
    mistakes: list[dict[str, Any]],
) -> dict[str, Any]:
    """The entry that ``judge`` needs, from its cases and from the known mistakes with their outputs."""
    rules = {"forbidden": dict(exercise.forbidden)} if exercise.forbidden else {}
    rules |= {"measure": exercise.measure} if exercise.measure else {}
    return {
        **rules,
        "id": chapter.identity(exercise),
        "function": exercise.name,
        "title": exercise.card.title,
        "points": exercise.points,
        "probe": exercise.probe,
        "parameters": list(inspect.signature(reference).parameters),
        "page": f"{chapter.page}#{exercise.name.replace('_', '-')}" if chapter.page else "",
        "groups": [{"name": group.name, "points": group.points, "hint": group.hint} for group in exercise.groups],
        "cases": cases,
        "mistakes": mistakes,
    }


def _expected(exercise: Exercise, reference: Any, inputs: dict[str, Any], number: int, label: str) -> Any:
    result = run(reference, inputs, exercise.probe)
    place = f"The reference of {exercise.name} ({label})"
    refused, raised = outcome(result.answer, "$refused"), outcome(result.answer, "$raises")
    wanted = exercise.groups[number].raises
    if result.notes:
        raise BuildError(f"{place} {result.notes[0]}.")
    if refused:
        raise BuildError(f"{place} gives no plain data: {refused['message']}. Unpack it in a probe.")
    if raised and raised["type"] != wanted:
        raise BuildError(f"{place} raised {raised['type']}: {raised['message']} ({raised['where']}).")
    if wanted and not raised:
        raise BuildError(f"{place} should raise {wanted}, as its group says, but returned a value.")
    return _stored(result.answer)


def _stored(answer: Any) -> Any:
    """An answer as it is kept: of something raised the type and the message, not the place in our own source."""
    for key in codec.OUTCOMES:
        detail = outcome(answer, key)
        if detail:
            return {key: {"type": detail["type"], "message": detail["message"]}}
    return answer


def stem(chapter: Chapter, folder: Path) -> Path:
    """The files of the chapter's snapshot, without their endings."""
    return Path(folder) / chapter.slug


def stale(chapter: Chapter, namespace: dict[str, Any], folder: Path, tree: dict[str, Any] | None = None) -> str:
    """Why the files in ``folder`` do not agree with the spec and the solution, in one sentence; empty if they do.

    ``tree`` is what ``build`` gave, if it is at hand; building takes seconds.
    """
    return _difference(chapter, tree or build(chapter, namespace), folder)


def _difference(chapter: Chapter, tree: dict[str, Any], folder: Path) -> str:
    try:
        committed = codec.read(stem(chapter, folder))
    except BadData as error:
        return f"The public cases of {chapter.slug} are missing or damaged ({error.message})"
    difference = compare(committed, tree, ROUNDING, ROUNDING)
    if difference:
        path = difference.path.replace("result", "", 1)
        return f"The public cases of {chapter.slug} are stale at {path or 'the top'}: run make exercises."
    return ""


def write(chapter: Chapter, namespace: dict[str, Any], folder: Path, tree: dict[str, Any] | None = None) -> list[Path]:
    """Write the chapter's snapshot and return its two files; files that agree but for rounding stay untouched."""
    tree = tree or build(chapter, namespace)
    if _difference(chapter, tree, folder):
        Path(folder).mkdir(parents=True, exist_ok=True)
        codec.write(stem(chapter, folder), tree)
    return list(codec.files(stem(chapter, folder)))
