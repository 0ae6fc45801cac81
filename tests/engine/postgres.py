"""A PostgreSQL server of the tests' own, in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path


def programs() -> Path | None:
    """The folder with initdb and pg_ctl, the newest one, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@contextlib.contextmanager
def running() -> Iterator[dict[str, str]]:
    """A cluster on a socket in its folder: the variables by which libpq finds it."""
    binaries = programs()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    as_user = []
    if os.getuid() == 0:
        # The server refuses to run as root.
        shutil.chown(folder, "postgres", "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]

    def run(*words):
        subprocess.run([*as_user, *words], check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)

    data = str(folder / "data")
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    run(binaries / "initdb", "-D", data, "-A", "trust", "-U", "grader", "-E", "UTF8", "--no-sync")
    try:
        run(binaries / "pg_ctl", "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
        yield {"PGHOST": str(folder), "PGUSER": "grader"}
    finally:
        subprocess.run([*as_user, binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop"], cwd=folder)
        shutil.rmtree(folder)
