"""An empty folder, and the course where a newcomer finds it: for walk-throughs that run the guides word by word.

- ``blocks`` takes the commands and the cells out of a guide, in their order;
- ``publish`` and ``git_finds``: ``git clone`` of the guide's address gives the files of this checkout;
- ``settle`` makes the environment that ``make setup`` would install (installing it is tested elsewhere), so that
  ``make setup`` finds nothing to do; ``NOTHING_IS_INSTALLED`` keeps pip from installing should it find something;
- ``free_ports`` and ``shell``: what a server of a test listens on, and what a new user's shell knows;
- ``Newcomer`` is somebody in an empty folder, ``Lab`` a JupyterLab that a guide's command has started;
- ``Kernel`` is that environment's own kernel, for the cells.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
import venv
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from jupyter_client.manager import KernelManager
from project_copy import copy_files

from mechanisms import address

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ROOT / "book" / "guides"
_BLOCK = re.compile(r"(?ms)^```(console|python)\n(.*?)^```$")
# The guides have the placeholder's addresses; building the book puts in the real ones.
_PLACES = {
    f"https://github.com/{address.PLACEHOLDER}/mechanisms": address.repository(),
    f"https://{address.PLACEHOLDER}.github.io/mechanisms": address.documentation(),
}
NOTHING_IS_INSTALLED = {"PIP_NO_INDEX": "1", "PIP_DRY_RUN": "1", "PIP_REQUIRE_VIRTUALENV": "1"}


def written(guide: str) -> str:
    """The text of a guide, with the addresses of this course as its built page has them."""
    text = (GUIDES / f"{guide}.md").read_text("utf-8")
    for placeholder, real in _PLACES.items():
        text = text.replace(placeholder, real)
    return text


def blocks(guide: str) -> list[tuple[str, str]]:
    """("console", one command) and ("python", one cell), in the order of the guide."""
    found = []
    for kind, text in _BLOCK.findall(written(guide)):
        if kind == "python":
            found.append((kind, text))
        else:
            found += [(kind, line.removeprefix("$ ")) for line in text.splitlines() if line.startswith("$ ")]
    return found


def publish(folder: Path) -> None:
    """A repository with the files of this checkout as they are now, changes that are not committed yet included."""
    copy_files(folder)
    git = ["git", "-c", "user.name=The course", "-c", "user.email=course@example.org"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "The course"]):
        subprocess.run([*git, *arguments], cwd=folder, check=True, capture_output=True)


def git_finds(origin: Path) -> dict[str, str]:
    """What git must know so that it finds the course's address in a folder of this computer."""
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{origin.as_uri()}.insteadOf",
            "GIT_CONFIG_VALUE_0": address.repository()}  # fmt: skip


def settle(checkout: Path) -> None:
    """What ``make setup`` would install into a checkout, as links to what is installed here, with its stamp."""
    place = checkout / ".venv"
    venv.create(place, with_pip=False, symlinks=True)
    paths = sysconfig.get_paths("venv", vars={"base": str(place), "platbase": str(place)})
    site = sysconfig.get_paths()["purelib"]
    Path(paths["purelib"], "course.pth").write_text(f"{checkout}\n{site}\n", "utf-8")
    for program in entry_points(group="console_scripts"):
        module, _, function = program.value.partition(" ")[0].partition(":")
        path = place / "bin" / program.name
        name = function.partition(".")[0]
        # As pip writes it: a process that the program starts imports the file once more.
        end = f"if __name__ == '__main__':\n    sys.exit({function}())"
        lines = (f"#!{place}/bin/python", "import sys", f"from {module} import {name}", end)
        if not path.exists():
            path.write_text("\n".join(lines) + "\n", "utf-8")
            path.chmod(0o755)
    # What Jupyter and nbgrader have outside of site-packages: pages, kernels, which extensions are switched on.
    (place / "share").symlink_to(Path(sys.prefix, "share"))
    shutil.copytree(Path(sys.prefix, "etc", "jupyter"), place / "etc" / "jupyter")
    stamp = (
        "import sys; sys.path.insert(0, 'tools'); import environment; "
        "environment.STAMP.write_text(environment.fingerprint(), 'utf-8')"
    )
    subprocess.run([sys.executable, "-c", stamp], cwd=checkout, check=True)


