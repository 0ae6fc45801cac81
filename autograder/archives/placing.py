"""Putting what was handed in where nbgrader expects it, without ever losing an earlier file.

- a notebook becomes course/submitted/STUDENT/CHAPTER/NOTEBOOK.ipynb, a script or Markdown text keeps its own name;
- of several files the newest with the chapter's exercises counts; an older one never replaces a newer one;
- whatever is replaced, or does not count, is kept in course/replaced/STUDENT/CHAPTER/;
- what cannot be placed is kept in course/unplaced/ beside a text that says why;
- every file gets one line that says what became of it, and course/lms.json is written before any file moves;
- a file is renamed into place as a whole; collecting the same again changes nothing.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbgrader.utils import parse_utc

from autograder.archives.members import Limits
from autograder.archives.senders import MOODLE, PLAIN
from autograder.archives.staging import TIMESTAMP, Staged, look, stage
from autograder.archives.table import Table
from autograder.nbg.intake import notebook_files
from mechanisms.errors import CannotWrite, UsageError
from mechanisms.files import atomic_write

if TYPE_CHECKING:
    from autograder.project import Project
    from autograder.specs.base import Chapter

# What can become of a file.
PLACED, REPLACED, UNCHANGED = "placed", "placed, an older one kept aside", "unchanged"
ASIDE, LEFT_OUT, UNPLACED, REFUSED = "kept aside", "left out", "not placed", "refused"
NEEDS_PERSON = (UNPLACED, REFUSED)


@dataclass
class Line:
    """What became of one file: `kept_at` is its place below the course directory, `why` a short reason."""

    file: str
    source: str
    outcome: str
    student: str = ""
    chapter: str = ""
    why: str = ""
    kept_at: str = ""

    def __str__(self) -> str:
        where = f" for {', '.join(part for part in (self.student, self.chapter) if part)}" if self.student else ""
        why = f": {self.why}" if self.why else ""
        at = f" (kept in {self.kept_at})" if self.kept_at and self.outcome not in (PLACED, UNCHANGED) else ""
        return f"{self.file}: {self.outcome}{where}{why}{at}"


@dataclass
class Collected:
    """Everything that was found, one line for each file, in the order of the archives."""

    lines: list[Line] = field(default_factory=list)

    @property
    def needs_person(self) -> list[Line]:
        """The files that somebody has to look at."""
        return [line for line in self.lines if line.outcome in NEEDS_PERSON]

    def as_json(self) -> dict[str, Any]:
        """Plain data: the lines, and how many files had each outcome."""
        counts: dict[str, int] = {}
        for line in self.lines:
            counts[line.outcome] = counts.get(line.outcome, 0) + 1
        return {"files": [asdict(line) for line in self.lines], "counts": counts}


def collect(
    project: Project,
    sources: Sequence[Path],
    chapter: Chapter | None = None,
    dry_run: bool = False,
    limits: Limits | None = None,
) -> Collected:
    """Collect archives and folders into the course; with `dry_run` only say what would be done.

    `chapter` is the one that everything was handed in for, where that is known. Raises BadArchive when a source is
    not there and UsageError when lms.json is damaged or another collection is going on.
    """
    collected = Collected()
    with _workplace(project, dry_run) as folder:
        table = Table(project)
        everything: list[Staged] = []
        for number, source in enumerate(sources):
            place = folder / str(number)
            place.mkdir()
            staged = _told_apart(stage(project, source, place, limits))
            for one in staged:
                look(project, one, chapter)
                one.order += number * 10_000_000
            _one_assignment(staged)
            everything += staged
        mover = _Mover(project, table, folder, dry_run, collected)
        mover.run(everything)
    collected.lines.sort(key=lambda line: (line.source, line.file))
    return collected


@contextmanager
def _workplace(project: Project, dry_run: bool) -> Iterator[Path]:
    """A folder for copies, on the course's own disk so that files can be renamed into place."""
    if dry_run:
        with tempfile.TemporaryDirectory(prefix="collect-") as folder:
            yield Path(folder)
        return
    try:
        project.course.mkdir(parents=True, exist_ok=True)
        lock = open(project.course / ".collecting.lock", "w")  # noqa: SIM115 - held until the end
    except OSError as error:
        raise CannotWrite(f"The course directory {project.course} cannot be written: {error.strerror}.") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError("Another 'autograder collect' is going on in this course; wait for its end.") from None
        # What a collection that was killed left behind: copies, nothing else.
        for old in project.course.glob(".collecting-*"):
            shutil.rmtree(old, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=".collecting-", dir=project.course))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _one_assignment(staged: list[Staged]) -> None:
    """A learning-management system exports one assignment: what cannot be read is for the chapter of the rest."""
    chapters = {one.chapter.slug: one.chapter for one in staged if one.is_right}
    if len(chapters) == 1:
        for one in staged:
            if one.chapter is None and one.sender is not None and one.sender.lms != PLAIN:
                one.chapter = next(iter(chapters.values()))


