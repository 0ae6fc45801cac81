"""Own: hidden inputs in the time that the function takes."""

import re

from attack_kit import Attack


def no_time_told(arena, outcome):
    """The student's page tells no time of the hidden calls. (The record's total is for the instructor.)"""
    assert not re.search(r"\b\d+\.\d+ ?(s|ms|seconds)\b", outcome.page)


ATTACK = Attack(
    tries="sleep for as long as a digit of the hidden input says, to read it from the time shown",
    answers={
        "double": "def double(values):\n    import time\n    time.sleep(int(abs(values[0])) % 10 / 20)\n"
        "    return [2 * value for value in values]"
    },
    after=no_time_told,
)
