"""Row 14: a cell that ends the process between right answers."""

from attack_kit import Attack

ATTACK = Attack(
    row=14,
    tries="end the process in an ordinary cell, before and after the exercises",
    first=("os._exit(1)",),
    last=("os.abort()", "os.kill(os.getpid(), signal.SIGSEGV)"),
    least={"*": 0},
)
