"""Own: links in the scratch that a collector might follow."""

from attack_kit import Attack

ATTACK = Attack(
    tries="leave links to the secret and the gradebook, FIFOs and odd names where files may be collected",
    first=(
        """
        targets = ("ARENA_COURSE/secret", "ARENA_COURSE/gradebook.db", "/etc/passwd", "/proc/self/mem", "/dev/zero")
        for number, target in enumerate(targets):
            for name in ("answers.json", "weights.safetensors", "double.npy", "artefact"):
                attempt(os.symlink, target, f"{number}-{name}")
        for name in ("answers.json", "double.json", "weights.safetensors"):
            attempt(os.mkfifo, name)
        for name in ("-rf", "a\\nb", "\\x1b[2J", "..\\\\..\\\\x", "%s%n", "$(id)", "a" * 255, b"\\xff\\xfe"):
            attempt(lambda: open(name, "w").close())
        """,
    ),
)
