"""Finding the public cases of an exercise and the questions of a chapter among the shipped files.

- ``find(name)`` gives the snapshot entry of an exercise, by function name or by id ("ch02.scale_head");
- ``beside(identity)`` names the chapter's other exercises;
- ``question(identity)`` gives a multiple-choice question;
- the files lie in ``snapshots/`` and ``questions/`` beside this module, or in the folder MECHANISMS_CHECKS;
- a chapter's arrays are read only when one of its exercises is asked for, and again only when the file changed.
"""

from __future__ import annotations

import difflib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from mechanisms.check import codec
from mechanisms.check.places import folder
from mechanisms.errors import BadData, UsageError


def find(name: str) -> dict[str, Any]:
    """The snapshot entry of the exercise ``name``, as a fresh copy nobody else holds.

    Raises UsageError when no chapter has it, with the nearest names.
    """
    wanted = name.split(".")[-1]
    known = {}
    for path in sorted((folder() / "snapshots").glob("*.json")):
        for function, identity in _names(path, path.stat().st_mtime_ns).items():
            known[identity] = function
            if function == wanted and name in (function, identity):
                arrays = codec.files(path.with_suffix(""))[1]
                stamp = arrays.stat().st_mtime_ns if arrays.exists() else 0
                text, content = _chapter(path, path.stat().st_mtime_ns, stamp)
                return _entry(text, content, function)
    raise UsageError(_unknown("exercise", name, list(known.values())), page="no-exercise-of-that-name")


def beside(identity: str) -> list[str]:
    """The functions of all other exercises in the chapter of the exercise ``identity`` ("ch02.scale_head")."""
    for path in sorted((folder() / "snapshots").glob("*.json")):
        names = _names(path, path.stat().st_mtime_ns)
        if identity in names.values():
            return [function for function, other in names.items() if other != identity]
    return []


@lru_cache(maxsize=64)
def _names(path: Path, stamp: int) -> dict[str, str]:
    """Function names and ids of a chapter, without reading its arrays."""
    try:
        exercises = json.loads(path.read_text(encoding="ascii"))["exercises"]
        return {function: entry["id"] for function, entry in exercises.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BadData(f"The file of public cases {path.name} is damaged: reinstall the course package.") from None


@lru_cache(maxsize=16)
def _chapter(path: Path, stamp: int, array_stamp: int) -> tuple[dict, bytes]:
    try:
        return json.loads(path.read_text(encoding="ascii")), codec.files(path.with_suffix(""))[1].read_bytes()
    except (OSError, ValueError):
        raise BadData(f"The file of public cases {path.name} is damaged: reinstall the course package.") from None


def _entry(chapter: dict, content: bytes, function: str) -> dict[str, Any]:
    return codec.load(json.dumps(chapter["exercises"][function]), content)


def _unknown(what: str, name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"there is {', '.join(sorted(names)) or 'none yet'}."
    return f"There is no {what} called '{name}': {hint}"


def question(identity: str) -> dict[str, Any]:
    """The question ``identity`` ("02.q1"): "text", "choices", "answer" and "explain". Raises UsageError."""
    known = []
    for path in sorted((folder() / "questions").glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            questions = content["questions"] if isinstance(content, dict) else content
            found = {entry["id"]: entry for entry in questions}
        except (OSError, ValueError, KeyError, TypeError):
            raise BadData(f"The file of questions {path.name} is damaged: reinstall the course package.") from None
        if identity in found:
            return found[identity]
        known += found
    raise UsageError(_unknown("question", identity, known))