def _told_apart(staged: list[Staged]) -> list[Staged]:
    """Two students of one name in one Moodle export: the participants' numbers tell them apart."""
    numbers = defaultdict(set)
    for one in staged:
        if one.sender and one.sender.lms == MOODLE:
            numbers[one.sender.key].add(one.sender.user_id)
    for one in staged:
        if one.sender and one.sender.lms == MOODLE and len(numbers[one.sender.key]) > 1:
            one.sender = replace(one.sender, key=f"{one.sender.key} {one.sender.user_id}")
            one.note = f"several students are called {one.sender.name}; number {one.sender.user_id} is this one"
    return staged


class _Mover:
    """Decides about each student's files and moves them."""

    def __init__(self, project: Project, table: Table, folder: Path, dry_run: bool, collected: Collected):
        self.project = project
        self.table = table
        self.folder = folder
        self.dry_run = dry_run
        self.collected = collected
        self.stamp = datetime.now(UTC).isoformat(timespec="seconds")

    def run(self, everything: list[Staged]) -> None:
        """Sort by student and chapter, write the table, then move."""
        groups: dict[tuple[str, str], list[Staged]] = defaultdict(list)
        loose: dict[str, list[Staged]] = defaultdict(list)
        has_notebook: set[str] = set()
        for one in everything:
            if one.refused or one.sender is None:
                self._not_placed(one)
                continue
            student = self.table.id_for(one.sender)
            if one.chapter is None:
                loose[student].append(one)
                continue
            groups[student, one.chapter.slug].append(one)
            if one.is_right:
                has_notebook.add(student)
        if not self.dry_run:
            self.table.save()
        for (student, _), files in groups.items():
            self._student(student, files)
        for student, files in loose.items():
            for one in files:
                if one.form == "notebook" or student not in has_notebook:
                    self._not_placed(one, student)
                else:
                    self._say(one, LEFT_OUT, student, why=one.problem or "it is no notebook of the course")
        if not self.dry_run:
            self.table.save()

    def _student(self, student: str, files: list[Staged]) -> None:
        """One student's files for one chapter: the best one counts."""
        if any(one.form for one in files):
            kept = [one for one in files if one.is_right or (one.form and one.suffix == ".ipynb")]
            kept = kept or [one for one in files if one.form]
        else:
            # Nothing can be read: one file is placed all the same, so that the student is on the class's list.
            kept = sorted(files, key=lambda one: not one.may_be_notebook)[:1]
        for one in files:
            if one not in kept:
                self._say(one, LEFT_OUT, student, why=one.problem or "it is not the chapter's notebook")
        kept.sort(key=_rank)
        for one in kept[:-1]:
            if one.sha256 == kept[-1].sha256:
                self._say(one, UNCHANGED, student, why="it is there twice")
            else:
                at = self._aside(one, student)
                self._say(one, ASIDE, student, why=f"{kept[-1].shown} counts in its place", at=at)
        if kept:
            self._place(kept[-1], student)

    def _place(self, one: Staged, student: str) -> None:
        chapter = one.chapter
        folder = self.project.submission(chapter, student).parent
        name = f"{chapter.notebook}.ipynb" if _is_notebook(one) else file_name(one.sender.file)
        target = folder / name
        for place in (folder.parent, folder, target):
            if place.is_symlink():
                self._say(one, REFUSED, student, why=f"{place.name} in submitted/ is a link; remove it first")
                return
        before = self.table.submission(student, chapter.slug)
        there = _handed_in(folder, before)
        about = self._about(one, name)
        if target in there and _same(target, one.path):
            self._record(one, student, about)
            self._say(one, UNCHANGED, student, why=_oddity(one), at=self._below(target))
            return
        reason = _older(one, before) if there else ""
        if there and not reason and not one.is_right and self._was_right(before, there):
            reason = "what is there can be graded, this cannot"
        if reason:
            self._say(one, ASIDE, student, why=reason, at=self._aside(one, student))
            return
        aside = self._replace(there, folder, student, chapter) if there else ""
        if not self.dry_run:
            folder.mkdir(parents=True, exist_ok=True)
            # The time first: were this ended in between, the next collection would begin with it again.
            if one.timestamp:
                atomic_write(folder / TIMESTAMP, one.timestamp + "\n")
            else:
                (folder / TIMESTAMP).unlink(missing_ok=True)
            os.replace(one.path, target)
            for old in there:
                if old != target:
                    old.unlink(missing_ok=True)
            self._forget_unplaced(one)
        self._record(one, student, about)
        outcome = REPLACED if there else PLACED
        self._say(one, outcome, student, why=_oddity(one), at=aside or self._below(target))

    def _was_right(self, before: dict[str, Any], there: list[Path]) -> bool:
        return bool(before.get("readable", any(path.suffix == ".ipynb" for path in there)))

    def _about(self, one: Staged, name: str) -> dict[str, Any]:
        return {
            "placed_as": name,
            "archive": one.source,
            "modified": one.modified,
            "timestamp": one.timestamp,
            "sha256": one.sha256,
            "readable": one.is_right,
            "collected_at": self.stamp,
        }

    def _record(self, one: Staged, student: str, about: dict[str, Any]) -> None:
        before = self.table.submission(student, one.chapter.slug)
        if before.get("sha256") == about["sha256"]:
            about["collected_at"] = before.get("collected_at", about["collected_at"])
        self.table.record(student, one.chapter.slug, one.sender, about)

    def _replace(self, there: Iterable[Path], folder: Path, student: str, chapter: Chapter) -> str:
        """Copy what is about to be replaced; the old file stays until the new one has its place."""
        place = self.project.course / "replaced" / student / chapter.slug / _for_file(self.stamp)
        place = _free(place)
        if not self.dry_run:
            copies = _free(self.folder / "replaced")
            copies.mkdir()
            stamp = folder / TIMESTAMP
            for old in [*there, *([stamp] if stamp.is_file() else [])]:
                shutil.copy2(old, _free(copies / old.name), follow_symlinks=False)
            # Renamed when complete: ended in between, no half a copy is left.
            place.parent.mkdir(parents=True, exist_ok=True)
            copies.rename(place)
        return self._below(place)

    def _aside(self, one: Staged, student: str) -> str:
        """Keep a file that does not count; the same file is kept once."""
        folder = self.project.course / "replaced" / student / one.chapter.slug / "not-counted"
        target = folder / f"{one.sha256[:8]}-{file_name(one.sender.file)}"
        if not self.dry_run and not target.exists():
            folder.mkdir(parents=True, exist_ok=True)
            os.replace(one.path, target)
        return self._below(target)

    def _not_placed(self, one: Staged, student: str = "") -> None:
        if one.refused:
            why = one.problem
        elif one.sender is None:
            why = "its place does not say whose it is; put it into a folder named for the student and collect that"
        else:
            why = one.problem or "it cannot be told for which chapter it is; name it with --chapter"
            why += "; ask for the notebook" if one.problem else ""
        if one.path is None:
            self._say(one, REFUSED if one.refused else UNPLACED, student, why=why)
            return
        folder = self.project.course / "unplaced"
        target = folder / f"{one.sha256[:8]}-{file_name('-'.join(one.parts))}"
        if not self.dry_run:
            folder.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                os.replace(one.path, target)
            atomic_write(target.with_name(target.name + ".why.txt"), f"{one.source}: {one.shown}\n{why}\n")
        self._say(one, UNPLACED, student, why=why, at=self._below(target))

    def _forget_unplaced(self, one: Staged) -> None:
        """A file that found its place at last is no longer one that did not."""
        for old in (self.project.course / "unplaced").glob(f"{one.sha256[:8]}-*"):
            old.unlink(missing_ok=True)

    def _say(self, one: Staged, outcome: str, student: str = "", why: str = "", at: str = "") -> None:
        chapter = one.chapter.slug if one.chapter else ""
        self.collected.lines.append(Line(one.shown, one.source, outcome, student, chapter, why, at))

    def _below(self, path: Path) -> str:
        return path.relative_to(self.project.course).as_posix()


