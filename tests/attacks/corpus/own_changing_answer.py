"""Own: answers that change after they were given."""

from attack_kit import Attack

ATTACK = Attack(
    tries="return lists that a thread keeps changing, and objects whose length and items are different every time",
    first=(
        """
        class Shifting(list):
            def __iter__(self): return iter([float(len(self) + id(self) % 7)])
            def __len__(self): return 1 << 40

        def keep_changing(values):
            while True:
                values.append(object())
                values.clear()
        """,
    ),
    answers={
        "double": """
        def double(values):
            answer = []
            threading.Thread(target=keep_changing, args=(answer,), daemon=True).start()
            return answer
        """,
        "describe": "def describe(values):\n    return {'mean': Shifting([1.0]), 'spread': Shifting([2.0])}",
    },
    honest={"double": 0, "describe": 0},
)
