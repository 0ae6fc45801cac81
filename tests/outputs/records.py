"""Records written by hand, as the grader would leave them for the toy chapter."""

from __future__ import annotations

from autograder.nbg.results import PARTLY, ExerciseResult, GroupResult, Result

SENTENCE = "The sign is lost: abs() belongs nowhere here."
PERFECT = {"double-check": (5, None, False), "describe-check": (8, None, False), "why_spread": (None, 4, False)}
MISTAKEN = {"double-check": (3, None, False), "describe-check": (8, None, False), "why_spread": (None, None, True)}


def group(name, points, passed, failing=None, sentence="", hint=""):
    return GroupResult(name, points, points if passed else 0.0, passed, 2, failing, sentence, hint)


def perfect(student="ada"):
    """Everything right."""
    result = Result(student, "90_toy", seconds=2.5, cell_seconds=0.5, graded_at="2026-11-24T08:00:00+00:00")
    both = [group("positive values", 3, True), group("negative values", 2, True)]
    page = "chapters/90_toy.html#double"
    result.exercises["double"] = ExerciseResult("Double every value", 5, 5, state="passed", groups=both, page=page)
    both = [group("positive values", 4, True), group("negative values", 4, True)]
    result.exercises["describe"] = ExerciseResult("Describe the values", 8, 8, state="passed", groups=both)
    result.free_text["why_spread"] = 4.0
    return result


def mistaken(student="bob"):
    """One known mistake, free text not marked."""
    result = perfect(student)
    failed = group("negative values", 2, False, 2, "the numbers differ", "What happens to the sign?")
    groups = [group("positive values", 3, True), failed]
    result.exercises["double"] = ExerciseResult(
        "Double every value", 3, 5, "loses_the_sign", SENTENCE, "partial", groups, "chapters/90_toy.html#double"
    )
    return result


def partly(student="cleo"):
    """One exercise could not be found."""
    result = perfect(student)
    result.status = PARTLY
    sentence = "No cell with the function describe was found."
    result.needs_person.append(sentence)
    result.exercises["describe"] = ExerciseResult("Describe the values", 0, 8, "", sentence, "not found")
    return result
