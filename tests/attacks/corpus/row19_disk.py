"""Row 19: a full disk."""

from attack_kit import MARK, Attack

ATTACK = Attack(
    row=19,
    tries="write one giant file, sparse files and files without end wherever it may write",
    first=(
        f"""
        block = bytes(1 << 20)
        for folder in (os.getcwd(), "/tmp", "/var/tmp", "/dev/shm", os.path.expanduser("~")):
            with contextlib.suppress(OSError), open(folder + "/{MARK}-big", "wb") as file:
                for _ in range(4096):
                    file.write(block)
            with contextlib.suppress(OSError), open(folder + "/{MARK}-sparse", "wb") as file:
                file.truncate(1 << 44)
            with contextlib.suppress(OSError):
                for number in range(1000):
                    with open(folder + f"/{MARK}-{{number}}", "wb") as file:
                        file.write(block)
        """,
    ),
    # A cell that filled the memory of its own sandbox may end there.
    least={"*": 0},
)
