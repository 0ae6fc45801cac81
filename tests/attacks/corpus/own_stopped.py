"""Own: a process that stops instead of ending."""

from attack_kit import Attack

ATTACK = Attack(
    tries="stop itself with SIGSTOP inside a function, so that no alarm ends it",
    answers={"double": "def double(values):\n    import os, signal\n    os.kill(os.getpid(), signal.SIGSTOP)"},
    honest={"double": 0},
)
