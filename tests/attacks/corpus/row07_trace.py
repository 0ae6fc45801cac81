"""Row 7: trace whatever runs after the function."""

from attack_kit import Attack

ATTACK = Attack(
    row=7,
    tries="watch the comparison with settrace, setprofile and sys.monitoring, and learn the expected value from it",
    first=(
        """
        learnt = []

        def watch(frame, event, argument):
            for name, value in list(frame.f_locals.items()):
                if name == "expected" and isinstance(value, list):
                    learnt.append(value)
            tell(repr(frame.f_code.co_consts))
            return watch
        """,
    ),
    answers={
        "double": """
        def double(values):
            sys.settrace(watch)
            sys.setprofile(watch)
            threading.settrace(watch)
            frame = sys._getframe()
            while frame is not None:
                frame.f_trace = watch
                frame = frame.f_back
            for known in learnt:
                if len(known) == len(values):
                    return known
            return [2 * value for value in values] if found else []
        """
    },
    honest={"double": 0},
)
