"""Row 16: a cell that sleeps for ever."""

from attack_kit import Attack

ATTACK = Attack(
    row=16,
    tries="block all signals and sleep for ever in the last cell",
    last=("signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True:\n    attempt(time.sleep, 3600)",),
    least={"*": 0},
)
