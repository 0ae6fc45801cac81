"""How long a chapter takes a student, measured in a real kernel.

- runs the solution version of the notebook from top to bottom, as a student's kernel would;
- reports the wall time of the whole, of the setup cell, and of each check;
- says which of them are over their budget (60 s for a notebook, 1 s for a check).
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from autograder.build.source import build_notebook
from autograder.nbg.identity import exercise_of, role_of
from mechanisms.errors import BuildError

if TYPE_CHECKING:
    from autograder.project import Project
    from autograder.specs.base import Chapter

NOTEBOOK_BUDGET = 60.0
CHECK_BUDGET = 1.0


@dataclass
class Timing:
    """Seconds: the whole run with the start of its kernel, the setup cells, and each check by exercise."""

    chapter: str
    total: float
    setup: float
    checks: dict[str, float] = field(default_factory=dict)
    slowest: list[tuple[float, str]] = field(default_factory=list)

    @property
    def over(self) -> list[str]:
        """What is slower than it may be, one sentence each."""
        late = [f"{self.chapter} took {self.total:.1f} s (budget {NOTEBOOK_BUDGET:g} s)."] * (
            self.total > NOTEBOOK_BUDGET
        )
        return late + [
            f"check({name}) took {seconds:.2f} s (budget {CHECK_BUDGET:g} s)."
            for name, seconds in self.checks.items()
            if seconds > CHECK_BUDGET
        ]


def time_chapter(project: Project, chapter: Chapter) -> Timing:
    """Run the chapter's solution notebook and time it. Raises BuildError when a cell fails."""
    notebook = build_notebook(project.solution(chapter), chapter)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="mechanisms-") as folder:
        client = NotebookClient(
            notebook,
            timeout=300,
            kernel_name="python3",
            record_timing=True,
            extra_arguments=["--Application.log_level=40"],
            resources={"metadata": {"path": folder}},
        )
        try:
            client.execute()
        except CellExecutionError as error:
            raise BuildError(f"The notebook of {chapter.slug} fails: {error.ename}: {error.evalue}") from None
        except DeadKernelError:
            raise BuildError(f"The kernel died while it ran the notebook of {chapter.slug}.") from None
    timing = Timing(chapter.slug, time.perf_counter() - started, setup=0.0)
    for number, cell in enumerate(notebook.cells, start=1):
        seconds = _seconds(cell)
        if role_of(cell) == "setup":
            timing.setup += seconds
        if role_of(cell) == "check":
            timing.checks[exercise_of(cell)] = seconds
        label = " ".join(filter(None, (f"cell {number}", role_of(cell), exercise_of(cell))))
        timing.slowest.append((seconds, label))
    timing.slowest = sorted(timing.slowest, reverse=True)[:5]
    return timing


def _seconds(cell: Any) -> float:
    stamps = cell.metadata.get("execution", {})
    begin, end = stamps.get("iopub.status.busy"), stamps.get("shell.execute_reply")
    if not begin or not end:
        return 0.0
    return max(0.0, (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds())
