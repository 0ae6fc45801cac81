"""Own: values at the edge of what can be compared."""

from attack_kit import Attack

ATTACK = Attack(
    tries="return NaN, infinities, booleans for numbers, giant integers, nested and self-containing values",
    answers={
        "double": "def double(values):\n    return [float('nan')] * len(values)",
        "describe": "def describe(values):\n    return {'mean': True, 'spread': 10 ** 5000}",
        "tally": """
        def tally(words):
            loop = {}
            loop["loop"] = loop
            return loop if len(words) > 6 else {word: float("nan") for word in words}
        """,
        "soften": """
        def soften(scores):
            return torch.full_like(scores, float("nan")) if scores.abs().max() < 50 else torch.zeros(1).expand(1 << 50)
        """,
    },
    honest={"double": 0, "describe": 0, "tally": 0, "soften": 0},
)
