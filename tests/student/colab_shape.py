"""An environment shaped like a hosted notebook's: the large libraries are there, the course's small ones are not.

- ``Shape.make`` lays it out in a second: a virtual environment that sees links to some of this environment's libraries,
  and a folder of wheels made from others, in place of an index (nothing is fetched);
- among the wheels lie baits: empty "newer" versions of torch, numpy and transformers, and a newer jaxtyping that asks
  for that numpy, which an installation without constraints runs into;
- ``run_cell`` runs a cell in an IPython shell of that environment and gives what it printed.

The links stand outside the environment's own folder, so that pip never removes what they point to.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# What a hosted notebook comes with, and what belongs to it.
THERE = (
    "torch", "torchvision", "numpy", "transformers", "tokenizers", "safetensors", "scipy", "matplotlib", "pillow",
    "pandas", "tqdm", "ipywidgets", "ipykernel", "ipython", "pip", "huggingface-hub", "rich", "packaging",
    "typing-extensions", "pyyaml", "regex", "protobuf", "accelerate", "datasets", "sentencepiece",
)  # fmt: skip
# What the course needs beyond it, as a package index would have it.
OFFERED = ("transformer-lens", "jaxtyping", "open-clip-torch", "timm")
BAITS = {"torch": "99.0", "numpy": "99.0", "transformers": "99.0", "tokenizers": "99.0"}
WATCHED = ("torch", "torchvision", "numpy", "transformers", "tokenizers", "safetensors")


def closure(names: tuple[str, ...]) -> dict[str, Distribution]:
    """The distributions of these names and of all that they need, as installed here."""
    found: dict[str, Distribution] = {}
    waiting = [canonicalize_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # an optional part, or one for another system
            continue
        for line in found[name].requires or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                waiting.append(canonicalize_name(needed.name))
    return found


def tops(one: Distribution) -> set[str]:
    """The entries of site-packages that belong to a distribution."""
    return {path.parts[0] for path in one.files or [] if path.parts[0] not in ("..", "__pycache__")}


def repack(one: Distribution, folder: Path) -> None:
    """An installed distribution as the wheel that it was installed from."""
    about = one.read_text("WHEEL") or ""
    tag = re.search(r"(?m)^Tag: (\S+)", about).group(1)
    name = re.sub(r"[-_.]+", "_", one.metadata["Name"])
    info = next(path.parts[0] for path in one.files if path.parts[0].endswith(".dist-info"))
    with zipfile.ZipFile(folder / f"{name}-{one.version}-{tag}.whl", "w") as archive:
        for path in one.files:
            inside = path.parts[0] != ".." and "__pycache__" not in path.parts
            if inside and path.name not in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json"):
                archive.write(one.locate_file(path), path.as_posix())
        archive.writestr(f"{info}/RECORD", "")


def bait(name: str, number: str, folder: Path, needs: str = "") -> None:
    """An empty wheel of a library in a version that nobody has."""
    info = f"{name}-{number}.dist-info"
    required = f"Requires-Dist: {needs}\n" if needs else ""
    with zipfile.ZipFile(folder / f"{name}-{number}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}/__init__.py", f"__version__ = {number!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n{required}")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


@dataclass(frozen=True)
class Shape:
    """The environment: its Python, and the folder of wheels that stands for an index."""

    python: Path
    wheels: Path

    @classmethod
    def make(cls, root: Path) -> Shape:
        """Lay it out below ``root``."""
        venv.create(root / "env", with_pip=False, symlinks=True)
        python = root / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
        base, wheels = root / "base", root / "wheels"
        base.mkdir()
        wheels.mkdir()
        there = closure(THERE)
        site = Path(sysconfig.get_paths()["purelib"])
        for entry in sorted(set().union(*map(tops, there.values()))):
            if (site / entry).exists():
                (base / entry).symlink_to(site / entry)
        paths = sysconfig.get_paths("venv", vars={"base": str(root / "env"), "platbase": str(root / "env")})
        Path(paths["purelib"], "hosted.pth").write_text(f"{base}\n", "utf-8")
        for name, one in closure(OFFERED).items():
            if name not in there:
                repack(one, wheels)
        for name, number in BAITS.items():
            bait(name, number, wheels)
        bait("jaxtyping", "99.0", wheels, needs="numpy>=99")
        return cls(python, wheels)

    def environment(self) -> dict[str, str]:
        """What the session's programs find in their environment: nothing of ours, and no index but the folder."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON", "MECH"))}
        fixed = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        return kept | fixed | {"MECHANISMS_PROGRESS": "off", "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run the session's Python."""
        return subprocess.run(
            [str(self.python), "-P", *arguments],
            capture_output=True, text=True, env=self.environment(), cwd=self.wheels.parent, timeout=300,
        )  # fmt: skip

    def run_cell(self, *cells: str) -> str:
        """Run cells one after another in one IPython shell; what they printed. Fails when one raises."""
        program = (
            "import sys\nfrom IPython.core.interactiveshell import InteractiveShell\n"
            f"shell = InteractiveShell.instance(colors='NoColor')\nfor cell in {cells!r}:\n"
            "    result = shell.run_cell(cell)\n    if not result.success:\n        sys.exit(1)\n"
        )
        done = self.run("-c", program)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    def versions(self) -> dict[str, str]:
        """The libraries that a session has loaded, as its Python imports them."""
        program = (
            f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {list(WATCHED)}}}))"
        )
        done = self.run("-c", program)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


if __name__ == "__main__":
    shape = Shape.make(Path(sys.argv[1]))
    print(shape.versions(), len(list(shape.wheels.iterdir())))
