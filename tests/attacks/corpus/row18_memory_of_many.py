"""Row 18: memory filled by many processes, none of which is large."""

from attack_kit import Attack

ATTACK = Attack(
    row=18,
    tries="fill the memory with eight processes at once, each below the limit of one, and the scratch beside it",
    first=("pass",),
    answers={
        "double": """
        def double(values):
            for number in range(8):
                if attempt(os.fork) == 0:
                    kept = [bytes(range(256)) * (1 << 18) for _ in range(12)]
                    with contextlib.suppress(OSError), open(f"/dev/shm/{number}", "wb") as file:
                        file.write(kept[0])
                    time.sleep(60)
            time.sleep(60)
        """
    },
    honest={"double": 0},
)
