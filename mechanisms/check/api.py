"""What a notebook calls: ``check`` under an exercise, ``predict`` before an experiment, ``case`` to try a case.

- ``check(scale_head)`` runs the function on the public cases and shows a card; its value is the points earned,
  which nbgrader reads as partial credit; no points at all raise ``CheckFailed``;
- ``predict("02.q1", "b")`` records a prediction and explains it; it is worth no points;
- ``case("scale_head", 2)`` gives the inputs of the second public case, to call the function by hand;
- a wrong call gives one sentence; nothing is ever written to stderr.
"""

from __future__ import annotations

import functools
import inspect
import sys
import textwrap
import types
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from mechanisms import models
from mechanisms.check import exercises, run
from mechanisms.check.calls import listed, used
from mechanisms.check.card import points, prediction_card
from mechanisms.check.policy import violation
from mechanisms.check.verdict import FAILED, PARTIAL, STUB, Verdict, arguments, judge
from mechanisms.errors import CheckFailed, UsageError
from mechanisms.progress import record

_NOTHING = object()


class CheckResult(float):
    """The points earned, as a float that a notebook shows as a card. ``verdict`` has the details."""

    verdict: Verdict

    def __new__(cls, verdict: Verdict) -> CheckResult:
        result = super().__new__(cls, verdict.points)
        result.verdict = verdict
        return result

    def __repr__(self) -> str:
        return points(self)

    __str__ = __repr__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self.verdict.to_html()}


def check(fn: Callable[..., Any] = _NOTHING, exercise: str | None = None) -> CheckResult:
    """Run the function ``fn`` on the public cases of its exercise and say what is right and wrong.

    The exercise is found by the function's name, or given as ``exercise`` ("scale_head" or "ch02.scale_head").
    Returns the points earned as a ``CheckResult``. Raises CheckFailed when no point is earned, and UsageError
    when ``fn`` is not such a function; both show one message and no traceback.
    """
    function = _function(fn)
    with run.quiet():
        entry = exercises.find(_exercise_name(function, exercise))
        _require_signature(function, entry)
    outcomes = [run.run(function, case["inputs"], entry["probe"]) for case in entry["cases"]]
    verdict = judge(entry, [outcome.answer for outcome in outcomes])
    sentence = violation(function.__name__, _sources(function), entry.get("forbidden", {}))
    earned = 0.0 if sentence else verdict.points
    _say(record.note_check(verdict.identity, earned, verdict.max_points))
    if sentence:
        raise CheckFailed(f"{sentence}.", page="no-points-yet", brief=sentence)
    notes = dict.fromkeys(f"{entry['function']} {note}" for outcome in outcomes for note in outcome.notes)
    if verdict.status in (FAILED, PARTIAL) and not verdict.mistake and (below := _below(function, verdict)):
        notes[below] = None
    printed = next((outcome.printed for outcome in outcomes if outcome.printed.strip()), "")
    return _present(replace(verdict, notes=tuple(notes), printed=printed))


def _below(function: Callable[..., Any], verdict: Verdict) -> str:
    """What to look at first, when the function uses others of its chapter: they may be what is wrong. Or nothing."""
    names = used("\n".join(_sources(function)), exercises.beside(verdict.identity))
    if not names:
        return ""
    checks = listed(f"check({name})" for name in names)
    return f"{verdict.exercise} uses {listed(names)}. See that {checks} {'passes' if len(names) == 1 else 'pass'} first"


def _say(sentence: str) -> None:
    """On stdout, since a test cell that writes to stderr loses its points with nbgrader."""
    if sentence:
        print(sentence)


def _sources(function: Callable[..., Any]) -> list[str]:
    """The function's own source, and the modules that its notebook knows by other names, as import lines."""
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        return []
    known = getattr(function, "__globals__", {})
    lines = [
        f"import {value.__name__} as {name}" for name, value in known.items() if isinstance(value, types.ModuleType)
    ]
    return ["\n".join(lines), source]


def _present(verdict: Verdict) -> CheckResult:
    """Show the verdict where it is read best, and return or raise it."""
    notebook = _in_notebook()
    if verdict.status in (FAILED, STUB):
        if notebook and verdict.status == FAILED:
            _display(verdict.to_text(), verdict.to_html())
            raise CheckFailed(verdict.to_text(), page="no-points-yet", brief=verdict.brief())
        page = "still-raises-not-implemented" if verdict.status == STUB else "no-points-yet"
        raise CheckFailed(verdict.to_text(), page=page)
    if not notebook:
        print(verdict.to_text())
    return CheckResult(verdict)


