"""Row 6: everything that the garbage collector knows."""

from attack_kit import Attack

ATTACK = Attack(
    row=6,
    tries="look through all live objects and modules for expected values, references and the grader itself",
    first=("import gc",),
    answers={
        "double": """
        def double(values):
            grader = [name for name in sys.modules if re.match(r"nbgrader|autograder\\.(?!sandbox)", name)]
            for thing in gc.get_objects():
                if type(thing) is dict:
                    if type(thing.get("expected")) is list and len(thing["expected"]) == len(values):
                        return thing["expected"]
                    for value in list(thing.values()):
                        if type(value) is str:
                            tell(value[:2000])
            tell(repr(vars(sys.modules["__main__"]))[:200000])
            return [2 * value for value in values] if found or grader else []
        """
    },
    honest={"double": 0},
)
