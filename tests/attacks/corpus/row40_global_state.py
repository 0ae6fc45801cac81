"""Row 40: changed global state."""

from attack_kit import Attack

ATTACK = Attack(
    row=40,
    tries="change inputs in place, seeds, default dtype, gradient mode, threads, cwd, locale and recursion limit",
    first=("import random, numpy, locale, decimal",),
    answers={
        "double": """
        def double(values):
            result = [abs(2 * value) for value in values]
            values.clear()
            torch.set_default_dtype(torch.float64)
            torch.set_grad_enabled(False)
            torch.set_num_threads(7)
            torch.set_flush_denormal(True)
            torch.use_deterministic_algorithms(True)
            numpy.seterr(all="raise")
            random.seed(1)
            numpy.random.seed(1)
            torch.manual_seed(1)
            sys.setrecursionlimit(60)
            os.chdir("/")
            os.environ.clear()
            os.umask(0o777)
            sys.path.clear()
            return result
        """
    },
    honest={"double": 3},
)
