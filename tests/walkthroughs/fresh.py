"""An empty folder, and the course where a newcomer finds it: for walk-throughs that run the guides word by word.

- ``blocks`` takes the commands and the cells out of a guide, in their order;
- ``Newcomer`` is somebody in an empty folder: ``git clone`` of the guide's address gives the files of this checkout,
  and the environment that ``make setup`` would install is there already (installing it is tested elsewhere);
- ``Kernel`` is that environment's own kernel, for the cells.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
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
_PROGRAMS = {"jupyter": "jupyter_core.command", "jupyter-lab": "jupyterlab.labapp", "autograder": "autograder.cli"}


def blocks(guide: str) -> list[tuple[str, str]]:
    """("console", one command) and ("python", one cell), in the order of the guide."""
    found = []
    written = (GUIDES / f"{guide}.md").read_text("utf-8")
    for placeholder, real in _PLACES.items():
        written = written.replace(placeholder, real)
    for kind, text in _BLOCK.findall(written):
        if kind == "python":
            found.append((kind, text))
        else:
            found += [(kind, line.removeprefix("$ ")) for line in text.splitlines() if line.startswith("$ ")]
    return found


def _publish(folder: Path) -> None:
    """A repository with the files of this checkout as they are now, changes that are not committed yet included."""
    copy_files(folder)
    git = ["git", "-c", "user.name=The course", "-c", "user.email=course@example.org"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "The course"]):
        subprocess.run([*git, *arguments], cwd=folder, check=True, capture_output=True)


class Newcomer:
    """Somebody in an empty folder."""

    def __init__(self, root: Path):
        origin, self.here, self.home = root / "origin", root / "empty", root / "home"
        for folder in (origin, self.here, self.home):
            folder.mkdir()
        _publish(origin)
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
        moved = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{self.origin.as_uri()}.insteadOf",
                 "GIT_CONFIG_VALUE_0": address.repository()}  # fmt: skip
        quiet = {"JUPYTER_PLATFORM_DIRS": "1", "BROWSER": "true", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        return kept | moved | quiet | {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / ".config")}

    def settle(self) -> None:
        """What ``make setup`` would install, as links to what is installed here, with its stamp."""
        place = self.checkout / ".venv"
        venv.create(place, with_pip=False, symlinks=True)
        paths = sysconfig.get_paths("venv", vars={"base": str(place), "platbase": str(place)})
        site = sysconfig.get_paths()["purelib"]
        Path(paths["purelib"], "course.pth").write_text(f"{self.checkout}\n{site}\n", "utf-8")
        for name, module in _PROGRAMS.items():
            program = place / "bin" / name
            program.write_text(f"#!{place}/bin/python\nimport sys\nfrom {module} import main\nsys.exit(main())\n")
            program.chmod(0o755)
        stamp = (
            "import sys; sys.path.insert(0, 'tools'); import environment; "
            "environment.STAMP.write_text(environment.fingerprint(), 'utf-8')"
        )
        subprocess.run([sys.executable, "-c", stamp], cwd=self.checkout, check=True)

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
