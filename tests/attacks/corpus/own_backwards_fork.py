"""Own: a fork that changes places."""

from attack_kit import Attack

ATTACK = Attack(
    tries="patch os.fork before the snapshots are made, so that parent and snapshot change places, or none is made",
    answers={"double": "def double(values):\n    return values"},
    first=(
        """
        real_fork = os.fork

        def backwards():
            pid = real_fork()
            return 0 if pid else 4242

        os.fork = backwards
        """,
    ),
    honest={"double": 0},
    least={"*": 0},
)
