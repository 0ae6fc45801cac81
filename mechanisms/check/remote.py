"""Hidden checks: what crosses between whoever judges and the process that holds a student's function.

- ``questions`` (trusted side) gives the inputs of the cases, and nothing that is expected;
- ``answer`` (in the student's process) runs the student's function on one case.

``answer`` never raises for what a function does: whatever goes wrong becomes an answer that earns nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mechanisms.check import run
from mechanisms.errors import CourseError


def questions(exercise: dict[str, Any]) -> dict[str, Any]:
    """What the student's process needs for the cases of ``exercise``: plain data for ``codec.dump``."""
    cases = [{"inputs": case["inputs"]} for case in exercise["cases"]]
    return {"function": exercise["function"], "probe": exercise["probe"], "cases": cases}


def answer(fn_name: str, namespace: Mapping[str, Any], inputs: dict[str, Any], probe: str) -> Any:
    """The answer of ``namespace[fn_name]`` to one case, as plain data.

    A function that is not there, or is no function, gives an answer that says so.
    """
    function = namespace.get(fn_name)
    if function is None:
        return {"$raises": {"type": "NameError", "message": f"there is no function called {fn_name}"}}
    if not callable(function):
        kind = type(function).__name__
        return {"$refused": {"type": kind, "message": f"{fn_name} is no function but holds a value of type {kind}"}}
    try:
        return run.run(function, inputs, probe).answer
    except CourseError as error:
        return {"$refused": {"type": "nothing", "message": f"the case could not be run: {error.message}"}}
