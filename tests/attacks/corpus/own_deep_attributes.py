"""Own: a source that the policy of forbidden routines cannot walk."""

from attack_kit import Attack

ATTACK = Attack(
    tries="chain 1,500 attributes, which parse but exceed the recursion limit of whoever walks them",
    answers={"soften": "def soften(scores):\n    return scores" + ".a" * 1500},
    honest={"soften": 0},
)
