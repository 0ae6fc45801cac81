"""One submission from its matched notebook to its verdicts: the sandbox on one side, the references on the other.

- runs every cell of the student's in a sandbox, leaving out demonstrations, paper-scale cells and check cells;
- keeps a snapshot of the notebook at each exercise's check cell, so that a later cell changes no earlier verdict;
- with nothing of the student's left to run, puts the hidden cases to the snapshots, and judges the answers here;
- a cell that ends its process, or does not end, costs itself only: it is left out and the rest is run again;
- writes one verdict into the output of each check cell, and everything a person should know into the record.

A stub that a later cell replaces counts as replaced: whoever answers below the check has answered.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbformat.v4 import new_output

from autograder.nbg.identity import SKIPPED, exercise_of, role_of
from autograder.nbg.reference import HiddenExercise
from autograder.nbg.results import PARTLY, Result
from autograder.sandbox.client import Cell, Gone, Session, Snapshot
from autograder.sandbox.limits import Limits
from autograder.sandbox.warm import WarmParent
from mechanisms.check.calls import used
from mechanisms.check.verdict import FAILED, PARTIAL, STUB

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from autograder.specs.base import Chapter


@dataclass
class Run:
    """What came of one submission: verdicts by exercise, and what its cells showed, by their place."""

    verdicts: dict[str, Any] = field(default_factory=dict)
    shown: dict[int, Cell] = field(default_factory=dict)
    left_out: dict[int, str] = field(default_factory=dict)
    incidents: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    died: set[str] = field(default_factory=set)
    peak_memory: int = 0

    @property
    def cell_seconds(self) -> float:
        """Seconds that the student's cells took, by the clock of their own process."""
        return sum(cell.seconds for cell in self.shown.values())


class _Kept:
    """The snapshots of one session, and what the names stood for when they were taken."""

    def __init__(self) -> None:
        self.snapshots: dict[str, Snapshot] = {}
        self.identities: dict[str, int | None] = {}
        self.last: dict[str, int] = {}
        self.late: Snapshot | None = None
        self.whole = False


def run_notebook(notebook: NotebookNode, hidden: dict[str, HiddenExercise], parent: WarmParent, limits: Limits) -> Run:
    """Run a matched notebook and judge its exercises; the notebook itself is not changed.

    Raises NoSandbox when this machine refuses the isolation.
    """
    run = Run()
    until = time.monotonic() + limits.total_seconds
    for attempt in range(limits.deaths + 1):
        waiting = {name: exercise for name, exercise in hidden.items() if name not in run.verdicts}
        session = parent.open(limits, list(hidden), until)
        try:
            kept = _cells(notebook, waiting, session, run, limits)
            # The last time what was reached must do: snapshots outlive the process that they were taken of.
            if kept.whole or attempt == limits.deaths:
                _ask_all(notebook, waiting, kept, session, run, limits)
        finally:
            run.peak_memory = max(run.peak_memory, session.peak_memory)
            session.close()
        if len(run.verdicts) == len(hidden):
            return run
    run.incidents.append("The notebook ended its process again and again; what was left of it was not run.")
    for name, exercise in hidden.items():
        if name not in run.verdicts:
            run.died.add(name)
            run.verdicts[name] = exercise.ended("The notebook ended its Python process again and again")
    return run


def _cells(
    notebook: NotebookNode, hidden: dict[str, HiddenExercise], session: Session, run: Run, limits: Limits
) -> _Kept:
    """Run all cells and keep a snapshot for each exercise; not whole when a cell ended the session."""
    kept = _Kept()
    due: list[str] = []
    run.shown.clear()
    for index, cell in enumerate(notebook.cells):
        role, name = role_of(cell), exercise_of(cell)
        if cell.cell_type != "code":
            continue
        try:
            if role == "check" and name in hidden:
                due.append(name)
            elif role not in SKIPPED and index not in run.left_out and cell.source.strip():
                seconds = limits.setup_seconds if role == "setup" else limits.cell_seconds
                run.shown[index] = session.run(cell.source, seconds)
                kept.last = run.shown[index].defined
            for waiting in [name for name in due if name in kept.last]:
                due.remove(waiting)
                _keep(waiting, session, kept)
        except Gone as gone:
            run.left_out[index] = str(gone)
            run.incidents.append(f"Cell {index + 1} {gone}; it was left out.")
            return kept
    kept.whole = True
    try:
        for name in due:
            _keep(name, session, kept)
        if any(kept.last.get(name) != ident for name, ident in kept.identities.items()):
            kept.late = session.snapshot()
    except Gone as gone:
        run.incidents.append(f"The notebook {gone} at its end.")
    return kept


def _keep(name: str, session: Session, kept: _Kept) -> None:
    # Exercises whose checks follow one another without a cell between share a snapshot's memory, not the snapshot:
    # each answers in a process that no other question has touched.
    kept.snapshots[name] = session.snapshot()
    kept.identities[name] = kept.last.get(name)


