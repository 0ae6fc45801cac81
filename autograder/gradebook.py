"""Writing one graded submission, so that a kill at any instruction loses and doubles nothing.

- ``Ledger`` is the one writer: the gradebook's rows exactly as nbgrader's own autograde leaves them (student,
  submission, time stamp, grades, comments, late penalty), the executed notebook, the record, the feedback page;
- a person's marks and comments are kept, and a regraded cell that has a person's mark asks for that person again.

The order of writes. First ONE transaction of the database: the gradebook's rows, the line of the audit trail, and in
``mechanisms_state`` the submission's fingerprint together with the complete record (``pending``). Then the files, each
replaced as a whole: autograded notebook, results JSON, feedback page. Then, in the next transaction, ``pending`` is
emptied. A kill before the commit leaves no trace: the submission is graded again. A kill after it leaves ``pending``
set: ``recover``, the first thing the next run does, writes the same files again from it, and the submission is not
graded again. There is no third case. Temporary files of a killed write lie only beside files of a pending record,
and ``recover`` removes them.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import stat
import zlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Column,
    LargeBinary,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, OperationalError

from autograder.audit import TABLES, Line, add_line, history, now
from autograder.database import (
    GradebookError,
    configured,
    gradebook_url,
    missing_file,
    open_engine,
    shown_url,
    unreachable,
)
from autograder.graded import Graded, graded_from
from autograder.marks import Mark, Marks
from autograder.nbg.results import FAILED, GRADED, PARTLY, UNMATCHED, Result, results_folder, write_result
from mechanisms.files import atomic_write

if TYPE_CHECKING:
    from concurrent.futures import Future
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection

    from autograder.project import Project
    from autograder.specs.base import Chapter

STATE = Table(
    "mechanisms_state",
    TABLES,
    Column("chapter", String(128), primary_key=True),
    Column("student", String(128), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("status", String(32), nullable=False),
    Column("pending", LargeBinary),
)
# Any two drivers of one PostgreSQL gradebook agree on this number.
ADVISORY_LOCK = 0x4D454348
MEGABYTE = 1 << 20
# What is copied beside the executed notebook: pictures for a free-text answer, data files; never a link.
FILE_LIMIT, FILES_LIMIT, FILES = 10 * MEGABYTE, 50 * MEGABYTE, 200
# Records whose files wait to be written: they are kept in memory until then.
FILES_WAITING = 8
_LEFT_OVER = re.compile(r"\..+\.[0-9a-f]{12}\.part")


# --- the writer ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """One graded submission with what the audit trail needs: hashes, who graded it and why."""

    chapter: Chapter
    graded: Graded
    fingerprint: str
    version: str
    submission: str
    by: str
    reason: str = ""


@dataclass(frozen=True)
class State:
    """What the ledger knows about one submission."""

    fingerprint: str
    status: str


class Ledger:
    """The one writer to a course's gradebook, open for a whole batch. Close it, or use it with ``with``.

    Raises GradebookError when the gradebook is not there, is locked by another driver, or cannot be written; what was
    written before stays.
    """

    def __init__(self, project: Project, chapters: list[Chapter]):
        self.project = project
        self.url = gradebook_url(project)
        if missing_file(self.url):
            raise GradebookError(f"There is no gradebook at {shown_url(self.url)}: run 'autograder release' first.")
        self.engine = open_engine(self.url)
        self._lock: Connection | None = None
        # One thread waits for the disk while the next transaction is on its way.
        self._files = ThreadPoolExecutor(1, thread_name_prefix="files")
        self._writing: deque[tuple[tuple[str, str], Future]] = deque()
        self._settled: list[tuple[str, str]] = []
        try:
            self._take_lock()
            TABLES.create_all(self.engine)
            with self.engine.begin() as db:
                self._shapes = {chapter.slug: _Shape(db, chapter) for chapter in chapters}
        except OperationalError as error:
            self.engine.dispose()
            raise unreachable(self.url, error) from None
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take_lock(self) -> None:
        """Keep drivers on other machines out of a shared database; a lock file does it for one machine."""
        if self.engine.dialect.name != "postgresql":
            return
        self._lock = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if not self._lock.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": ADVISORY_LOCK}).scalar():
            self._lock.close()
            self._lock = None
            raise GradebookError(
                "Another 'autograder grade' is writing to this gradebook from somewhere else; "
                "run this again when it has ended."
            )

    def close(self) -> None:
        """Wait for the files, empty what is settled, close the database. Raises what went wrong with a file."""
        try:
            self._files.shutdown()
            self._collect(room=0)
        finally:
            # Should this fail, the next run finds the records pending and writes the same files again.
            with contextlib.suppress(DBAPIError):
                if self._settled:
                    with self.engine.begin() as db:
                        self._settle(db, self._settled)
            if self._lock is not None:
                self._lock.close()
            self.engine.dispose()

    def states(self, slug: str) -> dict[str, State]:
        """Every submission of a chapter that was graded, by student."""
        wanted = select(STATE.c.student, STATE.c.fingerprint, STATE.c.status).where(STATE.c.chapter == slug)
        with self.engine.begin() as db:
            return {student: State(print_, status) for student, print_, status in db.execute(wanted)}

    def recover(self) -> int:
        """Finish what a killed run had committed but not written to files; returns how many submissions."""
        with self.engine.begin() as db:
            keys = [tuple(row) for row in db.execute(select(STATE.c.chapter, STATE.c.student).where(_PENDING))]
        done = 0
        for slug, student in keys:
            chapter = self.project.chapters.get(slug)
            if chapter is None:
                continue
            with self.engine.begin() as db:
                packed = db.execute(select(STATE.c.pending).where(*_this(slug, student))).scalar()
            self._sweep(chapter, student)
            self._write_files(chapter, _unpacked(packed))
            with self.engine.begin() as db:
                self._settle(db, [(slug, student)])
            done += 1
        return done

    def write(self, entries: list[Entry]) -> list[Result]:
        """Store graded submissions: one transaction for all, then their files; returns the records as stored.

        One whose rows cannot be written (a name that the database refuses, say) is stored as FAILED, alone.
        """
        self._collect()
        try:
            stored = self._commit(entries)
        except OperationalError as error:
            raise unreachable(self.url, error) from None
        except (DBAPIError, ValueError, KeyError, TypeError, AttributeError) as error:
            if len(entries) > 1:
                return [result for entry in entries for result in self.write([entry])]
            stored = self._commit_refused(entries[0], error)
        for chapter, graded, marks in stored:
            key = (chapter.slug, graded.result.student)
            self._writing.append((key, self._files.submit(self._write_files, chapter, graded, marks)))
        return [graded.result for _, graded, _ in stored]

    def _commit(self, entries: list[Entry]) -> list[tuple[Chapter, Graded, Marks | None]]:
        """The transaction: rows, audit trail, state with the whole record."""
        with self.engine.begin() as db:
            settled = list(self._settled)
            stored = [self._write_rows(db, entry) for entry in entries]
            self._settle(db, settled)
        del self._settled[: len(settled)]
        return stored

    def _commit_refused(self, entry: Entry, cause: Exception) -> list[tuple[Chapter, Graded, Marks | None]]:
        try:
            return self._commit([_refused(entry, cause)])
        except DBAPIError as error:
            raise unreachable(self.url, error) from None

    def _write_rows(self, db: Connection, entry: Entry) -> tuple[Chapter, Graded, Marks | None]:
        result = entry.graded.result
        slug, student = entry.chapter.slug, result.student
        graded = entry.graded.notebook is not None and result.status in (GRADED, PARTLY)
        notebook = self._shapes[slug].bounded(entry.graded.notebook) if graded else None
        rows = _Rows(db, self._shapes[slug], student)
        old = db.execute(select(STATE.c.status).where(*_this(slug, student))).scalar()
        before = rows.summary(old)
        if notebook is not None:
            rows.grade(notebook, entry.graded.flagged, self._time_stamp(entry))
        elif result.status == UNMATCHED:
            rows.look_at_all()
        after = {**(rows.summary(result.status) or {"points": {}}), "status": result.status}
        kept = Graded(result, notebook, entry.graded.flagged)
        action = "graded" if before is None else "regraded"
        about = (now(), entry.by, action, slug, student, entry.reason, entry.version, entry.submission)
        add_line(db, Line(*about, before, after))
        db.execute(delete(STATE).where(*_this(slug, student)))
        values = {"chapter": slug, "student": student, "fingerprint": entry.fingerprint}
        db.execute(insert(STATE).values(**values, status=result.status, pending=_packed(kept)))
        return entry.chapter, kept, rows.marks()

    def _collect(self, room: int = FILES_WAITING) -> None:
        """Take note of files that are written, and wait until no more than ``room`` are not.

        Raises what went wrong in writing them.
        """
        while self._writing and (len(self._writing) > room or self._writing[0][1].done()):
            key, writing = self._writing.popleft()
            writing.result()
            self._settled.append(key)

    def _settle(self, db: Connection, keys: list[tuple[str, str]]) -> None:
        """Note that the files of earlier records are written."""
        if keys:
            gone = update(STATE).where(
                STATE.c.chapter == bindparam("slug"), STATE.c.student == bindparam("who")
            ).values(pending=None)  # fmt: skip
            db.execute(gone, [{"slug": slug, "who": student} for slug, student in keys])

    def _time_stamp(self, entry: Entry) -> datetime | None:
        """When it was handed in (UTC), from timestamp.txt as nbgrader keeps it; a notice when that is no time."""
        from nbgrader.utils import parse_utc

        path = self.project.submission(entry.chapter, entry.graded.result.student).parent / "timestamp.txt"
        try:
            words = path.read_text("utf-8").strip() if path.is_file() and path.stat().st_size < 1000 else ""
            return parse_utc(words) if words else None
        except (ValueError, OverflowError, OSError):
            notice = "The time in timestamp.txt cannot be read, so nobody looked at whether it was late."
            if notice not in entry.graded.result.notices:
                entry.graded.result.notices.append(notice)
            return None

    # --- files

    def _write_files(self, chapter: Chapter, graded: Graded, *marks: Marks | None) -> None:
        """The files of one record; without ``marks`` the feedback page asks the gradebook for them."""
        from autograder.feedback import write_feedback

        result = graded.result
        if graded.notebook is not None:
            self._write_autograded(chapter, result.student, graded.notebook)
        write_result(self.project, result)
        write_feedback(self.project, chapter, result.student, *marks)

    def _write_autograded(self, chapter: Chapter, student: str, notebook: dict[str, Any]) -> None:
        """The executed notebook and, as nbgrader does, what was handed in or released beside it."""
        from nbformat import from_dict
        from nbformat.v4 import writes_json

        path = self.project.autograded(chapter, student)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = _files_beside(self.project.submission(chapter, student).parent)
        beside |= _files_beside(self.project.source(chapter).parent)
        for name in sorted(set(_files_beside(path.parent, capped=False)) - set(beside)):
            (path.parent / name).unlink(missing_ok=True)
        for name, source in beside.items():
            _copy(source, path.parent / name)
        mode = int(str(_settings().get("Autograde", {}).get("permissions", 444)), 8)
        if path.exists():
            path.chmod(mode)
        atomic_write(path, writes_json(from_dict(notebook)) + "\n")
        path.chmod(mode)

    def _sweep(self, chapter: Chapter, student: str) -> None:
        """Remove temporary files of a write that was killed, beside the files of this submission."""
        places = [self.project.autograded(chapter, student).parent, self.project.feedback(chapter, student).parent]
        for folder in [*places, results_folder(self.project, chapter.slug)]:
            for path in folder.rglob("*.part") if folder.is_dir() else ():
                if _LEFT_OVER.fullmatch(path.name):
                    path.unlink(missing_ok=True)


_PENDING = STATE.c.pending.is_not(None)


def _this(slug: str, student: str) -> tuple[Any, Any]:
    return STATE.c.chapter == slug, STATE.c.student == student


def _packed(graded: Graded) -> bytes:
    return zlib.compress(json.dumps(graded.as_json()).encode(), 1)


def _unpacked(packed: bytes) -> Graded:
    return graded_from(json.loads(zlib.decompress(packed)))


def _files_beside(folder: Path, capped: bool = True) -> dict[str, Path]:
    """The plain files of a folder but its notebooks, by relative name: no links, and none too large to keep."""
    from autograder.engine.fingerprint import handed_in_files

    found, room = {}, FILES_LIMIT
    for name, about in handed_in_files(folder):
        if not stat.S_ISREG(about.st_mode) or name.endswith((".ipynb", ".part")):
            continue
        if capped and (about.st_size > min(FILE_LIMIT, room) or len(found) >= FILES):
            continue
        room -= about.st_size
        found[name] = folder / name
    return found


def _copy(source: Path, target: Path) -> None:
    """Copy a plain file unless the same bytes are there already."""
    content = source.read_bytes()
    with contextlib.suppress(OSError):
        if target.is_file() and not target.is_symlink() and target.read_bytes() == content:
            return
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    elif target.is_symlink():
        target.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(target, content)


# --- the rows -----------------------------------------------------------------------------------------------------


class _Shape:
    """What the gradebook knows about one chapter: its rows are read once for a batch."""

    def __init__(self, db: Connection, chapter: Chapter):
        from nbgrader.api import Assignment, BaseCell, Notebook

        self.chapter = chapter
        self.assignment = db.execute(select(Assignment.id).where(Assignment.name == chapter.slug)).scalar()
        if self.assignment is None:
            raise GradebookError(
                f"{chapter.slug} is not in the gradebook yet: run 'autograder release {chapter.slug}' first."
            )
        wanted = select(Notebook.id, Notebook.name).where(Notebook.assignment_id == self.assignment)
        self.notebooks = {name: key for key, name in db.execute(wanted)}
        # By notebook: (cell's key, its name, its kind as nbgrader calls it).
        self.cells: dict[str, list[tuple[str, str, str]]] = {}
        for name, key in self.notebooks.items():
            wanted = select(BaseCell.id, BaseCell.name, BaseCell.type).where(BaseCell.notebook_id == key)
            self.cells[name] = [tuple(row) for row in db.execute(wanted)]
        if chapter.notebook not in self.notebooks:
            raise GradebookError(
                f"The gradebook has no notebook {chapter.notebook} in {chapter.slug}: run 'autograder release' again."
            )
        self.penalties = _late_penalties()
        self.limit = _output_limit()

    def bounded(self, notebook: dict[str, Any]) -> dict[str, Any]:
        """The notebook as nbgrader's LimitOutput leaves it."""
        from nbformat import from_dict

        return self.limit.preprocess(from_dict(notebook), {})[0]


