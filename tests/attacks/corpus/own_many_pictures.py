"""Own: an executed notebook that nobody can open."""

from attack_kit import Attack


def small(arena, outcome):
    """What is kept of all outputs together stays small."""
    assert len(outcome.record) < 40 << 20, f"{len(outcome.record) >> 20} MB"


SHOW = "from IPython.display import display\ndisplay({'text/html': 'h' * 3_900_000}, raw=True)"

ATTACK = Attack(
    tries="show as much as one cell may in each of 25 cells, and as much text",
    last=(SHOW,) * 25,
    after=small,
)
