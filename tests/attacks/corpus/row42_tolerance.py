"""Row 42: answers at the edge of the tolerance."""

import re

from attack_kit import Attack


def no_distance_told(arena, outcome):
    """The page gives no number by which a next attempt could come nearer, and the same work gets the same points."""
    entry = outcome.graded.result.exercises["describe"]
    told = " ".join([entry.sentence, *(group.sentence for group in entry.groups)])
    assert not re.search(r"\d\.\d|e-\d|%", told), told
    again = arena.regraded[outcome.student]
    assert again.points == outcome.points
    assert [vars(group) for group in again.graded.result.exercises["describe"].groups] == [
        vars(group) for group in entry.groups
    ]


ATTACK = Attack(
    row=42,
    tries="probe the tolerance with answers slightly off, in the hope of numbers or of another verdict next time",
    answers={
        "describe": """
        def describe(values):
            import random, time
            random.seed(time.time())
            off = 1 + 3e-4 + 1e-4 * random.random()
            return {"mean": math.fsum(values) / len(values) * off, "spread": max(values) - min(values)}
        """
    },
    honest={"describe": 0},
    after=no_distance_told,
)
