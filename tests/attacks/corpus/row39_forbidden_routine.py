"""Row 39: the library routine that the task forbids."""

from attack_kit import Attack


def named(arena, outcome):
    """The student reads what is forbidden and why."""
    assert "forbids" in outcome.graded.result.exercises["soften"].sentence


ATTACK = Attack(
    row=39,
    tries="call torch.softmax under an alias, in a helper, from another cell",
    first=("from torch.nn import functional as plain", "def helper(scores):\n    return plain.softmax(scores, dim=1)"),
    answers={"soften": "def soften(scores):\n    return helper(scores)"},
    honest={"soften": 0},
    after=named,
)