@lru_cache(maxsize=1)
def _settings() -> Any:
    return configured()


@lru_cache(maxsize=1)
def _late_penalties() -> Any:
    """nbgrader's own step for late submissions, with the plugin that nbgrader_config.py names."""
    from nbgrader.preprocessors import AssignLatePenalties

    step = AssignLatePenalties(config=_settings())
    step.init_plugin()
    return step


@lru_cache(maxsize=1)
def _output_limit() -> Any:
    from nbgrader.preprocessors import LimitOutput

    return LimitOutput(config=_settings())


class _Rows:
    """One student's rows of one chapter, inside one transaction.

    nbgrader's own methods open a database connection for each preprocessor and commit after each cell; these are the
    same rows of the same tables, written with a handful of statements.
    """

    def __init__(self, db: Connection, shape: _Shape, student: str):
        from nbgrader.api import SubmittedAssignment, SubmittedNotebook

        self.db = db
        self.shape = shape
        self.student = student
        wanted = select(SubmittedAssignment.id).where(
            SubmittedAssignment.assignment_id == shape.assignment, SubmittedAssignment.student_id == student
        )
        self.submission = db.execute(wanted).scalar()
        self.notebook = None
        if self.submission is not None:
            wanted = select(SubmittedNotebook.id).where(
                SubmittedNotebook.assignment_id == self.submission,
                SubmittedNotebook.notebook_id == shape.notebooks[shape.chapter.notebook],
            )
            self.notebook = db.execute(wanted).scalar()
        self.penalty: float | None = None
        self._read()

    def _read(self) -> None:
        from nbgrader.api import BaseCell, Comment, Grade, SubmittedNotebook

        self.grades: dict[str, dict[str, Any]] = {}
        self.comments: dict[str, dict[str, Any]] = {}
        if self.notebook is None:
            return
        columns = (Grade.id, Grade.auto_score, Grade.manual_score, Grade.extra_credit, Grade.needs_manual_grade)
        for table, columns_, found in (
            (Grade, columns, self.grades),
            (Comment, (Comment.id, Comment.auto_comment, Comment.manual_comment), self.comments),
        ):
            wanted = select(BaseCell.name, *columns_).join_from(table, BaseCell, table.cell_id == BaseCell.id)
            wanted = wanted.where(table.notebook_id == self.notebook)
            # A formgrader that gives a mark at this moment waits until we are through, or we for it.
            for row in self.db.execute(wanted.with_for_update(of=table.__table__)).mappings():
                found[row["name"]] = dict(row)
        wanted = select(SubmittedNotebook.late_submission_penalty).where(SubmittedNotebook.id == self.notebook)
        self.penalty = self.db.execute(wanted).scalar()

    def summary(self, status: str | None) -> dict[str, Any] | None:
        """What the audit trail keeps; None when there is nothing in the gradebook and no status."""
        if status is None and all(row["auto_score"] is None for row in self.grades.values()):
            return None
        found: dict[str, Any] = {"status": status or "graded by nbgrader"}
        found["points"] = {name: row["auto_score"] for name, row in sorted(self.grades.items())}
        manual = {name: row["manual_score"] for name, row in self.grades.items() if row["manual_score"] is not None}
        if manual:
            found["manual"] = manual
        if self.penalty:
            found["penalty"] = self.penalty
        return found

    def marks(self) -> Marks | None:
        """The same for the feedback page."""
        if self.notebook is None:
            return None
        marks = Marks(penalty=self.penalty or 0.0)
        for name, row in self.grades.items():
            auto, manual = row["auto_score"], row["manual_score"]
            waiting = bool(row["needs_manual_grade"]) or (auto is None and manual is None)
            marks.cells[name] = Mark(auto, manual, row["extra_credit"], waiting)
        for name, row in self.comments.items():
            if (row["manual_comment"] or "").strip():
                marks.comments[name] = row["manual_comment"]
        return marks

    def look_at_all(self) -> None:
        """Ask for a person for every grade of an earlier hand-in: the new one cannot be matched."""
        from nbgrader.api import Grade

        self._student()
        if self.notebook is not None:
            self.db.execute(update(Grade).where(Grade.notebook_id == self.notebook).values(needs_manual_grade=True))
            for row in self.grades.values():
                row["needs_manual_grade"] = True

    def grade(self, notebook: dict[str, Any], flagged: tuple[str, ...], handed_in: datetime | None) -> None:
        """Student, submission, grades, comments and penalty, as nbgrader's autograde writes them."""
        self._student()
        self._submission(handed_in)
        self._grades(notebook, flagged)
        self._comments(notebook)
        self._penalty()

    def _student(self) -> None:
        from nbgrader.api import Student

        if self.db.execute(select(Student.id).where(Student.id == self.student)).scalar() is None:
            self.db.execute(insert(Student.__table__).values(id=self.student))

    def _submission(self, handed_in: datetime | None) -> None:
        from nbgrader.api import Comment, Grade, SubmittedAssignment, SubmittedNotebook, new_uuid

        if self.submission is not None:
            if handed_in is not None:
                this = update(SubmittedAssignment).where(SubmittedAssignment.id == self.submission)
                self.db.execute(this.values(timestamp=handed_in))
            return
        self.submission = new_uuid()
        values = {"id": self.submission, "assignment_id": self.shape.assignment, "student_id": self.student}
        self.db.execute(insert(SubmittedAssignment.__table__).values(**values, timestamp=handed_in))
        for name, key in self.shape.notebooks.items():
            number = new_uuid()
            values = {"id": number, "assignment_id": self.submission, "notebook_id": key}
            self.db.execute(insert(SubmittedNotebook.__table__).values(**values))
            cells = self.shape.cells[name]
            grades = [cell for cell, _, kind in cells if kind in ("GradeCell", "TaskCell")]
            comments = [cell for cell, _, kind in cells if kind in ("SolutionCell", "TaskCell")]
            for table, chosen in ((Grade, grades), (Comment, comments)):
                rows = [{"id": new_uuid(), "cell_id": cell, "notebook_id": number} for cell in chosen]
                if rows:
                    self.db.execute(insert(table.__table__), rows)
            if name == self.shape.chapter.notebook:
                self.notebook = number
        self._read()

    def _grades(self, notebook: dict[str, Any], flagged: tuple[str, ...]) -> None:
        from nbgrader.api import Grade
        from nbgrader.utils import determine_grade, is_grade

        scores = {
            cell.metadata.nbgrader["grade_id"]: determine_grade(cell)[0] for cell in notebook.cells if is_grade(cell)
        }
        for name, row in self.grades.items():
            row["auto_score"] = scores.get(name)
            # As nbgrader's SaveAutoGrades and our FlagForPerson decide it. A cell that is not in the notebook (which
            # matching makes impossible) has no points, and asks for a person.
            waits = row["manual_score"] is not None or row["auto_score"] is None or name in flagged
            row["needs_manual_grade"] = waits
        self._update(Grade, self.grades, ("auto_score", "needs_manual_grade"))

    def _comments(self, notebook: dict[str, Any]) -> None:
        from nbgrader.api import Comment
        from nbgrader.utils import compute_checksum, is_solution, is_task

        for cell in notebook.cells:
            if not (is_solution(cell) or is_task(cell)):
                continue
            about = cell.metadata.nbgrader
            untouched = about.get("checksum") == compute_checksum(cell) and not is_task(cell)
            if about["grade_id"] in self.comments:
                self.comments[about["grade_id"]]["auto_comment"] = "No response." if untouched else None
        self._update(Comment, self.comments, ("auto_comment",))

    def _update(self, table: Any, rows: dict[str, dict[str, Any]], columns: tuple[str, ...]) -> None:
        if rows:
            core = table.__table__
            values = {name: bindparam(f"new_{name}") for name in columns}
            changes = [{"key": row["id"], **{f"new_{name}": row[name] for name in columns}} for row in rows.values()]
            self.db.execute(update(core).where(core.c.id == bindparam("key")).values(values), changes)

    def _penalty(self) -> None:
        from nbgrader.api import Assignment, Grade, SubmittedAssignment, SubmittedNotebook

        wanted = (
            select(SubmittedAssignment.timestamp, Assignment.duedate, SubmittedAssignment.extension)
            .join_from(SubmittedAssignment, Assignment, SubmittedAssignment.assignment_id == Assignment.id)
            .where(SubmittedAssignment.id == self.submission)
        )
        stamp, due, extension = self.db.execute(wanted).one()
        penalty = None
        if stamp is not None and due is not None:
            late = (stamp - due - extension if extension else stamp - due).total_seconds()
            if late > 0:
                total = select(func.coalesce(func.sum(Grade.score), 0.0)).where(Grade.notebook_id == self.notebook)
                score = self.db.execute(total).scalar()
                penalty = self.shape.penalties.plugin_inst.late_submission_penalty(self.student, score, late)
                # Never a bonus, never less than nothing.
                penalty = None if penalty is None else min(max(penalty, 0), score)
        this = update(SubmittedNotebook).where(SubmittedNotebook.id == self.notebook)
        self.db.execute(this.values(late_submission_penalty=penalty))
        self.penalty = penalty


