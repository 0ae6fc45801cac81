"""nbgrader's execution step, in the sandbox.

- ``SandboxExecute`` stands where nbgrader's Execute stands, so plain `nbgrader autograde` and the formgrader's button
  run the same session as `autograder grade`, with the same verdicts;
- no kernel is started; the notebook that leaves this step holds one verdict per check cell;
- the record for the class report is written beside it (`results`), without any hidden input.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool

from autograder.nbg.results import write_result
from autograder.pipeline import run_and_record
from autograder.project import current

if TYPE_CHECKING:
    from nbformat import NotebookNode


class SandboxExecute(NbGraderPreprocessor):
    """Run the student's cells in the sandbox and judge them outside it."""

    trust_submissions = Bool(
        False, help="Run submissions without isolation where this machine gives none: only for what you trust."
    ).tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Execute, ask, judge; returns the notebook with one verdict per check cell."""
        started = time.monotonic()
        project = current()
        about = resources["nbgrader"]
        chapter = project.chapter(about["assignment"])
        trust = self.trust_submissions or os.environ.get("MECHANISMS_TRUST_SUBMISSIONS") == "1"
        result, _ = run_and_record(project, chapter, about["student"], nb, trust=trust)
        result.seconds = round(time.monotonic() - started, 3)
        result.graded_at = datetime.now(UTC).isoformat(timespec="seconds")
        write_result(project, result)
        return nb, resources
