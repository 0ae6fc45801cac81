"""Own: a later cell that changes an earlier verdict."""

from attack_kit import RIGHT, Attack

ATTACK = Attack(
    tries="pass the check with a wrong function and mend it afterwards: code object, closure, globals, defaults",
    answers={
        "double": "table = {'f': lambda value: value}\ndef double(values):\n    return [table['f'](v) for v in values]",
        "describe": "def describe(values, wrong=True):\n    return {'mean': 0.0, 'spread': 0.0}",
    },
    last=(
        "table['f'] = lambda value: 2 * value",
        RIGHT["describe"].replace("def describe", "def better") + "\ndescribe.__code__ = better.__code__",
    ),
    honest={"double": 0, "describe": 0},
)