def _ask_all(
    notebook: NotebookNode,
    hidden: dict[str, HiddenExercise],
    kept: _Kept,
    session: Session,
    run: Run,
    limits: Limits,
) -> None:
    """Put the hidden cases to the snapshots; ends early when a function takes its whole session with it."""
    errors = _cell_errors(notebook, run)
    sources = [notebook.cells[index].source for index in run.shown]
    for name, exercise in hidden.items():
        against_rules = exercise.forbidden(sources)
        if against_rules:
            run.verdicts[name] = against_rules
            continue
        snapshot = kept.snapshots.get(name)
        if snapshot is None:
            run.verdicts[name] = exercise.ended("The notebook ended before this exercise could be looked at")
            run.died.add(name)
            continue
        answers = snapshot.ask(name, exercise.questions, limits)
        verdict = exercise.judge(answers, errors.get(name, ""))
        replaced = kept.late is not None and kept.last.get(name) != kept.identities[name]
        if verdict.status == STUB and replaced:
            answers = kept.late.ask(name, exercise.questions, limits)
            verdict = exercise.judge(answers, errors.get(name, ""))
            run.notices.append(f"{name} was still a stub at its check; the one that a later cell defines was graded.")
        if any(reason.startswith("ended") for reason in answers.reasons.values()):
            run.incidents.append(f"The function {name} ended the Python process (a crash or an exit).")
            run.died.add(name)
        run.verdicts[name] = verdict
        if session.closed:  # too much memory: the others are asked in a session of their own
            run.incidents.append(f"The function {name} {next(iter(answers.reasons.values()))}.")
            run.died.add(name)
            return


def _cell_errors(notebook: NotebookNode, run: Run) -> dict[str, str]:
    """By exercise the error that its own cell ended with."""
    found = {}
    for index, cell in run.shown.items():
        names = [out["name"] for out in cell.outputs if out["type"] == "error"]
        if role_of(notebook.cells[index]) == "solution" and names:
            found[exercise_of(notebook.cells[index])] = names[-1]
    for index, reason in run.left_out.items():
        if role_of(notebook.cells[index]) == "solution":
            found[exercise_of(notebook.cells[index])] = f"a cell that {reason}"
    return found


def write_outputs(notebook: NotebookNode, hidden: dict[str, HiddenExercise], run: Run) -> None:
    """Put what the cells showed, and one verdict per check cell, into the notebook."""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        cell.execution_count, cell.outputs = None, []
        if role_of(cell) == "check" and exercise_of(cell) in hidden:
            exercise = hidden[exercise_of(cell)]
            verdict = run.verdicts[exercise_of(cell)]
            data = {"text/plain": f"{verdict.points:.10g}", "text/html": exercise.html(verdict)}
            cell.execution_count = index + 1
            cell.outputs = [new_output("execute_result", data=data, execution_count=index + 1)]
        elif index in run.left_out:
            text = f"This cell {run.left_out[index]}, so it was left out when the notebook was graded."
            cell.outputs = [new_output("error", ename="LeftOut", evalue=text, traceback=[f"LeftOut: {text}"])]
        elif index in run.shown:
            cell.execution_count = index + 1
            cell.outputs = [_node(output, index + 1) for output in run.shown[index].outputs]


def _node(output: dict[str, Any], count: int) -> NotebookNode:
    if output["type"] == "stream":
        return new_output("stream", name=output["name"], text=output["text"])
    if output["type"] == "error":
        trace = output["trace"].splitlines() or [f"{output['name']}: {output['value']}"]
        return new_output("error", ename=output["name"], evalue=output["value"], traceback=trace)
    if output["type"] == "execute_result":
        return new_output("execute_result", data=output["data"], execution_count=count)
    return new_output("display_data", data=output["data"])


def _look_below(notebook: NotebookNode, result: Result) -> None:
    """Note at each answer that is not right, for a reason not recognised, the answers below it that are not either."""
    wrong = {name for name, exercise in result.exercises.items() if exercise.state in (FAILED, PARTIAL)}
    for cell in notebook.cells:
        name = exercise_of(cell)
        if role_of(cell) == "solution" and name in wrong and not result.exercises[name].mistake:
            result.exercises[name].below = used(cell.source, wrong - {name})


def record(
    chapter: Chapter, student: str, notebook: NotebookNode, hidden: dict[str, HiddenExercise], run: Run
) -> tuple[Result, tuple[str, ...]]:
    """The record of a run, and the grade ids that a person has to look at."""
    about = notebook.metadata.get("mechanisms", {})
    lost: dict[str, str] = dict(about.get("lost", {}))
    result = Result(student, chapter.slug, cell_seconds=round(run.cell_seconds, 3))
    result.notices = [*about.get("notices", []), *run.notices]
    for cell in notebook.cells:
        if role_of(cell) == "rubric":
            result.free_text[exercise_of(cell)] = float(cell.metadata["nbgrader"]["points"])
    for name, exercise in hidden.items():
        result.exercises[name] = exercise.result(run.verdicts[name])
    _look_below(notebook, result)
    for name, sentence in lost.items():
        result.needs_person.append(sentence)
        if name in result.exercises:
            result.exercises[name].state = "not found"
            result.exercises[name].sentence = sentence
    if lost:
        result.status = PARTLY
    result.needs_person += run.incidents
    flagged = {f"{name}-check" for name in {*lost, *run.died} if name in hidden}
    flagged |= {name for name in lost if name not in hidden}
    return result, tuple(sorted(flagged))