def _rank(one: Staged) -> tuple:
    """Of a student's files the last in this order counts."""
    number = int(one.sender.submission_id) if one.sender.submission_id.isdecimal() else 0
    return (one.is_right, one.suffix == ".ipynb", number, one.sender.attempt, _time(one), one.order)


def _time(one: Staged) -> float:
    return _moment(one.timestamp) or one.modified or 0.0


def _moment(timestamp: str) -> float | None:
    try:
        return parse_utc(timestamp).replace(tzinfo=UTC).timestamp() if timestamp else None
    except Exception:  # dateutil raises whatever its many guesses raise
        return None


def _older(one: Staged, before: dict[str, Any]) -> str:
    """Why a file is older than the one that was collected before; empty when it is not, or nobody can tell."""
    pairs = (
        (one.sender.submission_id, before.get("submission_id"), "its submission number is lower"),
        (_moment(one.timestamp), _moment(str(before.get("timestamp") or "")), "it was handed in earlier"),
        (one.modified, before.get("modified"), "its file is older"),
    )
    for mine, theirs, words in pairs:
        try:
            if mine and theirs and float(mine) != float(theirs):
                older = float(mine) < float(theirs)
                return f"{words} than that of the one collected before" if older else ""
        except (TypeError, ValueError):
            continue
    return ""


