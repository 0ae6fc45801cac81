"""Writing files so that a failure loses nothing.

- ``atomic_write`` writes beside the target and renames at the end: readers see the old file or the new one, never half;
- a full disk raises ``DiskFull``, any other refusal ``CannotWrite``; the old file stays and no temporary file remains.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path

from mechanisms.errors import CannotWrite, DiskFull

FULL = {errno.ENOSPC, errno.EDQUOT}


def atomic_write(path: str | os.PathLike, data: bytes | str) -> Path:
    """Replace the file at ``path`` by ``data`` (text is written as UTF-8, line ends untouched) and return its path.

    A link is followed, and an existing file keeps its permissions.
    Raises DiskFull or CannotWrite; then the old file is as it was.
    """
    target = Path(os.path.realpath(path))
    content = data.encode("utf-8") if isinstance(data, str) else bytes(data)
    temporary = target.with_name(f".{target.name[:80]}.{secrets.token_hex(6)}.part")
    try:
        _write(temporary, content)
        with contextlib.suppress(FileNotFoundError):
            os.chmod(temporary, target.stat().st_mode & 0o7777)
        os.replace(temporary, target)
    except OSError as error:
        if error.errno in FULL:
            raise DiskFull(
                f"The disk is full: {target} could not be written ({len(content):,} bytes); "
                "free some space and try again. Nothing was lost."
            ) from None
        raise CannotWrite(f"{target} could not be written: {error.strerror or error}.") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    return target


def _write(path: Path, content: bytes) -> None:
    """Write a new file and wait until it is on the disk, so that the rename never precedes the content."""
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
