"""``doctor()``: what this machine can do for the course, in plain sentences, and what to do about the rest.

- says which models run here: the lab models, which every graded exercise uses, or also the papers' own;
- looks at Python, the libraries and their age, GPU, memory, disk, internet, and the file of one's progress;
- every finding is one sentence; one that needs something done says what; nothing is changed and nothing is sent.

The internet is asked for only where the answer matters, which is on a machine with a GPU, or when told to.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from mechanisms.address import book_page
from mechanisms.check.card import badge, frame, rich
from mechanisms.errors import CourseError, UsageError

GOOD, NOTE, ACT = "good", "note", "act"
_STATES = {GOOD: ("#1a7f37", "✓", "good"), NOTE: ("#57606a", "·", "note"), ACT: ("#b3261e", "!", "to do")}
# The largest model of a paper section that is started by itself, Pythia-1.4B in single precision, with room to work in.
PAPER_GPU_GB = 8
PAPER_DISK_GB = 10
LAB_MEMORY_GB = 2
_LIBRARIES = ("torch", "transformers", "transformer_lens", "numpy")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: its name, a sentence, and what to do about it, if anything."""

    name: str
    state: str
    sentence: str
    remedy: str = ""
    page: str = ""

    @property
    def text(self) -> str:
        return f"{self.sentence} {self.remedy}".strip()


@dataclass(frozen=True)
class Health:
    """What ``doctor`` found. Shown as a card in a notebook; ``str`` gives it as lines. ``tier`` is "lab" or "paper"."""

    tier: str
    findings: tuple[Finding, ...]

    @property
    def ready(self) -> bool:
        """Whether the graded exercises run here."""
        return not any(finding.state == ACT for finding in self.findings)

    @property
    def headline(self) -> str:
        if not self.ready:
            return "Not ready yet: see what is marked “to do”."
        if self.tier == "paper":
            return "Ready: all exercises, and the sections on the papers' own models."
        return "Ready: all exercises run here. The sections on the papers' own models say that they are left out."

    def __str__(self) -> str:
        widest = max(len(finding.name) for finding in self.findings)
        lines = [self.headline, ""]
        for one in self.findings:
            start = f"  {_STATES[one.state][2]:5}  {one.name:{widest}}  "
            lines += textwrap.wrap(one.text, 110, initial_indent=start, subsequent_indent=" " * len(start))
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.to_html()}

    def to_html(self) -> str:
        """The findings as a card that stands by itself."""
        colour = _STATES[GOOD if self.ready else ACT][0]
        rows = "".join(map(_row, self.findings))
        body = f'<p style="margin:0"><strong>{escape(self.headline)}</strong></p>'
        body += f'<ul style="list-style:none;margin:.4em 0 0;padding:0">{rows}</ul>'
        return frame(f"Doctor: {self.headline}", colour, body)


def _row(one: Finding) -> str:
    colour, mark, word = _STATES[one.state]
    address = book_page(f"book/errors/{one.page}.html") if one.page else ""
    more = f' <a href="{escape(address, quote=True)}">More</a>' if address else ""
    return (
        '<li style="display:flex;flex-wrap:wrap;gap:.2em .7em;align-items:baseline;margin:.4em 0 0">'
        f'<span style="flex:0 0 5em">{badge(colour, mark, word)}</span>'
        f'<strong style="flex:0 0 7em">{escape(one.name)}</strong>'
        f'<span style="flex:1 1 18em">{rich(one.text)}{more}</span></li>'
    )


def doctor(internet: bool | None = None) -> Health:
    """Look at this machine and say what of the course runs on it.

    ``internet``: True asks whether the Hugging Face hub answers (at most five seconds), False does not; without it
    this is asked where there is a GPU. Nothing is installed, changed or sent. Raises UsageError for another value.
    """
    if internet not in (None, True, False):
        raise UsageError("doctor takes internet=True or internet=False, or nothing.")
    gpu, size = _gpu()
    ask = size > 0 if internet is None else internet
    hub, reached = _hub(ask)
    room = _disk()
    paper = size >= PAPER_GPU_GB and reached is True
    findings = [
        _models(paper, size, reached),
        _safely("Python", _python),
        _safely("libraries", _libraries),
        gpu,
        _safely("memory", _memory),
        room,
        hub,
        _safely("progress", _progress),
    ]
    return Health("paper" if paper else "lab", tuple(findings))