def _in_notebook() -> bool:
    """Whether outputs are shown in a notebook; a terminal's IPython has no kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


def _display(text: str, html: str) -> None:
    from IPython.display import publish_display_data

    publish_display_data({"text/plain": text, "text/html": html})


def _misuse(message: str) -> UsageError:
    """check was given something that is not the function that an exercise asks for."""
    return UsageError(message, page="check-needs-the-function")


def _function(fn: Any) -> Callable[..., Any]:
    """The function, or one sentence about what was given in its place."""
    give = "check takes the function itself, without parentheses, as in check(scale_head)"
    if fn is _NOTHING:
        raise _misuse(f"check needs a function: {give}.")
    if fn is None:
        raise _misuse(f"check was given None, which is what a function that returns nothing gives: {give}.")
    if isinstance(fn, str):
        raise _misuse(f"check was given the text {_clip(repr(fn))}: {give}, and without quotes.")
    if isinstance(fn, type):
        raise _misuse(f"check was given the class {fn.__name__}: {give}.")
    if isinstance(fn, functools.partial):
        raise _misuse(f"check was given a functools.partial, which already has some of its arguments: {give}.")
    if isinstance(fn, types.ModuleType):
        raise _misuse(f"check was given the module {fn.__name__}: {give}.")
    if isinstance(fn, types.MethodType):
        raise _misuse(f"check was given the method {fn.__name__} of an object: write a plain function with def.")
    if isinstance(fn, types.BuiltinFunctionType | types.WrapperDescriptorType | types.MethodDescriptorType):
        raise _misuse(f"check was given {fn.__name__}, which is part of Python or a library: {give}.")
    if not isinstance(inspect.unwrap(fn) if callable(fn) else fn, types.FunctionType):
        kind = type(fn).__name__
        article = "an" if kind[0].lower() in "aeiou" else "a"
        raise _misuse(f"check was given {article} {kind}, which is no function: {give}.")
    return fn


def _exercise_name(function: Callable[..., Any], exercise: str | None) -> str:
    if exercise is not None:
        if not isinstance(exercise, str):
            raise _misuse('The second argument of check is an exercise\'s name in quotes, as in "scale_head".')
        return exercise
    name = getattr(function, "__name__", "")
    if name == "<lambda>":
        raise _misuse("check was given a lambda, which has no name: write the function with def and its given name.")
    return name


def _require_signature(function: Callable[..., Any], entry: dict[str, Any]) -> None:
    """Raise UsageError unless the function can be called with the exercise's parameters by name."""
    name, wanted = entry["function"], entry["parameters"]
    code = inspect.unwrap(function)
    if inspect.isgeneratorfunction(code):
        raise UsageError(
            f"{name} uses yield, so a call of it gives no result: use return, once, at the end.",
            page="wrong-parameters",
        )
    if inspect.iscoroutinefunction(code):
        raise UsageError(f"{name} is written with 'async def': write it with 'def'.", page="wrong-parameters")
    parameters = inspect.signature(function).parameters.values()
    named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    needed = {
        p.name for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    }
    needed |= {p.name for p in parameters if p.kind is p.POSITIONAL_ONLY}
    any_name = any(p.kind is p.VAR_KEYWORD for p in parameters)
    if needed <= set(wanted) and (any_name or set(wanted) <= named):
        return
    has = ", ".join(str(p).split(":")[0].split("=")[0].strip() for p in parameters)
    raise UsageError(
        f"{name} must take the parameters ({', '.join(wanted)}), yours takes ({has}): "
        "keep the first line of the function as it was given.",
        page="wrong-parameters",
    )


def _clip(text: str, width: int = 60) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def case(exercise: str, number: int = 1) -> dict[str, Any]:
    """The inputs of the public case ``number`` (from 1) of an exercise: ``scale_head(**case("scale_head", 2))``.

    A model among them is the notebook's own. Raises UsageError when there is no such exercise or case.
    """
    if not isinstance(exercise, str):
        raise UsageError('case takes an exercise\'s name in quotes and a number, as in case("scale_head", 2).')
    with run.quiet():
        entry = exercises.find(exercise)
        cases = entry["cases"]
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= len(cases):
            raise UsageError(f"{exercise} has the cases 1 to {len(cases)}, not {_clip(repr(number))}.")
        return run.resolve(arguments(entry, cases[number - 1]), models.load)


@dataclass(frozen=True)
class Prediction:
    """A recorded prediction, shown as a card. ``right`` is None while nothing has been chosen."""

    identity: str
    text: str
    choice: str | None
    right: bool | None
    lines: tuple[str, ...]
    rest: tuple[str, ...] = field(default=())

    @property
    def word(self) -> str:
        return {True: "Right", False: "Not so", None: "Choose before you run"}[self.right]

    def __repr__(self) -> str:
        return "\n".join([f"{self.identity}: {self.text}", f"{self.word}.", *self.lines, *self.rest])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        chosen, explanation = (*self.lines, "", "")[:2]
        title = f"{self.identity}: {self.text}"
        card = prediction_card(title, self.word, self.right, chosen, explanation, list(self.rest))
        return {"text/plain": repr(self), "text/html": card}


_recorded: dict[str, str] = {}


def predict(question: str | None = None, choice: str | None = None) -> Prediction:
    """Record what you expect before you run an experiment: ``predict("02.q1", "b")``.

    Without a choice it shows the question. The first choice stays recorded; a prediction is worth no points.
    Raises UsageError for an unknown question or choice.
    """
    if not isinstance(question, str):
        raise UsageError('predict takes a question and a choice in quotes, as in predict("02.q1", "b").')
    entry = exercises.question(question)
    choices = entry["choices"]
    listed = tuple(f"{key}: {text}" for key, text in choices.items())
    if choice is None:
        return _shown(Prediction(question, entry["text"], None, None, (), listed))
    letter = choice.strip().lower() if isinstance(choice, str) else choice
    if not isinstance(letter, str) or letter not in choices:
        raise UsageError(f"{question} has the choices {', '.join(choices)}, not {_clip(repr(choice))}.")
    first = _recorded.setdefault(question, letter)
    _say(record.note_prediction(question, letter, letter == entry["answer"]))
    explanation = entry.get("explain", {}).get(letter, "")
    if first != letter:
        explanation = f"{explanation} (Your first choice, {first}, stays recorded.)".strip()
    rest = tuple(f"{key}: {text} {entry.get('explain', {}).get(key, '')}".strip() for key, text in choices.items())
    others = tuple(line for line in rest if not line.startswith(f"{letter}:"))
    lines = (f"{letter}: {choices[letter]}", explanation)
    return _shown(Prediction(question, entry["text"], letter, letter == entry["answer"], lines, others))


def predictions() -> dict[str, str]:
    """The first choice for every question answered in this session."""
    return dict(_recorded)


def _shown(prediction: Prediction) -> Prediction:
    if not _in_notebook():
        print(prediction)
    return prediction