def _oddity(one: Staged) -> str:
    """What a person should know about a file that was placed all the same."""
    if one.note:
        return one.note
    if not one.form:
        return f"it cannot be graded ({one.problem})" if one.problem else ""
    if one.inside is not None and not one.is_right:
        return f"it holds exercises of {one.inside.slug}"
    return "" if one.inside is not None else "no exercise was recognised in it"


def _is_notebook(one: Staged) -> bool:
    return one.form == "notebook" or (not one.form and one.suffix == ".ipynb")


def _handed_in(folder: Path, before: dict[str, Any]) -> list[Path]:
    """The files in a student's folder that a new one takes the place of."""
    there = [path for path in notebook_files(folder) if path.parent == folder and path.name != TIMESTAMP]
    placed = folder / file_name(str(before.get("placed_as") or ""))
    if placed not in there and placed.is_file() and not placed.is_symlink():
        there.append(placed)
    return there


def _same(there: Path, new: Path | None) -> bool:
    if new is None or there.stat().st_size != new.stat().st_size:
        return False
    with open(there, "rb") as one, open(new, "rb") as other:
        while data := one.read(1 << 20):
            if data != other.read(1 << 20):
                return False
    return True


def file_name(name: str) -> str:
    """A name from outside as a file's name that every system takes, its ending kept."""
    plain = re.sub(r"[^A-Za-z0-9._()+ -]", "_", name).strip(" .").lstrip("-")
    stem, dot, suffix = plain.rpartition(".")
    if not dot or len(suffix) > 10:
        stem, dot, suffix = plain, "", ""
    stem = stem[:80].strip(" .") or "file"
    if re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", stem):
        stem = f"_{stem}"
    return f"{stem}{dot}{suffix}"


def _for_file(stamp: str) -> str:
    return stamp.replace(":", "").replace("+0000", "Z")


def _free(path: Path) -> Path:
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free
