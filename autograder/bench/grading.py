"""The grader against nbgrader as it comes, over the same submissions, in one run.

- ``race`` makes a course directory with the given submissions, grades it with `nbgrader autograde` and nbgrader's own
  steps, then with `autograder grade`, and runs the students' cells alone in a process that is already warm;
- every figure is a wall time of this run or a ratio of two of them; memory is the proportional set size of a command
  and everything that it started, sampled while it runs.

nbgrader as it comes runs every cell and finds no hidden case: it does less judging and more running.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from autograder.nbg.identity import SKIPPED, role_of
from autograder.nbg.imports import imports_of
from autograder.nbg.intake import take_in
from autograder.nbg.reference import chapter_reference
from autograder.pipeline import read_release, warm_parent
from autograder.sandbox.protections import protections
from autograder.sandbox.warm import WarmParent
from mechanisms.errors import CourseError

if TYPE_CHECKING:
    from autograder.project import Project
    from autograder.specs.base import Chapter

CELLS_LIMIT = 1.5
_STOCK_CONFIG = """c = get_config()
c.CourseDirectory.root = {root!r}
c.CourseDirectory.course_id = "mechanisms"
c.Execute.timeout = 300
"""


@dataclass
class Race:
    """Seconds of one race over ``submissions`` submissions on ``cores`` cores; memory in bytes.

    ``cells`` is the students' own cells in a warm process, ``cells_and_cases`` these and their hidden cases, one
    student after the other; ``together`` is the latter again with as many warm processes at a time as there are cores,
    which share the machine's memory and caches as the grader's do.
    """

    chapter: str
    submissions: int
    cores: int
    stock: float
    ours: float
    start: float
    cells: float
    cells_and_cases: float
    together: float
    stock_memory: int
    our_memory: int

    @property
    def ratio(self) -> float:
        """How many times the throughput of nbgrader as it comes, everything included."""
        return self.stock / self.ours

    @property
    def running_ratio(self) -> float:
        """The same for a class so large that the start of the workers does not count."""
        return self.stock / max(self.ours - self.start, 1e-9)

    @property
    def over_cells(self) -> float:
        """Our time, start left out, over that of the students' own cells divided by the cores."""
        return (self.ours - self.start) / (self.cells / self.cores)

    @property
    def over_cells_and_cases(self) -> float:
        """The same with the student's answers to the hidden cases among what cannot be avoided."""
        return (self.ours - self.start) / (self.cells_and_cases / self.cores)

    @property
    def over_together(self) -> float:
        """Our time, start left out, over that of the students' cells and cases on as many cores at once."""
        return (self.ours - self.start) / self.together

    @property
    def fixed(self) -> float:
        """Seconds of one process for one submission beside its own cells and answers: sandbox, judging, writing."""
        return (self.ours - self.start) * self.cores / self.submissions - self.cells_and_cases / self.submissions

    @property
    def enough(self) -> float:
        """Seconds that a submission's own code has to take for the whole to stay within CELLS_LIMIT of it."""
        return self.fixed / (CELLS_LIMIT - 1)

    def as_json(self) -> dict[str, Any]:
        """All figures."""
        ratios = (
            "ratio", "running_ratio", "over_cells", "over_cells_and_cases", "over_together", "fixed", "enough"
        )  # fmt: skip
        return asdict(self) | {name: round(getattr(self, name), 3) for name in ratios}


