"""Own: JSON traps in place of an answer."""

from attack_kit import Attack

TRAPS = {
    "double": """'{"answer": ' + "[" * 200_000 + "]" * 200_000 + "}" """,
    "describe": """'{"answer": ' + "9" * 100_000 + "}" """,
    "tally": """'{"answer": {"\\\\ud800": 1, "$raises": {"type": "\\\\udfff", "message": "\\\\udfff"}}}' """,
    "soften": """'{"answer": {"$raises": {"type": "NotImplementedError", "message": "\\\\ud800"}}}' """,
}

ATTACK = Attack(
    tries="send JSON of 200,000 brackets, numbers of 100,000 digits, halves of characters and forged errors",
    first=(
        """
        from mechanisms.check import codec

        def send(text):
            codec.dump = lambda tree: (text, b"")
        """,
    ),
    answers={name: f"def {name}(**named):\n    send({trap})" for name, trap in TRAPS.items()},
    honest={"double": 0, "describe": 0, "tally": 0, "soften": 0},
)
