"""Row 11: a kernel that forges its replies."""

from attack_kit import Attack

ATTACK = Attack(
    row=11,
    tries="patch do_execute, run_cell and the display hook, and answer the grader with forged replies",
    first=(
        """
        forged = {"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}, "points": 5.0}

        def lie(*arguments, **named):
            return forged

        shell = attempt(lambda: get_ipython())
        for name in ("run_cell", "run_cell_async", "run_code", "run_ast_nodes"):
            if hasattr(shell, name) and name.startswith("run_ast"):
                setattr(shell, name, lie)
        kernel = getattr(shell, "kernel", None)
        for name in ("do_execute", "execute_request", "send_response"):
            if kernel is not None:
                setattr(kernel, name, lie)
        sys.displayhook = lambda value: print("Out[1]: 5.0")
        for name, module in list(sys.modules.items()):
            if name.startswith("mechanisms.check"):
                for function in ("answer", "judge", "read_answers"):
                    if hasattr(module, function):
                        attempt(setattr, module, function, lie)
        """,
    ),
    answers={"double": "def double(values):\n    return values"},
    honest={"double": 0},
    least={"*": 0},
)
