"""Turning a fork of the warm parent into a process that can reach nothing.

- ``Plan`` says what the sandbox sees: folders to read, folders to cover, limits;
- ``enter`` is called in the fork and returns only in the process that may run a student's code; between the two
  stand a *guard* outside the new process namespace, which ends everything when it is told to or when the warm
  parent dies, and an *init* inside it, which collects what is left over;
- the file system is built from nothing: a read-only tree with Python and its packages, three small temporary file
  systems, six devices, and a /proc that shows the submission alone;
- users, processes, network, mounts, IPC, host name and cgroups are namespaces of their own; the process has no
  capability, cannot get one, and has a filter on its system calls (`syscalls`).

Works without root through a user namespace. Started by root it uses no user namespace but becomes an ordinary
user that owns nothing, with a number of its own, so that two submissions at once cannot touch each other either.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import select
import signal
import socket
import stat
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from autograder.sandbox import wire
from autograder.sandbox.limits import Limits
from autograder.sandbox.start import HOME
from autograder.sandbox.syscalls import call, install_filter, libc, prctl

_UID_INSIDE = 1000
_UID_BASE = 2_000_000_000  # far from any real account; the process number is added
_DEVICES = ("null", "zero", "full", "random", "urandom")
_ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "fonts", "mime.types", "ssl/openssl.cnf")

_NEWNS, _NEWCGROUP, _NEWUTS, _NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
_NEWUSER, _NEWPID, _NEWNET = 0x10000000, 0x20000000, 0x40000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 32, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP = 1, 4, 24
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
_CAPABILITIES_VERSION = 0x20080522


@dataclass(frozen=True)
class Plan:
    """What a sandbox sees.

    ``root`` is an empty folder outside, where the new tree is put together; ``readable`` lists files and folders that
    appear at their own place, read-only; ``covered`` lists folders below them that appear empty.
    """

    root: str
    readable: tuple[str, ...]
    covered: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)

    def as_json(self) -> dict[str, Any]:
        """The plan as plain data."""
        return asdict(self)


def plan_from(data: dict[str, Any]) -> Plan:
    """The plan that ``Plan.as_json`` made ``data`` of."""
    limits = Limits(**data["limits"])
    return Plan(data["root"], tuple(data["readable"]), tuple(data["covered"]), limits)


def enter(plan: Plan, keep: int) -> None:
    """Give up everything but the file descriptor ``keep``; returns in the isolated process only.

    Raises OSError when the machine refuses new namespaces; any later failure ends the process and becomes the
    session's first message (`refuse`). Nothing of a student's has run by then.
    """
    _only(keep)
    os.setsid()
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    by_root = os.geteuid() == 0
    outside_uid, outside_gid = os.geteuid(), os.getegid()
    flags = _NEWNS | _NEWPID | _NEWNET | _NEWIPC | _NEWUTS | _NEWCGROUP
    call("unshare", flags if by_root else flags | _NEWUSER)
    if not by_root:
        _map_user(outside_uid, outside_gid)
    uid = _UID_BASE + os.getpid() if by_root else _UID_INSIDE
    alive, hold = os.pipe()
    init = os.fork()
    if init:
        os.close(keep)
        os.close(alive)
        _guard(init)
    os.close(hold)
    try:
        _init_dies_with(alive)
        _build(plan, uid)
        # The program's name on the host says what runs here, not who.
        libc.sethostname(b"notebook", 8)
        os.close(alive)
        student = os.fork()
        if student:
            os.close(keep)
            _collect(student)
        _drop(plan.limits, uid, by_root)
    except BaseException as error:  # anything at all: the student's code must not run in a half-made sandbox
        refuse(keep, error)


def refuse(keep: int, error: BaseException) -> None:
    """Tell the trusted side why there is no sandbox, as the first message of the session, and end."""
    with contextlib.suppress(wire.WireError, OSError):
        wire.send(socket.socket(fileno=keep), {"failed": f"{type(error).__name__}: {error}"[:500]})
    os._exit(70)


def _only(keep: int) -> None:
    """Close every file descriptor but ``keep``; the first three lead nowhere."""
    os.set_inheritable(keep, False)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    top = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    top = 1 << 16 if top == resource.RLIM_INFINITY else min(top, 1 << 16)
    os.closerange(3, keep)
    os.closerange(keep + 1, max(top, keep + 2))


def _map_user(uid: int, gid: int) -> None:
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{_UID_INSIDE} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{_UID_INSIDE} {gid} 1")


def _guard(init: int) -> None:
    """Outside the process namespace: wait for its init, or kill it (and with it everything inside) on SIGTERM."""

    def end(*_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(init, signal.SIGKILL)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(init, 0)
    os._exit(0)


def _init_dies_with(alive: int) -> None:
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The guard may have died just before: then its end of the pipe is closed.
    if select.select([alive], [], [], 0)[0]:
        os._exit(70)


def _collect(student: int) -> None:
    """The init of the namespace: collect orphans until nothing is left."""
    _drop_capabilities()
    prctl(_PR_SET_DUMPABLE, 0)
    # The end of the first process does not end the others: its snapshots still have questions to answer.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            os._exit(0)


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    result = libc.mount(source.encode(), target.encode(), kind.encode() or None, flags, data.encode() or None)
    if result < 0:
        import ctypes

        number = ctypes.get_errno()
        raise OSError(number, f"mounting {source or kind} at {target}: {os.strerror(number)}")


def _read_only(path: str) -> None:
    """Make a mount and all below it read-only, without set-user-id programs and devices."""
    attributes = (_ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV).to_bytes(8, "little") + bytes(24)
    call("mount_setattr", _AT_FDCWD, path.encode(), _AT_RECURSIVE, attributes, 32)


def _temporary(path: str, uid: int, size: int, files: int) -> None:
    os.makedirs(path, exist_ok=True)
    options = f"mode=700,uid={uid},gid={uid},size={size},nr_inodes={files}"
    _mount("tmpfs", path, "tmpfs", _MS_NOSUID | _MS_NODEV, options)


def _build(plan: Plan, uid: int) -> None:
    """Put the new tree together, move into it and let go of the old one."""
    _mount("none", "/", "", _MS_REC | _MS_PRIVATE)
    new = plan.root
    _mount("tmpfs", new, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755,size=1m,nr_inodes=4000")
    share = max(4096, plan.limits.scratch // 4)
    # Before the folders to read: the course itself may lie below /tmp.
    _temporary(f"{new}/tmp", uid, share, plan.limits.files // 4)
    for source in plan.readable:
        _bind(source, new + source)
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        _system_folder(f"/{name}", new)
    for name in _ETC:
        if os.path.exists(f"/etc/{name}"):
            _bind(f"/etc/{name}", f"{new}/etc/{name}")
    for path in plan.covered:
        if os.path.isdir(new + path):
            _mount("tmpfs", new + path, "tmpfs", _MS_NOSUID | _MS_NODEV | _MS_RDONLY, "mode=755,size=4k")
    _write(f"{new}/etc/passwd", f"student:x:{uid}:{uid}:student:{HOME}:/bin/sh\n")
    _write(f"{new}/etc/group", f"student:x:{uid}:\n")
    _write(f"{new}/etc/hosts", "127.0.0.1 localhost notebook\n")
    _write(f"{new}/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")
    os.makedirs(f"{new}/dev")
    for name in _DEVICES:
        _bind(f"/dev/{name}", f"{new}/dev/{name}", read_only=False)
    for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(f"/proc/self/{target}", f"{new}/dev/{name}")
    _temporary(f"{new}/dev/shm", uid, share, plan.limits.files // 4)
    _temporary(f"{new}{HOME}", uid, plan.limits.scratch // 2, plan.limits.files // 2)
    os.makedirs(f"{new}/proc", exist_ok=True)
    with contextlib.suppress(PermissionError):  # a container that hides parts of /proc forbids a new one: none, then
        _mount("proc", f"{new}/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
        _cover_kernel_settings(f"{new}/proc")
    _mount("", new, "", _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV)
    os.chdir(new)
    # Both names may be the same folder: the old root then lies on top of the new one and is taken away.
    call("pivot_root", b".", b".")
    if libc.umount2(b".", _MNT_DETACH) < 0:
        raise OSError(errno.EPERM, "the old file system could not be taken away")
    os.chdir(HOME)


def _cover_kernel_settings(proc: str) -> None:
    for name in ("sys", "irq", "bus", "fs", "acpi", "scsi"):
        if os.path.isdir(f"{proc}/{name}"):
            with contextlib.suppress(OSError):
                _mount("tmpfs", f"{proc}/{name}", "tmpfs", _MS_NOSUID | _MS_NODEV | _MS_RDONLY, "mode=755,size=4k")
    for name in ("kcore", "keys", "timer_list", "sysrq-trigger", "kallsyms", "sched_debug"):
        if os.path.exists(f"{proc}/{name}"):
            with contextlib.suppress(OSError):
                _mount("/dev/null", f"{proc}/{name}", "", _MS_BIND)


def _bind(source: str, target: str, read_only: bool = True) -> None:
    if stat.S_ISDIR(os.stat(source).st_mode):
        os.makedirs(target, exist_ok=True)
    elif not os.path.lexists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        _write(target, "")
    _mount(source, target, "", _MS_BIND | _MS_REC)
    if read_only:
        _read_only(target)


def _system_folder(path: str, new: str) -> None:
    """/lib and its like: links on most systems, folders on some."""
    if os.path.islink(path):
        os.symlink(os.readlink(path), new + path)
    elif os.path.isdir(path):
        _bind(path, new + path)


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def _drop(limits: Limits, uid: int, by_root: bool) -> None:
    """Become the student: another user, no rights, limits, the filter. The last step before a student's code."""
    if by_root:
        os.setgroups([])
        _drop_bounding_set()
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    _limit(limits)
    _drop_capabilities()
    os.umask(0o077)
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    install_filter()


def _limit(limits: Limits) -> None:
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if _has_proc() else 0
    space = (mapped or 16 << 30) + limits.memory
    seconds = int(limits.total_seconds) + 5
    for what, value in (
        (resource.RLIMIT_AS, space),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, limits.scratch),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_NPROC, limits.processes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_MEMLOCK, 65_536),
        (resource.RLIMIT_RTPRIO, 0),
        (resource.RLIMIT_NICE, 0),
        (resource.RLIMIT_SIGPENDING, 256),
    ):
        _, hard = resource.getrlimit(what)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (value, value))


def _has_proc() -> bool:
    return os.path.exists("/proc/self/statm")


def _drop_bounding_set() -> None:
    for number in range(64):
        try:
            prctl(_PR_CAPBSET_DROP, number)
        except OSError:
            return


def _drop_capabilities() -> None:
    with contextlib.suppress(OSError):
        prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    _drop_bounding_set()
    header = _CAPABILITIES_VERSION.to_bytes(4, "little") + bytes(4)
    call("capset", header, bytes(24))
