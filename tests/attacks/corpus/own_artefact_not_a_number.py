"""Own: a trained artefact of NaN."""

from attack_kit import Attack

ATTACK = Attack(
    tries="return a matrix of NaN and infinities, so that every comparison on the held-out data is undefined",
    answers={"fit": "def fit(x, y):\n    return torch.full((x.shape[1], 3), float('nan'))"},
    honest={"fit": 0},
)
