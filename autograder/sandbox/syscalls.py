"""A filter on system calls for the process that runs a student's code, and the raw calls that Python lacks.

- ``install_filter`` refuses what no notebook needs: debugging other processes, mounting, new namespaces, kernel
  keys, io_uring, memory that no limit counts, and every kind of socket but local ones;
- ``call`` makes a system call by name and raises OSError; ``supported`` says whether this processor is known.

A refused call fails with an ordinary error, so honest code gets a Python exception and goes on.
The filter is classic BPF as `seccomp(2)` wants it; numbers are those of the kernel's tables.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

# name: (x86_64, aarch64); -1 where the architecture has no such call.
_NUMBERS = {
    "socket": (41, 198),
    "clone": (56, 220),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "ptrace": (101, 117),
    "syslog": (103, 116),
    "capset": (126, 91),
    "personality": (135, 92),
    "modify_ldt": (154, -1),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "acct": (163, 89),
    "mount": (165, 40),
    "umount2": (166, 39),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "init_module": (175, 105),
    "delete_module": (176, 106),
    "quotactl": (179, 60),
    "kexec_load": (246, 104),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "unshare": (272, 97),
    "perf_event_open": (298, 241),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "setns": (308, 268),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "finit_module": (313, 273),
    "memfd_create": (319, 279),
    "kexec_file_load": (320, 294),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "clone3": (435, 435),
    "pidfd_getfd": (438, 438),
    "mount_setattr": (442, 442),
    "memfd_secret": (447, 447),
}
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7), "arm64": (1, 0xC00000B7)}
# Refused with "no such call" where the C library then falls back on an older call, else with "not permitted".
_ABSENT = ("clone3", "memfd_create", "memfd_secret", "io_uring_setup")
# Handled by their arguments, or used before the filter stands.
_CONDITIONAL = ("socket", "clone")
_NEW_NAMESPACES = 0x7E020080  # every CLONE_NEW* flag
_AF_UNIX = 1

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCH, _FIRST_ARGUMENT = 0, 4, 16
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2

libc = ctypes.CDLL(None, use_errno=True)


def supported() -> bool:
    """Whether the numbers of this processor's system calls are known here."""
    return platform.machine() in _ARCHITECTURES


def call(name: str, *arguments: int | bytes | None) -> int:
    """Make the system call ``name``. Raises OSError."""
    column, _ = _ARCHITECTURES[platform.machine()]
    converted = [ctypes.c_long(value) if isinstance(value, int) else ctypes.c_char_p(value) for value in arguments]
    result = libc.syscall(ctypes.c_long(_NUMBERS[name][column]), *converted)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def prctl(option: int, *arguments: int) -> None:
    """`prctl(2)` with numbers. Raises OSError."""
    padded = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    if libc.prctl(ctypes.c_int(option), *padded) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl {option}: {os.strerror(number)}")


def program() -> bytes:
    """The filter as an array of `struct sock_filter`."""
    column, arch = _ARCHITECTURES[platform.machine()]
    steps = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if column == 0:  # the x32 calls of x86_64 would go round the numbers below
        steps += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _KILL)]
    for name, numbers in _NUMBERS.items():
        if numbers[column] < 0 or name in _CONDITIONAL:
            continue
        code = errno.ENOSYS if name in _ABSENT else errno.EPERM
        steps += [(_EQUAL, 0, 1, numbers[column]), (_RETURN, 0, 0, _ERROR | code)]
    steps += [
        (_EQUAL, 0, 4, _NUMBERS["clone"][column]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_ANY_BIT, 0, 1, _NEW_NAMESPACES),
        (_RETURN, 0, 0, _ERROR | errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
        (_EQUAL, 0, 4, _NUMBERS["socket"][column]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 1, 0, _AF_UNIX),
        (_RETURN, 0, 0, _ERROR | errno.EAFNOSUPPORT),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]


def install_filter() -> None:
    """Put the filter on this process and all its children, for good. Needs no_new_privs. Raises OSError."""
    code = program()
    header = _Program(len(code) // 8, code)
    prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(header))
