"""`autograder doctor`: which protections this machine gives, in plain words."""

from __future__ import annotations

from dataclasses import asdict

from autograder.commands.output import OK, STALE, AsJson, finish
from autograder.sandbox.protections import Protection, protections


def doctor(as_json: AsJson = False) -> int:
    """Try out what keeps a submission's code in its place here; exit 1 when something needed is missing."""
    found = protections()
    payload = {"enough": found.enough, "protections": [asdict(item) for item in found.items]}
    finish(payload, as_json, [*map(_line, found.items), _closing(found.enough)])
    return OK if found.enough else STALE


def _line(item: Protection) -> str:
    if item.there:
        return f"yes  {item.name}: {item.keeps}."
    word = "NO   " if item.needed else "no   "
    return f"{word}{item.name}: {item.keeps}. {item.remedy}"


def _closing(enough: bool) -> str:
    if enough:
        return "Submissions can be graded on this machine."
    return (
        "Submissions of others are not graded on this machine, unless you say --trust-submissions. "
        "'autograder check' on your own notebook works."
    )
