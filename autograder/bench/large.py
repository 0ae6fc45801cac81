"""A large made-up class: whether the driver's memory stays flat.

- ``grade_large`` hands in copies of one light notebook for as many students as asked, runs `autograder grade` on them,
  and samples the memory that only the driver holds while it goes on;
- each student has hidden cases of an own, so nothing but the released notebook is shared between two of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import psutil

from mechanisms.errors import CourseError

if TYPE_CHECKING:
    from autograder.project import Project
    from autograder.specs.base import Chapter

# Growth from a tenth of the class to all of it that still counts as flat.
GROWTH_LIMIT = 1.1
_PAUSE = 0.2


@dataclass
class Large:
    """One run over ``students`` students: wall ``seconds``, and the driver's own memory in bytes.

    ``early`` is when a tenth of the class was graded, ``late`` the highest afterwards while grading, ``peak`` the
    highest of all, the class report at the end included; ``everything`` is the highest sum of the proportional set
    sizes of the driver, its workers and their sandboxes.
    """

    students: int
    cores: int
    seconds: float
    early: int
    late: int
    peak: int
    everything: int

    @property
    def growth(self) -> float:
        """How many times the memory that the driver held when a tenth was graded."""
        return self.late / self.early

    def as_json(self) -> dict[str, Any]:
        """All figures."""
        return asdict(self) | {"growth": round(self.growth, 3)}


def grade_large(
    project: Project, chapter: Chapter, texts: dict[str, str], variables: dict[str, str], jobs: int
) -> Large:
    """Grade ``texts`` (student to notebook) with `autograder grade`. Raises CourseError when not all are graded."""
    for student, text in texts.items():
        path = project.submission(chapter, student)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    results = project.course / "results" / chapter.slug
    command = [sys.executable, "-m", "autograder.cli", "grade", chapter.slug, "--jobs", str(jobs), "--json"]
    environment = {**os.environ, **variables, "MECHANISMS_COURSE": str(project.course)}
    begun = time.perf_counter()
    process = psutil.Popen(command, cwd=project.root, env=environment, stdout=subprocess.DEVNULL)
    samples: list[tuple[int, int]] = []
    everything = 0
    while process.poll() is None:
        done = len(os.listdir(results)) if results.exists() else 0
        try:
            samples.append((done, process.memory_full_info().uss))
            if len(samples) % 10 == 0:
                everything = max(everything, _shared_out(process))
        except psutil.Error:
            break
        time.sleep(_PAUSE)
    code, seconds = process.wait(), time.perf_counter() - begun
    done = len(os.listdir(results)) if results.exists() else 0
    if code or done != len(texts):
        raise CourseError(f"'autograder grade' graded {done} of {len(texts)} (exit code {code}): no measurement.")
    later = [size for graded, size in samples if len(texts) / 10 <= graded < len(texts)]
    if len(later) < 2:
        raise CourseError("The class was graded too fast to be measured: ask for more students.")
    return Large(len(texts), jobs, seconds, later[0], max(later), max(size for _, size in samples), everything)


def _shared_out(process: psutil.Process) -> int:
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += getattr(one.memory_full_info(), "pss", 0)
        except psutil.Error:
            continue
    return total
