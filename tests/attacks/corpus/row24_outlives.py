"""Row 24: a process that outlives the grading."""

from attack_kit import MARK, Attack

ATTACK = Attack(
    row=24,
    tries="leave daemons, nohup children, exit handlers and finalisers that act after the grading",
    first=(
        f"""
        import atexit

        LATER = "import time, os\\nwhile True:\\n    time.sleep(0.2)\\n    open('{MARK}-daemon', 'a').write('x')"

        def daemon():
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    for number in range(3):
                        attempt(os.close, number)
                    os.chdir("/tmp")
                    os.execv(sys.executable, [sys.executable, "-c", LATER])
                os._exit(0)

        attempt(daemon)
        attempt(subprocess.Popen, [sys.executable, "-c", LATER], start_new_session=True)
        attempt(os.system, "nohup sleep 600 >/dev/null 2>&1 &")

        class Last:
            def __del__(self):
                attempt(daemon)
                attempt(lambda: open("/tmp/{MARK}-finaliser", "w").write("x"))

        kept = Last()
        cycle = [Last()]
        cycle.append(cycle)
        atexit.register(daemon)
        atexit.register(lambda: open("/tmp/{MARK}-exit", "w").write("x"))
        """,
    ),
    answers={"double": "def double(values):\n    attempt(daemon)\n    return [2 * value for value in values]"},
)
