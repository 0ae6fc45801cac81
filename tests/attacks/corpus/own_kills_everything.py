"""Own: signals to every process."""

from attack_kit import Attack

ATTACK = Attack(
    tries="send SIGKILL, SIGSTOP and SIGTERM to every process it can name, the namespace's init and the grader",
    answers={
        "double": """
        def double(values):
            for number in (signal.SIGCONT, signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
                for pid in [1, os.getppid(), *range(2, 400)]:
                    if pid != os.getpid():
                        attempt(os.kill, pid, number)
                attempt(os.killpg, 0 + os.getppid(), number)
            attempt(os.kill, -1, signal.SIGKILL)
            return []
        """
    },
    first=("pass",),
    honest={"double": 0},
    least={"*": 0},
)
