"""Own: characters that no file can hold."""

import json

from attack_kit import Attack


def with_halves(notebook, arena):
    """Halves of surrogate pairs, zero bytes and terminal controls in sources, names and metadata."""
    text = json.dumps(notebook)
    return text.replace("HALF", "\\ud800 \\udfff \\u0000 \\u001b[2J \\ufffe \\u202e")


def writable(arena, outcome):
    """What was recorded can be stored."""
    json.dumps(outcome.graded.as_json(), ensure_ascii=False).encode("utf-8")


ATTACK = Attack(
    tries="put lone surrogates and zero bytes into sources, printed text, errors, display data and answers",
    first=(
        "print('HALF')",
        "print('\\ud800 lone')\nprint(chr(0xdfff) * 10, file=sys.stderr)",
        "raise ValueError('\\udc80 lone')",
        """
        from IPython.display import display
        display({"text/plain": "\\ud800", "text/html": "<b>\\udfff</b>", "x/\\ud800": "y"}, raw=True)
        """,
    ),
    answers={
        "double": "# HALF\ndef double(values):\n    return ['\\ud800']",
        "tally": "def tally(words):\n    raise ValueError('\\udfff')",
    },
    edit=with_halves,
    honest={"double": 0, "tally": 0},
    least={"*": 0},
    status=("graded", "partly matched"),
    after=writable,
)
