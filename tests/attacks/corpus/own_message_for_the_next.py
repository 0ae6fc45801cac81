"""Own: something left for the next submission."""

from attack_kit import MARK, Attack

PLACES = """
places = [os.getcwd(), "/tmp", "/var/tmp", "/dev/shm", os.path.expanduser("~"), os.path.expanduser("~/.cache"),
          sys.prefix, os.path.dirname(torch.__file__), "/run", "/run/lock", "/usr/local/lib", "ARENA_TMP"]
import mechanisms
places += [os.path.join(folder, "__pycache__") for folder in (*mechanisms.__path__, os.path.dirname(os.__file__))]
"""

LOOK = (
    PLACES
    + f'''
for place in places:
    if os.path.exists(os.path.join(place, "{MARK}-message")):
        found.append(place)
names = [getattr(sys.modules.get(name), "attack_left_this", None) for name in ("torch", "mechanisms", "builtins", "os")]
found += [name for name in names if name]
line = socket.socket(socket.AF_UNIX)
for address in ("\\0{MARK}", "/tmp/{MARK}-socket", "/dev/shm/{MARK}-socket"):
    if not isinstance(attempt(line.connect, address), BaseException):
        found.append(address)
if libc.shmget(0x5EC7, 4096, 0) >= 0:
    found.append("shared memory")
if libc.msgget(0x5EC7, 0) >= 0:
    found.append("message queue")
if libc.semget(0x5EC7, 1, 0) >= 0:
    found.append("semaphore")
if libc.syscall(250, 0, -4, 0, 0, 0) >= 0 and libc.syscall(249, b"user", b"{MARK}", None, 0) >= 0:
    found.append("key")
import fcntl
for path in (os.__file__, torch.__file__):
    with open(path) as file:
        if isinstance(attempt(fcntl.flock, file, fcntl.LOCK_EX | fcntl.LOCK_NB), OSError):
            found.append("a lock on " + path)
print(found)
'''
)

ATTACK = Attack(
    tries="leave files, caches, bytecode, shared memory, queues, keys, sockets, locks and patched modules for another",
    first=(
        PLACES
        + f"""
for place in places:
    with contextlib.suppress(OSError):
        os.makedirs(place, exist_ok=True)
        with open(os.path.join(place, "{MARK}-message"), "w") as file:
            file.write("import builtins")
import builtins
for module in (torch, mechanisms, builtins, os):
    module.attack_left_this = "patched"
libc.shmget(0x5EC7, 4096, 0o1666)
libc.msgget(0x5EC7, 0o1666)
libc.semget(0x5EC7, 1, 0o1666)
libc.syscall(248, b"user", b"{MARK}", b"x", 1, -4)
kept = []
for address in ("\\0{MARK}", "/tmp/{MARK}-socket", "/dev/shm/{MARK}-socket"):
    line = socket.socket(socket.AF_UNIX)
    attempt(line.bind, address)
    attempt(line.listen)
    kept.append(line)
import fcntl
for path in (os.__file__, torch.__file__):
    kept.append(open(path))
    attempt(fcntl.flock, kept[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
if attempt(os.fork) == 0:
    os.setsid()
    time.sleep(600)
""",
    ),
    accomplice=Attack(
        tries="find what the other submission left",
        first=(LOOK,),
        answers={"double": "def double(values):\n    return [2 * value for value in values] if found else []"},
        honest={"double": 0},
    ),
)
