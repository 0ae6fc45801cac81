"""Own: no file descriptors left."""

from attack_kit import Attack

ATTACK = Attack(
    tries="close every file descriptor in a function, and open as many as it can in another",
    answers={
        "double": "def double(values):\n    os.closerange(0, 4096)\n    return [2 * value for value in values]",
        "tally": """
        def tally(words):
            kept = []
            while not isinstance(kept[-1:] and kept[-1], Exception):
                kept.append(attempt(os.open, "/dev/null", os.O_RDONLY))
            return {}
        """,
    },
    first=("pass",),
    honest={"double": 0, "tally": 0},
)
