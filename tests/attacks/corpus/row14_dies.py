"""Row 14: the process that dies."""

from attack_kit import Attack

ATTACK = Attack(
    row=14,
    tries="end the process: os._exit in one function, SIGKILL in another, a segmentation fault in a third",
    answers={
        "double": "def double(values):\n    import os\n    os._exit(0)",
        "describe": "def describe(values):\n    import os, signal\n    os.kill(os.getpid(), signal.SIGKILL)",
        "tally": "def tally(words):\n    import ctypes\n    ctypes.string_at(0)",
    },
    honest={"double": 0, "describe": 0, "tally": 0},
)
