"""From answers to a verdict: points, what is wrong in one line, and which known mistake it looks like.

- ``judge(exercise, answers)`` is a pure function on plain data, shared by ``check`` in a notebook and by the
  grader: ``exercise`` is an entry of a snapshot, ``answers`` one tree per case;
- a group of cases earns its points when every case in it agrees, else nothing;
- a known mistake is named when the student failed and the answers equal the mistake's on every case on which
  the mistake itself differs from the right answer;
- a ``Verdict`` turns into text, JSON and an HTML card; with ``show_inputs=False`` none of them tells an input, an
  expected value or a message that student code made, so that they are fit for hidden cases.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Any

from mechanisms.check.card import points, verdict_card
from mechanisms.check.codec import ModelRef
from mechanisms.check.compare import compare, describe, describe_answer, short
from mechanisms.check.measures import measured

PASSED, PARTIAL, FAILED, STUB = "passed", "partial", "failed", "stub"
_ADVICE = {
    "NameError": "Is it spelled right? If so, run the cells above first: the setup cell, and earlier exercises.",
    "UnboundLocalError": "A name is used before anything is stored in it.",
    "ModuleNotFoundError": "Run the setup cell first.",
    "SystemExit": "Return a value instead of leaving Python.",
    "RecursionError": "The function calls itself without end.",
    "MemoryError": "Something grows much larger than the inputs.",
}


@dataclass(frozen=True)
class GroupVerdict:
    """One group: whether it passed, and of its first failing case the place in the group (``failing``) and in the
    exercise (``number``), both from 1, the sentence and a brief one."""

    name: str
    points: float
    passed: bool
    cases: int
    hint: str
    failing: int | None = None
    number: int | None = None
    sentence: str = ""
    brief: str = ""
    inputs: tuple[tuple[str, str], ...] = ()

    @property
    def earned(self) -> float:
        return self.points if self.passed else 0.0

    @property
    def place(self) -> str:
        """ "case 2 of 3", or nothing when the group has one case or passed."""
        return f"case {self.failing} of {self.cases}" if self.failing and self.cases > 1 else ""


@dataclass(frozen=True)
class KnownMistake:
    """A mistake that the answers are those of: its name and the sentence for the student."""

    name: str
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """What came of one exercise. ``status`` is passed, partial, failed or stub (nothing written yet).

    ``notes`` (what the function left behind) and ``printed`` (its output) do not count; only ``check`` fills them.
    """

    exercise: str
    identity: str
    title: str
    page: str
    status: str
    points: float
    max_points: float
    groups: tuple[GroupVerdict, ...]
    mistake: KnownMistake | None = None
    missing: str = ""
    tolerance: str = ""
    notes: tuple[str, ...] = ()
    printed: str = ""

    @property
    def first_difference(self) -> str:
        """The sentence of the first failing case, or nothing."""
        return next((group.sentence for group in self.groups if not group.passed), "")

    @property
    def headline(self) -> str:
        """One line: the exercise and its points."""
        return f"{self.exercise}: {points(self.points)} of {points(self.max_points)} points"

    def stub_sentence(self, show_inputs: bool = True) -> str:
        """What to do about an exercise that is not written yet."""
        if self.missing and self.missing != self.exercise:
            other = self.missing if show_inputs else "another function"
            still = f"{self.exercise} calls {other}, which still raises NotImplementedError"
            return f"{still}: write that one first, run its cell, run this again."
        return f"{self.exercise} still raises NotImplementedError: write it above, run its cell, run this again."

    def brief(self, show_inputs: bool = True) -> str:
        """The verdict in a line or two: points and the most telling sentence."""
        if self.status == STUB:
            return self.stub_sentence(show_inputs)
        if self.mistake:
            return f"{self.headline}. {self.mistake.sentence}"
        failing = next((group for group in self.groups if not group.passed), None)
        if failing is None:
            return f"{self.headline}."
        return f"{self.headline}. {failing.name}: {failing.sentence if show_inputs else failing.brief}."

    def to_text(self, show_inputs: bool = True) -> str:
        """The verdict as lines of text for a terminal, in reading order."""
        if self.status == STUB:
            return self.stub_sentence(show_inputs)
        lines = [self.headline]
        if self.mistake:
            lines.append(f"  This looks like a known mistake: {self.mistake.sentence}")
        seen = set()
        for group in self.groups:
            worth = f"{group.name} ({points(group.points)} point{'' if group.points == 1 else 's'})"
            if group.passed:
                lines.append(f"  passed  {worth}")
                continue
            place = f", {group.place}" if group.place else ""
            sentence = group.sentence if show_inputs else group.brief
            lines.append(f"  FAILED  {worth}{place}: {'the same as above' if sentence in seen else sentence}.")
            seen.add(sentence)
            if group.hint:
                lines.append(f"          Hint: {group.hint}")
        lines += [f"  Note: {note}." for note in self.notes]
        if self.printed and show_inputs:
            lines += ["  Your function printed:", *(f"  | {line}" for line in self.printed.splitlines())]
        return "\n".join(lines)

    def to_json(self, show_inputs: bool = True) -> dict[str, Any]:
        """The verdict as plain data for ``json.dumps``."""
        return {
            "exercise": self.exercise,
            "id": self.identity,
            "title": self.title,
            "status": self.status,
            "points": self.points,
            "max_points": self.max_points,
            "groups": [
                {
                    "name": group.name,
                    "points": group.earned,
                    "max_points": group.points,
                    "passed": group.passed,
                    "failing_case": group.failing,
                    "difference": group.sentence if show_inputs else group.brief,
                    "hint": "" if group.passed else group.hint,
                }
                for group in self.groups
            ],
            "mistake": {"name": self.mistake.name, "sentence": self.mistake.sentence} if self.mistake else None,
        }

    def to_html(self, show_inputs: bool = True) -> str:
        """The verdict as a self-contained, escaped card."""
        return verdict_card(self, show_inputs)


def judge(exercise: dict[str, Any], answers: list[Any]) -> Verdict:
    """The verdict on one answer per case; an answer that is missing counts as wrong.

    ``exercise`` has "function", "id", "title", "page", "groups", "cases" and "mistakes" as in a snapshot.
    """
    cases = exercise["cases"]
    lost = {"$refused": {"type": "nothing", "message": "no answer came back"}}
    answers = [*answers[: len(cases)], *[lost] * (len(cases) - len(answers))]
    if exercise.get("measure"):
        answers = [
            measured(exercise["measure"], answer, case["inputs"], case["held_out"])
            for answer, case in zip(answers, cases, strict=True)
        ]
    faults = [_fault(answer, case) for answer, case in zip(answers, cases, strict=True)]
    groups = tuple(_group(number, group, exercise, faults) for number, group in enumerate(exercise["groups"]))
    earned = round(sum(group.earned for group in groups), 6)
    total = round(sum(group.points for group in groups), 6)
    missing = _not_written(answers, exercise["function"])
    status = STUB if missing else PASSED if not any(faults) else PARTIAL if earned > 0 else FAILED
    return Verdict(
        exercise=exercise["function"],
        identity=exercise["id"],
        title=exercise.get("title", ""),
        page=exercise.get("page", ""),
        status=status,
        points=0.0 if status == STUB else earned,
        max_points=total,
        groups=groups,
        mistake=recognise(exercise, answers) if status in (PARTIAL, FAILED) else None,
        missing=missing,
        tolerance=_tolerance(cases),
    )


def _tolerance(cases: list[dict]) -> str:
    """How close a float has to be, in words; all cases of an exercise agree on it."""
    if not cases:
        return ""
    return f"A float may differ by {cases[0]['atol']:g} plus {cases[0]['rtol']:g} times the expected number."


def _group(number: int, group: dict, exercise: dict, faults: list[tuple[str, str] | None]) -> GroupVerdict:
    cases = exercise["cases"]
    own = [index for index, case in enumerate(cases) if case["group"] == number]
    failing = next((index for index in own if faults[index]), None)
    common = {"name": group["name"], "points": group["points"], "cases": len(own), "hint": group.get("hint", "")}
    if failing is None:
        return GroupVerdict(passed=bool(own), **common)
    sentence, brief = faults[failing]
    inputs = tuple((name, preview(value)) for name, value in arguments(exercise, cases[failing]).items())
    where = {"failing": own.index(failing) + 1, "number": failing + 1}
    return GroupVerdict(passed=False, sentence=sentence, brief=brief, inputs=inputs, **where, **common)


def arguments(exercise: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
    """The inputs of a case that are arguments of the function; a probe may take others for itself."""
    inputs = case["inputs"]
    return {name: inputs[name] for name in exercise.get("parameters", inputs) if name in inputs}


def _fault(answer: Any, case: dict) -> tuple[str, str] | None:
    """What is wrong with an answer, in full and without any content; None when it is right."""
    expected = case["expected"]
    raised, refused = outcome(answer, "$raises"), outcome(answer, "$refused")
    should_raise = outcome(expected, "$raises")
    if should_raise:
        if raised and raised["type"] == should_raise["type"]:
            return None
        wanted = f"it should raise {should_raise['type']}"
        if raised:
            return (
                f"{wanted}, but {_raise_sentence(raised)}",
                f"it should raise another error, but {_raise_brief(raised)}",
            )
        returned = "a value that is no plain data" if refused else describe_answer(answer)
        return f"{wanted}, but returned {returned}", "it should raise an error here, but returned a value"
    if raised:
        return _raise_sentence(raised), _raise_brief(raised)
    if refused:
        return f"the result cannot be used: {refused['message']}", "the result is not plain data"
    difference = compare(answer, expected, case["rtol"], case["atol"])
    return (difference.sentence, difference.brief) if difference else None


def outcome(answer: Any, key: str) -> dict[str, str] | None:
    """The details of an answer that records a raise ("$raises") or a refusal ("$refused"), else None.

    Details that are not all text are not of the runner's making and read as empty.
    """
    if type(answer) is not dict or set(answer) != {key}:
        return None
    detail = answer[key]
    if type(detail) is str:
        detail = {"type": detail}
    known = detail if type(detail) is dict else {}
    fields = ("type", "message", "where", "function")
    return {field: known[field] if type(known.get(field)) is str else "" for field in fields}


def _raise_sentence(raised: dict[str, str]) -> str:
    where = f" in {raised['where']}" if raised["where"] else ""
    message = f" ({raised['message']})" if raised["message"] else ""
    advice = f". {_ADVICE[raised['type']]}".rstrip(".") if raised["type"] in _ADVICE else ""
    return f"it raised {raised['type']}{message}{where}{advice}"


def _raise_brief(raised: dict[str, str]) -> str:
    """Without the line, which a function could choose so that it tells an input."""
    kind = raised["type"] if isinstance(getattr(builtins, raised["type"], None), type) else "an error"
    return f"it raised {kind}"


def _not_written(answers: list[Any], function: str) -> str:
    """The name of the function that is still a stub, when every case met its NotImplementedError; else nothing."""
    names = []
    for answer in answers:
        raised = outcome(answer, "$raises")
        if not raised or raised["type"] != "NotImplementedError":
            return ""
        if raised["message"] and "raise NotImplementedError" not in raised["where"]:
            return ""
        names.append(raised["function"] or function)
    return names[0] if names else ""


def recognise(exercise: dict[str, Any], answers: list[Any]) -> KnownMistake | None:
    """The known mistake that the answers are those of, if any.

    Only cases on which a mistake differs from the right answer tell it apart; of several that fit, the one
    that also fits on the most other cases wins, then the one that more cases tell apart, then the first.
    """
    best, best_rank = None, (-1, -1)
    for mistake in exercise.get("mistakes", []):
        telling, agreeing = 0, 0
        for answer, output, case in zip(answers, mistake["outputs"], exercise["cases"], strict=True):
            same = _same(answer, output, case)
            if _fault(output, case):
                telling += 1
                if not same:
                    break
            agreeing += same
        else:
            if telling and (agreeing, telling) > best_rank:
                best, best_rank = KnownMistake(mistake["name"], mistake["sentence"]), (agreeing, telling)
    return best


def _same(answer: Any, output: Any, case: dict) -> bool:
    """Whether a student's answer is the one that a mistake gives; errors must agree in type and message."""
    for key in ("$raises", "$refused"):
        one, other = outcome(answer, key), outcome(output, key)
        if one or other:
            return bool(one and other) and one["type"] == other["type"] and one["message"] == other["message"]
    return compare(answer, output, case["rtol"], case["atol"]) is None


def preview(value: Any) -> str:
    """An input in one line of the card: small values in full, large ones by their shape."""
    if type(value) is ModelRef:
        return f"the model {value.name}"
    if hasattr(value, "shape") and value.shape:
        flat = value.reshape(-1).tolist()
        return str(value.tolist()) if len(flat) <= 12 else describe(value)
    if hasattr(value, "shape"):
        return repr(value.item())
    if type(value) is list and all(type(item) in (str, int, float, bool) for item in value):
        text = repr(value)
        return text if len(text) <= 300 else f"{text[:299]}…"
    if type(value) is dict:
        return ", ".join(f"{key}: {preview(item)}" for key, item in list(value.items())[:6])
    return repr(value) if type(value) is str and len(value) <= 300 else short(value) if value is not None else "None"
