"""Row 32: magics and the shell."""

from attack_kit import MARK, TELLS, Attack

ATTACK = Attack(
    row=32,
    tries="run the shell by !, %%bash, %run, %pip, %load_ext, %cd and os.system",
    first=(
        f"!cat /etc/hostname ARENA_COURSE/secret; touch /tmp/{MARK}-shell",
        f"%%bash\ncat ARENA_COURSE/secret\ntouch /tmp/{MARK}-bash",
        "%run ARENA_ROOT/solutions/91_arena.py",
        "%pip install --quiet attack-left-this",
        "%load_ext autoreload",
        "%cd ARENA_COURSE",
        f"os.system('touch ARENA_COURSE/{MARK}-system')\nattempt(get_ipython)",
        "with contextlib.suppress(OSError):\n"
        "    tell(subprocess.run(['cat', 'ARENA_COURSE/secret'], capture_output=True).stdout)",
    ),
    answers=TELLS,
    honest={"double": 0},
)
