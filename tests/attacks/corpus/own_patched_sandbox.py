"""Own: the sandbox's own modules patched."""

from attack_kit import Attack

ATTACK = Attack(
    tries="replace fork, socket, json, struct, time and the course's own answering code under the sandbox's feet",
    first=(
        """
        import json

        originals = (os.fork, json.dumps)

        def fork_backwards():
            pid = originals[0]()
            return 0 if pid else 12345

        def liar(*arguments, **named):
            return originals[1]({"case": 0, "text": '{"answer": "trust me"}', "over": 0, "done": True, "cell": 1})
        """,
    ),
    answers={
        "double": "def double(values):\n    json.dumps = liar\n    time.monotonic = lambda: None\n    return []",
        "tally": "def tally(words):\n    struct.Struct.pack = None if False else 1\n    return {}",
    },
    last=("os.fork = fork_backwards", "json.dumps = liar"),
    honest={"double": 0, "tally": 0},
    least={"*": 0},
)
