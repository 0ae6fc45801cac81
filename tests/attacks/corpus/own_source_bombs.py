"""Own: sources that break whoever parses them."""

from attack_kit import Attack

ATTACK = Attack(
    tries="hand in sources of 100,000 brackets, endless operators, deep indentation and a 2 MB line",
    first=(
        "x = " + "(" * 100_000 + ")" * 100_000,
        "x = " + "+".join(["1"] * 20_000),
        "x = " + "-" * 50_000 + "1",
        "x = '" + "y" * (2 << 20) + "'",
        "x = " + "[" * 5000 + "]" * 5000,
        "if 1:\n" + "".join(" " * n + "if 1:\n" for n in range(1, 400)) + " " * 400 + "pass",
        "# -*- coding: utf-7 -*-\n+AGkAbQBwAG8AcgB0-",
        "\x00\x01\x02",
        "lambda " + ",".join(f"a{n}" for n in range(5000)) + ": 0",
    ),
    answers={
        "double": "def double(values):\n    return " + "(" * 3000 + "[]" + ")" * 3000,
        "soften": "def soften(scores):\n    return " + "-" * 100_000 + "scores",
        "tally": "def tally(words):\n    return words" + ".copy()" * 900 + ".a" * 900,
        "describe": "def describe(values):\n    return values" + ".a" * 1500,
    },
    honest={"double": 0, "describe": 0, "tally": 0, "soften": 0},
    status=("graded", "partly matched"),
)
