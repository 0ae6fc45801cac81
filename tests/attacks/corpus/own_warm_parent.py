"""Own: the warm parent that a submission was forked from."""

from attack_kit import TELLS, Attack

ATTACK = Attack(
    tries="find the warm parent: its socket among the descriptors, its pid, its files, its memory, its state",
    first=(
        """
        import gc

        import stat

        # One socket leads to the trusted side; any other would be the warm parent's.
        lines = set()
        for number in range(3, 1024):
            with contextlib.suppress(OSError):
                about = os.fstat(number)
                if stat.S_ISSOCK(about.st_mode):
                    lines.add(about.st_ino)
        if len(lines) > 1:
            found.append("another socket")
        print(len(lines), os.getppid(), os.getpid())
        if os.getppid() > 1 and os.path.isdir("/proc/1"):
            found.append("the parent is in sight")
        for name, module in list(sys.modules.items()):
            if name.startswith("autograder") and not name.startswith("autograder.sandbox") and name != "autograder":
                found.append(name)
        for thing in gc.get_objects():
            if type(thing) in (dict, list, tuple) and len(thing) < 2000:
                with contextlib.suppress(Exception):
                    for value in (thing.values() if type(thing) is dict else thing):
                        if type(value) is str:
                            tell(value)
        print(found)
        """,
    ),
    answers=TELLS,
    honest={"double": 0},
)