def free_ports(count: int) -> list[int]:
    """So many ports on which nothing listens. They are taken together, so that no two are the same."""
    socks = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in socks]
    for sock in socks:
        sock.close()
    return ports


def shell(home: Path, user: str) -> dict[str, str]:
    """What a new user's shell knows, and nothing of the tests'."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "HF_HUB_OFFLINE") if name in os.environ}
    theirs = {"HOME": str(home), "USER": user, "COLUMNS": "200", "JUPYTER_PLATFORM_DIRS": "1"}
    return kept | theirs | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"} | NOTHING_IS_INSTALLED


class Newcomer:
    """Somebody in an empty folder."""

    def __init__(self, root: Path):
        origin, self.here, self.home = root / "origin", root / "empty", root / "home"
        for folder in (origin, self.here, self.home):
            folder.mkdir()
        publish(origin)
        self.origin = origin
        self.checkout = self.here / "mechanisms"

    @property
    def progress(self) -> Path:
        """Where what they did is noted: the usual place, in their home folder."""
        return self.home / ".mechanisms" / "progress.json"

    def environment(self) -> dict[str, str]:
        """Their own home; git finds the course's address here; nothing reaches the network."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("MECHANISMS", "PYTHON", "PIP"))
        }
        quiet = {"JUPYTER_PLATFORM_DIRS": "1", "BROWSER": "true", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        known = git_finds(self.origin) | NOTHING_IS_INSTALLED
        return kept | known | quiet | {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / ".config")}

    def run(self, command: str, seconds: float = 300, ends_with: int = 0) -> str:
        """Run one command of a guide as a shell does; what it printed. Fails when it ends with another code."""
        folder = self.checkout if self.checkout.exists() else self.here
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=self.environment(), capture_output=True, text=True, timeout=seconds
        )
        assert done.returncode == ends_with, f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout

    def python(self) -> Path:
        """The environment's own Python."""
        return self.checkout / ".venv" / "bin" / "python"


class Lab:
    """A JupyterLab that somebody has started: the address and the token are those that it printed."""

    def __init__(self, log: Path, running: Callable[[], bool], seconds: float = 120):
        """Wait until it has printed where it is. Fails when it ends before that."""
        end = time.monotonic() + seconds
        address = re.compile(r"http://(?:localhost|127\.0\.0\.1):(\d+)/lab\S*token=(\w+)")
        found = None
        while not found and time.monotonic() < end and running():
            found = address.search(log.read_text("utf-8", "replace"))
            time.sleep(0.3)
        assert found, log.read_text("utf-8", "replace")[-2000:]
        self.address, self.token = f"http://127.0.0.1:{found[1]}", found[2]

    def get(self, path: str) -> str:
        """A page of it."""
        return self._ask(urllib.request.Request(self.address + path))

    def put(self, path: str, content: dict) -> str:
        """Change something, as a page of it does."""
        return self._ask(urllib.request.Request(self.address + path, json.dumps(content).encode(), method="PUT"))

    def _ask(self, request: urllib.request.Request) -> str:
        request.add_header("Authorization", f"token {self.token}")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read().decode("utf-8")


class Kernel:
    """The kernel that their notebook runs in."""

    def __init__(self, newcomer: Newcomer, folder: Path):
        self.manager = KernelManager()
        command = [str(newcomer.python()), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self.manager.kernel_spec.argv = command
        self.manager.start_kernel(cwd=str(folder), env=newcomer.environment())
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)

    def run(self, cell: str, seconds: float = 240) -> str:
        """Run a cell; everything that it showed as text and HTML, errors included."""
        shown = []

        def keep(message: dict) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                shown.append(content["text"])
            elif message["msg_type"] in ("display_data", "execute_result"):
                shown.extend(str(content["data"].get(kind, "")) for kind in ("text/plain", "text/html"))
            elif message["msg_type"] == "error":
                shown.append("\n".join(content["traceback"]))

        self.client.execute_interactive(cell, timeout=seconds, output_hook=keep)
        return "\n".join(shown)

    def close(self) -> None:
        """Stop it."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
