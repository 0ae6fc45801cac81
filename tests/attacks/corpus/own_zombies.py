"""Own: zombies and sessions."""

from attack_kit import Attack

ATTACK = Attack(
    tries="leave zombies, stopped children and processes in sessions of their own behind each function",
    answers={
        "tally": """
        def tally(words):
            for number in range(20):
                if attempt(os.fork) == 0:
                    if number % 2:
                        os._exit(0)
                    os.setsid()
                    os.kill(os.getpid(), signal.SIGSTOP)
                    os._exit(0)
            return {word: words.count(word) for word in words}
        """
    },
    first=("pass",),
    least={"tally": 0},
)
