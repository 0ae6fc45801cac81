"""Row 21: the network."""

from attack_kit import TELLS, Attack

ATTACK = Attack(
    row=21,
    tries="reach a server on this machine or outside by TCP, UDP, IPv6 and raw sockets",
    first=(
        """
        targets = [("127.0.0.1", ARENA_PORT), ("localhost", ARENA_PORT), ("::1", ARENA_PORT), ("192.0.2.1", 53)]
        for host, port in targets:
            with contextlib.suppress(OSError):
                with socket.create_connection((host, port), timeout=0.3) as line:
                    line.sendall(b"hidden cases, please")
                    tell(line.recv(1000))
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.settimeout(0.3)
            line.sendto(b"hidden cases, please", ("127.0.0.1", ARENA_PORT))
            tell(line.recv(1000))
        print(found)
        """,
    ),
    answers=TELLS,
    honest={"double": 0},
    control=True,
)