def _safely(name: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except Exception as error:  # a machine can be odd in ways nobody has thought of, and the other lines still help
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return Finding(name, NOTE, f"This could not be looked at ({reason}).")


def on_colab() -> bool:
    """Whether this is a Colab session."""
    return "google.colab" in sys.modules or bool(os.environ.get("COLAB_RELEASE_TAG"))


def _models(paper: bool, size: float, reached: bool | None) -> Finding:
    from mechanisms.check.places import folder
    from mechanisms.errors import ModelMissing

    try:
        from mechanisms.models.lab import checkpoint_folder

        checkpoint_folder("lab-lm")
    except ModelMissing as problem:
        return Finding("models", ACT, problem.message, page="model-missing")
    except Exception as error:  # a broken PyTorch may raise anything on import
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return Finding("models", ACT, f"The lab models cannot be loaded ({reason}).", "Mend the libraries first.")
    chapters = len(list((folder() / "snapshots").glob("*.json")))
    if not chapters:
        return Finding("models", ACT, "The checks' cases are missing.", "Reinstall the course package.")
    lab = f"Lab tier: the small models of the {chapters} chapters are here; every graded exercise uses only them."
    if paper:
        return Finding("models", GOOD, "Paper tier: the papers' own models can be fetched and run; the lab models too.")
    if size and size < PAPER_GPU_GB:
        why = f"The papers' models need a GPU with about {PAPER_GPU_GB} GB; the smaller ones may fit."
    elif size and reached is False:
        why = "The papers' models need the internet once, to be fetched."
    else:
        why = "The papers' models need a GPU."
    return Finding("models", GOOD, f"{lab} {why}")


def _python() -> Finding:
    here = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    where = " on Colab" if on_colab() else ""
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Finding("Python", GOOD, f"{here}{where}.")
    return Finding("Python", NOTE, f"{here}{where}. The course is tested on 3.11 to 3.13; it may work all the same.")


def _libraries() -> Finding:
    from mechanisms.install import needs

    wanted = needs()
    missing = [need.name for need in wanted if not need.installed]
    if missing:
        remedy = "Run the setup cell of a notebook, which installs them."
        return Finding("libraries", ACT, f"Missing: {', '.join(missing)}.", remedy, "package-not-found")
    old = [need for need in wanted if need.too_old]
    if old:
        has = ", ".join(f"{need.name} {need.installed} (needs {need.lowest})" for need in old)
        command = " ".join(f'"{need.requirement}"' for need in old)
        remedy = f"Run `%pip install -U {command}`, then restart the kernel."
        return Finding("libraries", ACT, f"Too old: {has}.", remedy, "kernel-has-older-libraries")
    stale = [name for name in _LIBRARIES if _replaced_under_us(name)]
    if stale:
        sentence = f"{', '.join(stale)} was replaced after this kernel had loaded another version."
        remedy = "Restart the kernel, then run the setup cell again."
        return Finding("libraries", ACT, sentence, remedy, "kernel-has-older-libraries")
    from importlib.metadata import PackageNotFoundError, version

    shown = []
    for name in _LIBRARIES:
        try:
            shown.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            return Finding("libraries", ACT, f"{name} is missing.", "Run the setup cell.", "package-not-found")
    return Finding("libraries", GOOD, f"{', '.join(shown)}.")


def _replaced_under_us(name: str) -> bool:
    """Whether the loaded version is another one than the installed one."""
    from importlib.metadata import PackageNotFoundError, version

    loaded = getattr(sys.modules.get(name), "__version__", None)
    try:
        installed = version(name)
    except PackageNotFoundError:
        return False
    return isinstance(loaded, str) and loaded.partition("+")[0] != installed.partition("+")[0]


def _gpu() -> tuple[Finding, float]:
    """What is there, and the size of the GPU's memory in GB; 0 without one."""
    if on_colab():
        remedy = "For the papers' models: Runtime → Change runtime type → T4 GPU, then run the setup cell again."
    else:
        remedy = (
            "Nothing to do for the exercises; for the papers' models open the notebook where there is one, as on Colab."
        )
    try:
        import torch

        if torch.cuda.is_available():
            free, total = (amount / 1e9 for amount in torch.cuda.mem_get_info())
            name = torch.cuda.get_device_name()
            if free < 0.5 * total:
                note = "Much of it is taken: shut down other notebooks that use it."
                return Finding("GPU", NOTE, f"{name}, {free:.1f} of {total:.1f} GB free.", note), total
            return Finding("GPU", GOOD, f"{name}, {free:.1f} of {total:.1f} GB free."), total
        if torch.backends.mps.is_available():
            sentence = "An Apple GPU, which the course does not use: lab models are small enough for the processor."
            return Finding("GPU", NOTE, sentence), 0.0
        if shutil.which("nvidia-smi") and torch.version.cuda is None:
            sentence = "There seems to be an NVIDIA GPU, but this PyTorch is built for processors only."
            return Finding("GPU", NOTE, sentence, "For the papers' models install a PyTorch with CUDA."), 0.0
    except Exception as error:  # a driver that does not fit raises whatever it likes
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return Finding("GPU", NOTE, f"PyTorch cannot say ({reason})."), 0.0
    return Finding("GPU", NOTE, "None.", remedy), 0.0


def _memory() -> Finding:
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    except (AttributeError, ValueError, OSError):
        return Finding("memory", NOTE, f"Unknown here. The exercises use up to {LAB_MEMORY_GB} GB.")
    if Path("/proc/meminfo").exists():
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        free = next((int(line.split()[1]) / 1e6 for line in lines if line.startswith("MemAvailable:")), free)
    sentence = f"{free:.1f} of {total:.1f} GB free."
    if free < LAB_MEMORY_GB:
        return Finding("memory", NOTE, sentence, "Close other programs or notebooks: a chapter uses up to 2 GB.")
    return Finding("memory", GOOD, sentence)


def _disk() -> Finding:
    try:
        free = shutil.disk_usage(Path.home()).free / 1e9
    except OSError as error:
        return Finding("disk", NOTE, f"This could not be looked at ({error.strerror or error}).")
    if free < 1:
        remedy = "Free some space, or notebooks cannot be saved."
        return Finding("disk", ACT, f"{free:.1f} GB free in your home folder.", remedy, "disk-full")
    if free < PAPER_DISK_GB:
        sentence = f"{free:.1f} GB free. Enough for the exercises; the papers' models take up to {PAPER_DISK_GB} GB."
        return Finding("disk", NOTE, sentence)
    return Finding("disk", GOOD, f"{free:.0f} GB free.")


def _hub(ask: bool) -> tuple[Finding, bool | None]:
    """Whether the Hugging Face hub answers; None when it was not asked."""
    folder = os.environ.get("MECHANISMS_PAPER_DIR", "")
    if folder and Path(folder).is_dir():
        return Finding(
            "internet", GOOD, "Not needed: MECHANISMS_PAPER_DIR names a folder with the papers' models."
        ), True
    if not ask:
        sentence = "Not asked, since only the papers' models need it. `doctor(internet=True)` asks."
        return Finding("internet", NOTE, sentence), None
    if os.environ.get("HF_HUB_OFFLINE", "").strip().lower() in ("1", "true", "yes", "on"):
        remedy = "Unset HF_HUB_OFFLINE for the papers' models; the exercises need no internet."
        return Finding("internet", NOTE, "HF_HUB_OFFLINE is set.", remedy, "paper-model-unreachable"), False
    try:
        from mechanisms.models.paper import hub_answers

        reached = hub_answers()
    except Exception:  # without its libraries nothing can be fetched either
        reached = False
    if reached:
        return Finding("internet", GOOD, "The Hugging Face hub answers."), True
    sentence = "The Hugging Face hub does not answer. The exercises do not need it; the papers' models do."
    return Finding("internet", NOTE, sentence, page="paper-model-unreachable"), False


def _progress() -> Finding:
    from mechanisms.progress import record

    path = record.location()
    if path is None:
        return Finding("progress", NOTE, f"Not noted: {record.VARIABLE} says off.")
    try:
        record.read(path)
    except (CourseError, OSError) as problem:
        return Finding("progress", NOTE, f"{problem}")
    folder = next((parent for parent in path.parents if parent.exists()), path.parent)
    if not os.access(path if path.exists() else folder, os.W_OK):
        remedy = f"Checks work all the same; {record.VARIABLE} can name another file."
        return Finding("progress", NOTE, f"{path} cannot be written, so nothing is noted.", remedy)
    lost = " Colab forgets it with the session: `progress(export=...)` saves it." if on_colab() else ""
    return Finding("progress", GOOD, f"Noted in {path}, on this machine only.{lost}")


if __name__ == "__main__":
    print(doctor())
