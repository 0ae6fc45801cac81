"""Row 39: the forbidden routine in a cell that only IPython understands."""

from attack_kit import Attack

ATTACK = Attack(
    row=39,
    tries="put a line into the cell that IPython runs and ast.parse refuses",
    answers={"soften": "here = !true\ndef soften(scores):\n    return torch.softmax(scores, dim=1)"},
    honest={"soften": 0},
)
