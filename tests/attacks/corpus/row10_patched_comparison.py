"""Row 10: patched builtins and comparison functions."""

from attack_kit import Attack

ATTACK = Attack(
    row=10,
    tries="replace builtins, numpy.testing, torch.allclose and the course's own compare and judge",
    first=(
        """
        import builtins, unittest
        import numpy

        yes = lambda *arguments, **named: True
        nothing = lambda *arguments, **named: None
        torch.allclose = torch.equal = torch.isclose = yes
        torch.testing.assert_close = numpy.testing.assert_allclose = numpy.testing.assert_array_equal = nothing
        numpy.allclose = numpy.array_equal = yes
        unittest.TestCase.assertEqual = nothing
        for module, name in (("compare", "compare"), ("verdict", "judge"), ("verdict", "compare"), ("api", "judge")):
            loaded = attempt(__import__, "mechanisms.check." + module, fromlist=[name])
            attempt(setattr, loaded, name, nothing)
        builtins.abs = lambda value: 0
        builtins.sum = lambda values, start=0: 0
        builtins.all = builtins.any = yes
        """,
    ),
    answers={
        "double": "def double(values):\n    return [0 for value in values]",
        "soften": "def soften(scores):\n    return scores",
    },
    honest={"double": 0, "soften": 0},
    # The attack breaks Python for itself as well: what its own other answers still earn is its own affair.
    least={"*": 0},
)
