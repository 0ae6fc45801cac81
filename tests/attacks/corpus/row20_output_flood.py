"""Row 20: a flood of output."""

from attack_kit import Attack


def small(arena, outcome):
    """The executed notebook stays small enough to open."""
    assert len(outcome.record) < 8 << 20, len(outcome.record)


ATTACK = Attack(
    row=20,
    tries="print one line of 60 MB, 60,000 lines, giant display data, and write past Python to descriptor 1",
    first=(
        "print('x' * (60 << 20))",
        "for number in range(60_000):\n    print(number)",
        """
        from IPython.display import HTML, display
        attempt(lambda: display(HTML("<b>" + "y" * (30 << 20) + "</b>")))
        attempt(lambda: display({"text/plain": "z" * (30 << 20), "image/png": "A" * (30 << 20)}, raw=True))
        """,
        "for _ in range(64):\n    attempt(os.write, 1, b'w' * (1 << 20))\n    attempt(os.write, 2, b'w' * (1 << 20))",
        "class Wide:\n    def __repr__(self): return 'r' * (60 << 20)\nWide()",
        "raise ValueError('e' * (60 << 20))",
    ),
    answers={
        "double": "def double(values):\n    for _ in range(64):\n        print('v' * (1 << 20))\n"
        "        os.write(1, b'v' * (1 << 20))\n    return [2 * value for value in values]"
    },
    least={"double": 0},
    after=small,
)