def _refused(entry: Entry, error: Exception) -> Entry:
    """The entry of a submission whose rows the gradebook does not take."""
    why = str(getattr(error, "orig", None) or error).strip().splitlines()[0][:200]
    sentence = f"The gradebook refused its grades ({type(error).__name__}: {why}); a person has to look at it."
    graded = failed(entry.chapter, entry.graded.result.student, sentence)
    graded.result.fingerprint, graded.result.version = entry.fingerprint, entry.version
    return replace(entry, graded=graded)


def read_history(project: Project, student: str, slugs: list[str] | None = None) -> list[Line]:
    """The audit trail of one student, oldest first; empty when nothing was graded yet. Raises GradebookError."""
    url = gradebook_url(project)
    if missing_file(url):
        return []
    engine = open_engine(url)
    try:
        with engine.connect() as db:
            return history(db, student, slugs) if inspect(db).has_table("mechanisms_audit") else []
    except OperationalError as error:
        raise unreachable(url, error) from None
    finally:
        engine.dispose()


def failed(chapter: Chapter, student: str, sentence: str) -> Graded:
    """The record of a submission that the grader itself could not grade: for a person, and tried again next time."""
    return Graded(Result(student, chapter.slug, status=FAILED, needs_person=[sentence], graded_at=now()))
