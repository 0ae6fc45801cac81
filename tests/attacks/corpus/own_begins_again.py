"""Own: a notebook that dies slowly, again and again."""

from attack_kit import Attack


def not_long(arena, outcome):
    """Beginning again does not multiply the time that one submission may take."""
    assert outcome.graded.result.seconds < arena.longest, outcome.graded.result.seconds


ATTACK = Attack(
    tries="spend nearly a cell's whole time and then end the process, in many cells, so that each is begun again",
    last=("time.sleep(1.2)\nos._exit(1)",) * 8,
    least={"*": 0},
    after=not_long,
)
