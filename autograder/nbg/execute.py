"""Executing a submission and judging it on cases that it never sees expected answers for.

- runs the student's cells in a kernel, leaving out demonstrations, paper-scale cells and check cells;
- then, with nothing of the student's left to run, calls each exercise's function on hidden inputs;
- compares the answers in this process with the reference's and puts one verdict into the check cell;
- a cell or function that ends its kernel costs itself only: it is left out and the rest is run again;
- writes what it found for the class summary (`results`), without any hidden input.

The function is held at its check cell, so a later cell that uses the same name for something else does no harm.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbclient.client import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_output
from nbgrader.preprocessors import Execute
from traitlets import Integer, List

from autograder.nbg.identity import exercise_of, role_of
from autograder.nbg.reference import HiddenExercise, chapter_reference
from autograder.nbg.results import Result, write_result
from autograder.project import current

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from autograder.project import Project
    from autograder.specs.base import Chapter

SKIPPED = ("demo", "paper", "predict", "copy", "check")
MAX_RESTARTS = 3
OUTPUT_LIMIT = 100_000
# In the student's kernel: keep the function under a private name until the notebook is through.
_HOLD = "globals().setdefault('_held_for_grading', {{}})[{name!r}] = globals().get({name!r})"
_ASK = (
    "from mechanisms.check.remote import answer as _answer\n"
    "_answer({name!r}, {inputs!r}, {outputs!r}, "
    "{{**globals(), {name!r}: globals().get('_held_for_grading', {{}}).get({name!r})}})"
)


class HiddenCaseExecute(Execute):
    """nbgrader's Execute with hidden cases instead of test cells."""

    setup_timeout = Integer(300, help="Seconds for a setup cell (it imports torch).").tag(config=True)
    extra_arguments = List(["--Application.log_level=40"], help="Arguments for the kernel.").tag(config=True)
    answer_timeout = Integer(60, help="Seconds for all hidden cases of one exercise.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict, km: Any = None) -> tuple[NotebookNode, dict]:
        """Execute, ask, judge; returns the notebook with one verdict per check cell."""
        started = time.monotonic()
        project = current()
        about = resources["nbgrader"]
        chapter = project.chapter(about["assignment"])
        hidden = chapter_reference(project, chapter).hidden(about["student"])
        run = _Run(hidden, lost=dict(nb.metadata.get("mechanisms", {}).get("lost", {})))
        folder = Path(tempfile.mkdtemp(prefix="mechanisms-"))
        try:
            self._until_done(nb, resources, km, run, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        for cell in nb.cells:
            _cap_outputs(cell)
        self._finish(nb, run, project, chapter, about["student"], time.monotonic() - started)
        return nb, self.resources

    def _until_done(self, nb: NotebookNode, resources: dict, km: Any, run: _Run, folder: Path) -> None:
        """Repeat with a new kernel after each death, leaving out what caused it."""
        for _ in range(MAX_RESTARTS + 1):
            NotebookClient.__init__(self, nb, km)
            self.reset_execution_trackers()
            self._check_assign_resources(resources)
            try:
                with self.setup_kernel():
                    self.wait_for_reply(self.kc.kernel_info())
                    self._session(nb, run, folder)
                self.set_widgets_metadata()
                return
            except DeadKernelError:
                run.blame()
        run.give_up()

    def _session(self, nb: NotebookNode, run: _Run, folder: Path) -> None:
        for index, cell in enumerate(nb.cells):
            if cell.cell_type != "code":
                continue
            name = exercise_of(cell)
            if role_of(cell) == "check" and name in run.hidden:
                self._quietly(_HOLD.format(name=name), index)
            elif role_of(cell) not in SKIPPED and index not in run.fatal_cells:
                run.current = index
                self.execute_cell(cell, index, store_history=True)
                run.note_error(cell)
            elif index in run.fatal_cells:
                cell.outputs = [_death_notice()]
        for index, cell in enumerate(nb.cells):
            name = exercise_of(cell)
            if role_of(cell) == "check" and name in run.hidden and name not in run.verdicts:
                run.current = name
                self._ask(name, index, run, folder)

    def _ask(self, name: str, index: int, run: _Run, folder: Path) -> None:
        inputs, outputs = folder / f"{name}-in", folder / f"{name}-out"
        run.hidden[name].write_inputs(inputs)
        cell = self._quietly(_ASK.format(name=name, inputs=str(inputs), outputs=str(outputs)), index)
        # After a timeout two errors stand there: the interrupt, then nbclient's own word for it.
        problems = [out.ename for out in cell.outputs if out.output_type == "error"]
        problem = problems[-1] if problems else ""
        run.verdicts[name] = run.hidden[name].judge(
            outputs, problem, self.answer_timeout, run.cell_errors.get(name, "")
        )

    def _quietly(self, source: str, index: int) -> NotebookNode:
        """Run our own line in the student's kernel and leave no trace of it in the notebook."""
        original = self.nb.cells[index]
        cell = new_code_cell(source, metadata={"mechanisms": {"role": "ask"}})
        try:
            return self.execute_cell(cell, index, store_history=False)
        finally:
            self.nb.cells[index] = original

    def _get_timeout(self, cell: NotebookNode | None) -> int | None:
        special = {"setup": self.setup_timeout, "ask": self.answer_timeout}
        return special.get(role_of(cell) if cell is not None else "", self.timeout)

    def _finish(
        self, nb: NotebookNode, run: _Run, project: Project, chapter: Chapter, student: str, seconds: float
    ) -> None:
        result = Result(student, chapter.slug, seconds=round(seconds, 2))
        result.notices = list(nb.metadata.get("mechanisms", {}).get("notices", []))
        for number, cell in enumerate(nb.cells):
            name = exercise_of(cell)
            if role_of(cell) == "rubric":
                result.free_text[name] = float(cell.metadata["nbgrader"]["points"])
            if role_of(cell) == "check" and name in run.hidden:
                exercise = run.hidden[name]
                verdict = run.verdicts.get(name) or exercise.ended(run.reason(name))
                cell.execution_count = number + 1
                cell.outputs = [
                    new_output(
                        "execute_result",
                        data={"text/plain": f"{verdict.points:.10g}", "text/html": exercise.html(verdict)},
                        execution_count=number + 1,
                    )
                ]
                result.exercises[name] = exercise.result(verdict)
        for name, sentence in run.lost.items():
            result.needs_person.append(sentence)
            if name in result.exercises:
                result.exercises[name].state = "not found"
                result.exercises[name].sentence = sentence
        result.needs_person += run.incidents
        nb.metadata["mechanisms"]["flagged"] = sorted(
            [f"{name}-check" for name in {**run.lost, **run.deaths} if name in run.hidden]
            + [name for name in run.lost if name not in run.hidden]
        )
        write_result(project, result)


class _Run:
    """What is known about one submission while it is being run."""

    def __init__(self, hidden: dict[str, HiddenExercise], lost: dict[str, str]):
        self.hidden = hidden
        self.lost = lost
        self.verdicts: dict[str, Any] = {}
        self.cell_errors: dict[str, str] = {}
        self.fatal_cells: set[int] = set()
        self.deaths: dict[str, str] = {}
        self.incidents: list[str] = []
        self.current: int | str = -1

    def note_error(self, cell: NotebookNode) -> None:
        """Remember which error the cell of an exercise ended with, to say so when its function is not there."""
        errors = [output.ename for output in cell.outputs if output.output_type == "error"]
        if role_of(cell) == "solution" and errors:
            self.cell_errors[exercise_of(cell)] = errors[-1]

    def blame(self) -> None:
        """The kernel died: note what was running, so that the next round leaves it out."""
        if isinstance(self.current, str):
            self.deaths[self.current] = "its function ended the Python process"
            self.verdicts[self.current] = self.hidden[self.current].ended("Your function ended the Python process.")
            self.incidents.append(f"The function {self.current} ended the Python process (a crash or an exit).")
        else:
            self.fatal_cells.add(self.current)
            self.incidents.append(f"Cell {self.current + 1} ended the Python process; it was left out.")

    def give_up(self) -> None:
        """Too many deaths: everything that has no verdict yet is for a person."""
        for name in self.hidden:
            if name not in self.verdicts:
                self.deaths[name] = "the kernel kept dying"
        self.incidents.append("The notebook ended its Python process again and again; the rest was not run.")

    def reason(self, name: str) -> str:
        """Why an exercise has no verdict."""
        return self.deaths.get(name, "This exercise could not be run.")


def _death_notice() -> NotebookNode:
    text = "This cell ended the Python process, so it was left out when the notebook was graded."
    return new_output("error", ename="KernelDied", evalue=text, traceback=[f"KernelDied: {text}"])


def _cap_outputs(cell: NotebookNode) -> None:
    """Keep a flood of output (one huge line, say) from filling the disk."""
    for output in cell.get("outputs", []):
        if output.output_type == "stream" and len(output.text) > OUTPUT_LIMIT:
            output.text = output.text[:OUTPUT_LIMIT] + "\n[output cut]"
        for kind, value in list(output.get("data", {}).items()):
            if isinstance(value, str) and len(value) > 20 * OUTPUT_LIMIT:
                output.data[kind] = "[output cut]"
