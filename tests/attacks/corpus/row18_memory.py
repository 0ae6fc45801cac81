"""Row 18: memory without end."""

from attack_kit import Attack

ATTACK = Attack(
    row=18,
    tries="fill the memory of one process, by bytes, by tensors and by anonymous maps",
    answers={
        "double": "def double(values):\n    kept = []\n    while True:\n        kept.append(bytes(64 << 20))",
        "describe": "def describe(values):\n    kept = []\n    while True:\n        kept.append(torch.ones(1 << 24))",
        "tally": """
        def tally(words):
            import mmap
            kept = []
            while True:
                kept.append(mmap.mmap(-1, 64 << 20))
                for place in range(0, 64 << 20, 4096):
                    kept[-1][place] = 1
        """,
    },
    honest={"double": 0, "describe": 0, "tally": 0},
)
