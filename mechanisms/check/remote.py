"""The student's side of a hidden check, and the two files that cross to the trusted side.

- ``write_questions`` (trusted side) writes the inputs of the cases, and nothing that is expected;
- ``answer`` (in the student's kernel) reads them, runs the student's function on each and writes the answers;
- ``read_answers`` (trusted side) reads these as data that may be anything, one per case.

``answer`` never raises: whatever goes wrong becomes an answer that earns nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mechanisms.check import codec, run
from mechanisms.errors import BadData, CourseError


def write_questions(stem: str | os.PathLike, exercise: dict[str, Any]) -> None:
    """Write what the student's kernel needs for the exercise's cases to ``<stem>.json`` and ``<stem>.safetensors``."""
    cases = [{"inputs": case["inputs"]} for case in exercise["cases"]]
    codec.write(stem, {"function": exercise["function"], "probe": exercise["probe"], "cases": cases})


def answer(fn_name: str, in_stem: str | os.PathLike, out_stem: str | os.PathLike, namespace: Mapping[str, Any]) -> None:
    """Run ``namespace[fn_name]`` on the cases of ``in_stem`` and write {"answers": [...]} to ``out_stem``.

    A function that is not there, or is no function, gives answers that say so.
    """
    with run.quiet():
        try:
            questions = codec.read(in_stem)
            answers = [_one(fn_name, namespace, case["inputs"], questions["probe"]) for case in questions["cases"]]
            codec.write(out_stem, {"answers": answers})
        except CourseError as error:
            codec.write(out_stem, {"answers": [], "problem": str(error)})


def _one(fn_name: str, namespace: Mapping[str, Any], inputs: dict[str, Any], probe: str) -> Any:
    function = namespace.get(fn_name)
    if function is None:
        return {"$raises": {"type": "NameError", "message": f"there is no function called {fn_name}"}}
    if not callable(function):
        kind = type(function).__name__
        return {"$refused": {"type": kind, "message": f"{fn_name} is no function but holds a value of type {kind}"}}
    return run.run(function, inputs, probe).answer


def read_answers(stem: str | os.PathLike, count: int) -> list[Any]:
    """The ``count`` answers in ``out_stem``; an answer that is absent or unreadable becomes a refusal."""
    try:
        content = codec.read(stem)
        answers = content["answers"] if type(content) is dict and type(content.get("answers")) is list else []
    except BadData as error:
        answers = [{"$refused": {"type": "nothing", "message": f"no answer could be read: {error.message}"}}] * count
    missing = {"$refused": {"type": "nothing", "message": "no answer came back"}}
    return [*answers[:count], *[missing] * (count - len(answers))]
