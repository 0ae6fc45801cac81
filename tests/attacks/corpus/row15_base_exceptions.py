"""Row 15: exceptions that pass every ordinary except."""

from attack_kit import Attack

ATTACK = Attack(
    row=15,
    tries="raise SystemExit, KeyboardInterrupt, GeneratorExit and an exception whose str() raises again",
    first=(
        """
        class Nasty(BaseException):
            def __str__(self): raise Nasty
            __repr__ = __str__
            def __getattribute__(self, name): raise Nasty
        """,
        "raise SystemExit('everything passed')",
        "sys.exit(0)",
        "raise KeyboardInterrupt",
        "raise Nasty",
    ),
    answers={
        "double": "def double(values):\n    raise SystemExit(0)",
        "describe": "def describe(values):\n    raise KeyboardInterrupt",
        "tally": "def tally(words):\n    raise Nasty",
        "soften": "def soften(scores):\n    raise GeneratorExit",
    },
    honest={"double": 0, "describe": 0, "tally": 0, "soften": 0},
)
