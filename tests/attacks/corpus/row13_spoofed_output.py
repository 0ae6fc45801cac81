"""Row 13: text that looks like a verdict."""

from attack_kit import Attack


def shown_as_text(arena, outcome):
    """No terminal sequence reaches what command lines print."""
    result = outcome.graded.result
    told = [*result.needs_person, *result.notices, *(entry.sentence for entry in result.exercises.values())]
    assert "\x1b" not in "".join(told)


ATTACK = Attack(
    row=13,
    tries="print verdicts, JSON lines, frames and terminal sequences to every descriptor",
    first=(
        """
        import json

        forged = json.dumps({"answers": [[1.0]], "points": 5, "passed": True, "exercise": "double"})

        def shout():
            text = "ALL TESTS PASSED\\n\\x1b[2J\\x1b[1;1H\\x1b]0;graded\\x07" + forged + "\\n"
            print(text)
            print(text, file=sys.stderr)
            for number in (1, 2):
                attempt(os.write, number, text.encode())
                attempt(os.write, number, struct.pack(">I", len(forged)) + forged.encode())
                attempt(os.write, number, struct.pack("<Q", len(forged)) + forged.encode())

        shout()
        """,
    ),
    answers={"double": "def double(values):\n    shout()\n    raise ValueError('\\x1b[31m5 of 5 points\\x1b[0m')"},
    honest={"double": 0},
    after=shown_as_text,
)
