"""Row 39: the forbidden routine where a reader of the source may not look."""

from attack_kit import Attack

ATTACK = Attack(
    row=39,
    tries="define the function inside an if block, with the routine's module under another name",
    answers={
        "soften": "layers = torch.nn.functional\nif True:\n    def soften(scores):\n"
        "        return layers.softmax(scores, dim=1)"
    },
    honest={"soften": 0},
)
