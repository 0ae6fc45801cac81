"""What the setup cell of a notebook runs: the small libraries that are missing, and nothing that is already there.

- ``complete()`` asks the course's own metadata what a notebook needs, and installs what is absent, if anything is;
- every library of the session is held at its version while it does so: a hosted notebook has torch, numpy and
  transformers loaded already, and one that is replaced under a running session breaks it;
- a Python without PyTorch is no hosted session but the wrong kernel: that is said, and gigabytes are not installed;
- what is too old is said in a sentence with the way out; nothing is ever upgraded;
- MECHANISMS_INSTALL=off forbids it, for a hub whose administrator installs, and where work is graded.

Needs the standard library and pip alone, since it runs when the rest is not there yet.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distributions, requires, version
from pathlib import Path

from mechanisms.address import requirement
from mechanisms.errors import CourseError

DISTRIBUTION = "mechanisms-course"
EXTRAS = ("vision",)
# Never replaced, whatever else has to give way: they are loaded before the first cell of a hosted notebook runs.
KEPT = ("torch", "torchvision", "torchaudio", "numpy", "transformers", "tokenizers", "safetensors", "jax", "tensorflow")
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)\s*(\[[^\]]*\])?\s*([^;]*)(?:;(.*))?$")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")
# Others, which old packages have, mean nothing to pip as a constraint.
_VERSION = re.compile(r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[A-Za-z0-9.]+)?")
_LOWEST = re.compile(r">=\s*([0-9][0-9.]*)")


@dataclass(frozen=True)
class Need:
    """One library that the notebooks use: its name, the whole requirement, and the oldest version that will do."""

    name: str
    requirement: str
    lowest: str = ""

    @property
    def installed(self) -> str:
        """The installed version, or an empty text."""
        try:
            return version(self.name)
        except PackageNotFoundError:
            return ""

    @property
    def too_old(self) -> bool:
        return bool(self.installed and self.lowest and numbers(self.installed) < numbers(self.lowest))


def numbers(text: str) -> tuple[int, ...]:
    """The release of a version for comparisons: "2.13.0+cpu" as (2, 13), without zeros at the end."""
    found = [int(part) for part in re.match(r"[0-9.]*", text).group().strip(".").split(".") if part]
    while found and found[-1] == 0:
        found.pop()
    return tuple(found)


def needs(extras: Iterable[str] = EXTRAS) -> list[Need]:
    """What a student's notebooks need, by the metadata of the installed course; nothing where it has none, as in a
    checkout that is not installed."""
    try:
        lines = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        return []
    found = []
    for line in lines:
        name, _, specifier, marker = _REQUIREMENT.match(line).groups()
        extra = _EXTRA.search(marker or "")
        if extra is None or extra.group(1) in extras:
            lowest = _LOWEST.search(specifier)
            found.append(Need(name, f"{name}{specifier.strip()}", lowest.group(1) if lowest else ""))
    return found


def complete(extras: Iterable[str] = EXTRAS) -> None:
    """Install what is missing of the libraries that the notebooks use; silent when nothing is.

    Raises CourseError, one sentence that says what to do, when something is too old or pip cannot do it.
    """
    if os.environ.get("MECHANISMS_INSTALL", "").strip().lower() in ("off", "no", "0"):
        return
    wanted = needs(extras)
    missing = [need for need in wanted if not need.installed]
    old = [need for need in wanted if need.too_old]
    if old:
        names = " ".join(f'"{need.requirement}"' for need in old)
        has = ", ".join(f"{need.name} {need.installed}" for need in old)
        raise CourseError(
            f"This Python has {has}, which is too old for the course. Run %pip install -U {names} in a cell of "
            "its own, restart the session, and run the setup cell again.",
            page="kernel-has-older-libraries",
        )
    if not missing:
        return
    if any(need.name == "torch" for need in missing):
        raise CourseError(
            f"This Python ({sys.executable}) has no PyTorch, so it is hardly the one that has the course. "
            "Choose that one as the notebook's kernel. Or, to install everything into this one, which takes gigabytes, "
            f'run %pip install "{requirement(*extras)}" in a cell of its own.',
            page="package-not-found",
        )
    started = time.monotonic()
    print(f"Installing what is missing, with what it needs: {', '.join(need.name for need in missing)}.")
    words = _install([need.requirement for need in missing])
    if words:
        raise CourseError(
            f"pip could not install {', '.join(need.name for need in missing)} without replacing a library that this "
            f"session uses, or it has no internet. Its last words: {words}",
            page="package-not-found",
        )
    importlib.invalidate_caches()
    print(f"Ready after {time.monotonic() - started:.0f} s. torch, numpy and transformers are as they were.")


def _install(requirements: list[str]) -> str:
    """Run pip with every installed library held, then, if it must be, with those held that a session has loaded.

    Returns an empty text, or the end of what pip said.
    """
    words = ""
    for held in (installed(), loaded()):
        with tempfile.TemporaryDirectory(prefix="mechanisms-") as folder:
            constraints = Path(folder) / "constraints.txt"
            constraints.write_text("".join(f"{name}=={number}\n" for name, number in sorted(held.items())), "utf-8")
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            done = subprocess.run(
                [*command, "--no-input", "--constraint", str(constraints), *requirements],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", stdin=subprocess.DEVNULL,
            )  # fmt: skip
        if done.returncode == 0:
            return ""
        words = " ".join(done.stdout.split())[-400:] or f"it ended with code {done.returncode}"
    return words


def installed() -> dict[str, str]:
    """Every installed library with its version; the one that is imported counts when there are two."""
    found: dict[str, str] = {}
    for one in distributions():
        name = (one.metadata["Name"] or "") if one.metadata else ""
        if name and _VERSION.fullmatch(one.version or "") and name.lower() not in map(str.lower, found):
            found[name] = one.version
    return found


def loaded() -> dict[str, str]:
    """Those of them that this session has imported, and ``KEPT``."""
    roots = {name.partition(".")[0].replace("_", "-").lower() for name in list(sys.modules)}
    return {
        name: number
        for name, number in installed().items()
        if name.lower().replace("_", "-") in roots or name.lower() in KEPT
    }
