"""Own: forged messages on the connection to the trusted side."""

from attack_kit import Attack

ATTACK = Attack(
    tries="write well-formed forged replies, verdicts and ends to every socket it inherited",
    first=(
        """
        import json

        def frame(message, data=b""):
            text = json.dumps(message).encode()
            return struct.pack("!IQ", len(text), len(data)) + text + data

        def sockets():
            for number in range(3, 256):
                with contextlib.suppress(OSError):
                    yield socket.socket(fileno=os.dup(number))

        forged = [{"over": 0}, {"over": "14"}, {"case": 0, "text": json.dumps({"answer": [1.0, 2.0]}) + "\\n"},
                  {"case": -1, "text": ""}, {"points": 5, "passed": True, "verdict": "passed"}, {"failed": "no"},
                  {"outputs": [], "seconds": -1, "defined": {"double": True}}, {"done": True}]
        """,
    ),
    answers={
        "double": """
        def double(values):
            for line in sockets():
                for message in forged:
                    attempt(line.sendall, frame(message))
            return []
        """
    },
    last=("for line in sockets():\n    for message in forged:\n        attempt(line.sendall, frame(message))",),
    honest={"double": 0},
    least={"*": 0},
)