def race(project: Project, chapter: Chapter, texts: dict[str, str], variables: dict[str, str], jobs: int) -> Race:
    """Grade ``texts`` (student to notebook) both ways. ``variables`` name the project to subprocesses.

    Raises CourseError when one of the two ways fails.
    """
    for student, text in texts.items():
        path = project.submission(chapter, student)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    parent = warm_parent(project, chapter, trust=True)
    parent.wait()
    # Made beforehand: what is expected of a student is not the student's time.
    reference = chapter_reference(project, chapter)
    hidden = {student: reference.hidden(student) for student in texts}
    alone, with_cases = _cells_alone(project, chapter, hidden, parent)
    together = _cells_together(project, chapter, hidden, jobs)
    environment = {**os.environ, **variables, "MECHANISMS_COURSE": str(project.course)}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    with tempfile.TemporaryDirectory(prefix="mechanisms-stock-") as folder:
        stock = Path(folder) / "course"
        shutil.copytree(project.course, stock)
        (stock / "nbgrader_config.py").write_text(_STOCK_CONFIG.format(root=str(stock)))
        command = [sys.executable, "-m", "nbgrader", "autograde", chapter.slug, "--create", "--force"]
        stock_seconds, stock_memory = _timed(command, stock, environment)
        done = len(list((stock / "autograded").glob(f"*/{chapter.slug}/*.ipynb")))
    if done != len(texts):
        raise CourseError(f"nbgrader as it comes graded {done} of {len(texts)} submissions, so there is no race.")
    command = [sys.executable, "-m", "autograder.cli", "grade", chapter.slug, "--again", "--jobs", str(jobs), "--json"]
    ours, our_memory = _timed(command, project.root, environment)
    # The start of as many workers: each has one student, so what that student takes is no part of it.
    few = [word for student in list(texts)[:jobs] for word in ("--student", student)]
    start, _ = _timed([*command, *few], project.root, environment)
    single = with_cases / len(texts)
    return Race(
        chapter=chapter.slug,
        submissions=len(texts),
        cores=jobs,
        stock=stock_seconds,
        ours=ours,
        start=max(0.0, start - single),
        cells=alone,
        cells_and_cases=with_cases,
        together=together,
        stock_memory=stock_memory,
        our_memory=our_memory,
    )


def _cells_alone(project: Project, chapter: Chapter, hidden: dict[str, Any], parent: WarmParent) -> tuple[float, float]:
    """Seconds of the students' cells in a warm process, one student after the other: without and with hidden cases."""
    release = read_release(project, chapter)
    alone = cases = 0.0
    for student, exercises in hidden.items():
        notebook = take_in(project.submission(chapter, student), release).matched.notebook
        with parent.open(chapter.limits) as session:
            begun = time.perf_counter()
            for cell in notebook.cells:
                if cell.cell_type == "code" and role_of(cell) not in SKIPPED:
                    session.run(cell.source, chapter.limits.cell_seconds)
            alone += time.perf_counter() - begun
            snapshot = session.snapshot()
            begun = time.perf_counter()
            for name, exercise in exercises.items():
                snapshot.ask(name, exercise.questions, chapter.limits)
            cases += time.perf_counter() - begun
    return alone, alone + cases


def _cells_together(project: Project, chapter: Chapter, hidden: dict[str, Any], jobs: int) -> float:
    """Wall seconds of the students' cells and hidden cases, ``jobs`` warm processes at a time."""
    imports, isolated = imports_of(project.release(chapter)), protections().enough
    parents = [
        WarmParent(chapter.models, isolated, imports=imports, case_models=chapter.case_models)
        for _ in range(min(jobs, len(hidden)))
    ]
    try:
        for parent in parents:
            parent.wait()
        students = list(hidden)
        shares = [{name: hidden[name] for name in students[at :: len(parents)]} for at in range(len(parents))]
        with ThreadPoolExecutor(len(parents)) as pool:
            running = [
                pool.submit(_cells_alone, project, chapter, share, parent)
                for share, parent in zip(shares, parents, strict=True)
            ]
            return max(one.result()[1] for one in running)
    finally:
        for parent in parents:
            parent.stop()


def _timed(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, int]:
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    peak = _Peak(process.pid)
    words, _ = process.communicate()
    seconds = time.perf_counter() - begun
    memory = peak.stop()
    if process.returncode not in (0, 1):
        last = (words.strip().splitlines() or ["it said nothing"])[-1]
        raise CourseError(f"'{' '.join(command[1:5])}' failed: {last}")
    return seconds, memory


class _Peak:
    """Samples the proportional set size of a process and all its descendants."""

    def __init__(self, pid: int):
        self.pid, self.peak, self.over = pid, 0, threading.Event()
        self.thread = threading.Thread(target=self._sample, daemon=True)
        self.thread.start()

    def _sample(self) -> None:
        while not self.over.wait(1.0):
            total = 0
            try:
                root = psutil.Process(self.pid)
                for process in [root, *root.children(recursive=True)]:
                    total += getattr(process.memory_full_info(), "pss", 0)
            except psutil.Error:
                pass
            self.peak = max(self.peak, total)

    def stop(self) -> int:
        """End the sampling; the highest sum seen, in bytes."""
        self.over.set()
        self.thread.join()
        return self.peak
