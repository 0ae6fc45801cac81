"""Own: interfaces of the kernel that no notebook needs."""

from attack_kit import TELLS, Attack

ATTACK = Attack(
    tries="io_uring, userfaultfd, bpf, perf events, keys, file handles, memfd programs, module loading, 32-bit calls",
    first=(
        """
        import platform

        calls = {"x86_64": {"io_uring_setup": 425, "userfaultfd": 323, "bpf": 321, "perf_event_open": 298,
                            "add_key": 248, "keyctl": 250, "open_by_handle_at": 304, "finit_module": 313,
                            "memfd_create": 319, "process_vm_readv": 310, "kexec_load": 246, "fsopen": 430,
                            "open_tree": 428, "clone3": 435, "pidfd_getfd": 438, "memfd_secret": 447, "setns": 308}}
        errors = {}
        for name, number in calls.get(platform.machine(), {}).items():
            area = ctypes.create_string_buffer(4096)
            result = libc.syscall(number, area, 1, area, 0, 0, 0)
            errors[name] = ctypes.get_errno()
            # "Not permitted" (1) or "no such call" (38): anything else was looked at by the kernel.
            if result >= 0 or errors[name] not in (1, 38):
                found.append(name)
        for family, kind in ((2, 3), (16, 3), (17, 3), (38, 5), (40, 1), (31, 3), (29, 3), (2, 1), (10, 1)):
            line = attempt(socket.socket, family, kind)
            if not isinstance(line, BaseException):
                found.append(f"socket {family}")
        print(errors, found)
        """,
    ),
    answers=TELLS,
    honest={"double": 0},
)
