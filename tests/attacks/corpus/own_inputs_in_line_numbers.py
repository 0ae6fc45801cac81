"""Own: hidden inputs in the line at which an error is raised."""

import re

from attack_kit import Attack


def no_line_tells(arena, outcome):
    """The line of the error, a number that the student's code chose by the input, is not passed on."""
    seen = set(re.findall(r"line (\d{3})\b", outcome.record + outcome.page))
    told = {str(int(value)) for inputs in arena.hidden(outcome.student, "double") for value in inputs["values"]}
    assert not seen & told, f"a hidden input stands in 'line {(seen & told).pop()}'"


LINES = [f"    if int(values[0]) == {number}: 1 / 0" for number in range(2, 1000)]

ATTACK = Attack(
    tries="raise an error at the line whose number is the hidden input, three digits at a time",
    answers={"double": "def double(values):\n" + "\n".join(LINES)},
    honest={"double": 0},
    after=no_line_tells,
)
