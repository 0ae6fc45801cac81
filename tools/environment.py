"""Sets up the virtual environment that every `make` target runs in.

- finds a Python from 3.11 to 3.13, or says in one sentence what to install;
- makes .venv, installs requirements.lock into it (progress shown), then this repository without its dependencies;
- remembers in .venv what it installed, so that it works again only after the lock or pyproject.toml changed;
- keeps pip's own words in .venv/install.log and shows the end of them when pip fails.

Runs on any Python 3 with nothing installed, hence the plain syntax and the standard library alone.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / ".installed"
LOG = VENV / "install.log"
OLDEST, NEWEST = (3, 11), (3, 13)
CANDIDATES = ("python3", "python3.13", "python3.12", "python3.11", "python")


class SetupError(Exception):
    """Setting up cannot go on; the message is the whole story."""


def supported(version):
    """Whether a (major, minor) pair is one the course is tested on."""
    return OLDEST <= tuple(version[:2]) <= NEWEST


def version_of(python):
    """The (major, minor) of an interpreter, or None when it does not run."""
    code = "import sys; print(sys.version_info[0], sys.version_info[1])"
    try:
        done = subprocess.run([str(python), "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
        major, minor = done.stdout.split()
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return int(major), int(minor)


def find_python(candidates=CANDIDATES):
    """The first supported interpreter among `candidates`. Raises SetupError when there is none."""
    found = []
    own = str(inside("python").parent)
    elsewhere = os.pathsep.join(part for part in os.environ.get("PATH", "").split(os.pathsep) if part != own)
    for name in candidates:
        path = shutil.which(name, path=elsewhere)
        version = version_of(path) if path else None
        if version and supported(version):
            return path
        if version:
            found.append("{} is {}.{}".format(name, *version))
    seen = "; ".join(found) or "no Python was found"
    raise SetupError(
        "The course needs Python 3.11, 3.12 or 3.13 ({}). Install one of them, or name it: "
        "make course PYTHON=/path/to/python3.12".format(seen)
    )


def fingerprint():
    """Changes whenever the environment would be set up differently."""
    digest = hashlib.sha256()
    for path in (LOCK, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    digest.update(str(VENV).encode())
    return digest.hexdigest()


def inside(name):
    """A program of the virtual environment."""
    return VENV / ("Scripts" if os.name == "nt" else "bin") / name


def make_venv(python):
    """Create .venv, replacing one that no longer runs or that has another version of Python."""
    version = version_of(inside("python"))
    if version and supported(version):
        return
    print("[1/3] Making the virtual environment .venv with {}".format(python), flush=True)
    done = subprocess.run(
        [str(python), "-m", "venv", "--clear", str(VENV)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        words = done.stdout.decode("utf-8", "replace").strip()
        raise SetupError(
            "{} cannot make a virtual environment. On Debian and Ubuntu: sudo apt install python3-venv. "
            "It said:\n{}".format(python, words)
        )


def pip(arguments, expected):
    """Run pip with a line of progress for each package it starts on. Raises SetupError when it fails."""
    live = sys.stdout.isatty()
    command = [str(inside("python")), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]
    started, count = time.monotonic(), 0
    process = subprocess.Popen(
        command + arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    with LOG.open("a", encoding="utf-8") as log, process.stdout:
        for line in process.stdout:
            log.write(line)
            if line.startswith(("Collecting ", "Requirement already satisfied: ")):
                count += 1
                name = line.replace("Requirement already satisfied:", "").replace("Collecting", "").split()[0]
                show(live, count, expected, name, started)
            elif expected > 1 and line.startswith("Installing collected packages"):
                end = "\n" if live else ""
                print("{}      unpacking them (the longest part)".format(end), flush=True)
    if process.wait():
        tail = "\n".join(LOG.read_text("utf-8").splitlines()[-15:])
        raise SetupError(
            "pip could not install the packages. Its last words (all of them are in {}):\n{}\n"
            "Is the network there, and at least 6 GB of disk? The same command goes on where this one "
            "stopped.".format(LOG.relative_to(ROOT), tail)
        )


def show(live, count, expected, name, started):
    """One line that is rewritten on a terminal, or one line for every fortieth package in a log."""
    words = "      {:3d} of {}  {:40.40s} {:4.0f} s".format(count, expected, name, time.monotonic() - started)
    if live:
        print("\r" + words, end="", flush=True)
    elif count % 40 == 0:
        print(words, flush=True)


def main():
    """Set up what is missing; silent and quick when nothing is."""
    if inside("python").exists() and STAMP.exists() and STAMP.read_text("utf-8") == fingerprint():
        return 0
    started = time.monotonic()
    try:
        named = os.environ.get("PYTHON", "")
        make_venv(find_python((named,) if named else CANDIDATES))
        LOG.write_text("", encoding="utf-8")
        locked = sum(1 for line in LOCK.read_text("utf-8").splitlines() if line and not line.startswith("#"))
        print("[2/3] Installing {} packages (two to ten minutes, once)".format(locked), flush=True)
        pip(["-r", str(LOCK)], locked)
        print("[3/3] Installing the course itself", flush=True)
        pip(["--no-deps", "-e", str(ROOT)], 1)
        STAMP.write_text(fingerprint(), encoding="utf-8")
    except SetupError as problem:
        print("\n{}".format(problem), file=sys.stderr)
        return 1
    print("Ready after {:.0f} s.".format(time.monotonic() - started), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
