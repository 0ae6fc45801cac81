"""Each file of an export copied out, looked at, and given its chapter.

- what cannot be a notebook is copied too while it is small: it may be all that a student handed in;
- a file's chapter is the one that was asked for, else that of its folder, of what stands in it, or of its name;
- nothing is decided here about students: see `placing`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.archives.members import MEGABYTE, BadArchive, Limits, Member, TooMuch, members
from autograder.archives.senders import Sender, around, sender_of
from autograder.nbg.identity import which_chapter
from autograder.nbg.intake import SUFFIXES, read_notebook
from mechanisms.errors import BadNotebook

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autograder.project import Project
    from autograder.specs.base import Chapter

# A file of another kind that is larger than this is only named.
OTHER_LIMIT = 32 * MEGABYTE
TIMESTAMP = "timestamp.txt"


@dataclass
class Staged:
    """One file of an export: where its copy lies, whose it is and what was found in it.

    `form` is "notebook", "script" or "markdown", or empty when it cannot be read as one (`problem` says why).
    `chapter` is where it belongs, `inside` the chapter whose exercises stand in it, as far as that can be told.
    """

    source: str
    parts: tuple[str, ...]
    archives: tuple[int, ...] = ()
    path: Path | None = None
    sha256: str = ""
    modified: float | None = None
    problem: str = ""
    refused: bool = False
    sender: Sender | None = None
    form: str = ""
    inside: Chapter | None = None
    chapter: Chapter | None = None
    timestamp: str = ""
    note: str = ""
    order: int = 0

    @property
    def shown(self) -> str:
        """The file as a person finds it: its place in what was collected, in printable letters."""
        name = "/".join(self.parts)
        return "".join(letter if letter.isprintable() else "?" for letter in name)

    @property
    def suffix(self) -> str:
        """The ending of its name, in small letters with the dot."""
        return Path(self.parts[-1]).suffix.lower()

    @property
    def may_be_notebook(self) -> bool:
        """Whether files of this ending are read as notebooks."""
        return self.suffix in SUFFIXES

    @property
    def is_right(self) -> bool:
        """Whether exercises of the chapter where it belongs stand in it."""
        return self.inside is not None and self.chapter is not None and self.inside.slug == self.chapter.slug


def stage(project: Project, source: Path, folder: Path, limits: Limits | None = None) -> list[Staged]:
    """Copy the files of `source` to `folder`, and read whose they are. Raises BadArchive when it is not there."""
    found = []
    for number, member in enumerate(members(source, limits)):
        staged = Staged(source.name, member.parts, member.archives, modified=member.modified, order=number)
        found.append(staged)
        _fetch(member, staged, folder / f"{number}{staged.suffix if staged.may_be_notebook else '.other'}")
    known = chapter_words(project)
    skipped = around([staged.parts for staged in found if not staged.refused], source.stem, known)
    for staged in found:
        member = Member(staged.parts, archives=staged.archives)
        staged.sender = sender_of(member, skipped, known)
    return _with_timestamps(found)


def chapter_words(project: Project) -> dict[str, Chapter]:
    """The words, in small letters, that name a chapter in a folder's name."""
    words: dict[str, Chapter] = {}
    for chapter in project.chapters.values():
        number = f"{chapter.number:02d}"
        for word in (chapter.slug, chapter.notebook, number, f"ch{number}", f"chapter{number}", f"chapter {number}"):
            words.setdefault(word.casefold(), chapter)
    return words


def _fetch(member: Member, staged: Staged, path: Path) -> None:
    if member.problem:
        staged.problem, staged.refused = member.problem, True
        return
    if not staged.may_be_notebook and member.size > OTHER_LIMIT:
        staged.problem = "it is no notebook"
        return
    try:
        with open(path, "xb") as file:
            member.copy(file)
    except TooMuch:
        path.unlink(missing_ok=True)
        staged.problem, staged.refused = "the archive unfolds to more than is allowed", True
    except BadArchive as error:
        path.unlink(missing_ok=True)
        staged.problem, staged.refused = str(error), True
    else:
        staged.path = path
        with open(path, "rb") as file:
            staged.sha256 = hashlib.file_digest(file, "sha256").hexdigest()


def _with_timestamps(found: list[Staged]) -> list[Staged]:
    """nbgrader's own timestamp.txt belongs to the notebooks beside it."""
    times = {}
    for staged in found:
        if staged.parts[-1] == TIMESTAMP and staged.path is not None and staged.path.stat().st_size < 200:
            times[staged.parts[:-1]] = staged.path.read_text("utf-8", errors="replace").strip()
    rest = [staged for staged in found if staged.parts[-1] != TIMESTAMP or staged.refused]
    for staged in rest:
        staged.timestamp = times.get(staged.parts[:-1], "")
    return rest


def look(project: Project, staged: Staged, forced: Chapter | None) -> None:
    """Read a staged file and decide to which chapter it belongs."""
    if staged.path is not None and not staged.refused:
        if staged.may_be_notebook:
            try:
                notebook, _ = read_notebook(staged.path)
            except BadNotebook as error:
                name = Path(staged.parts[-1]).name
                staged.problem = error.message.replace(staged.path.name, "it").replace("; ask for it again", "")
                staged.problem = staged.problem.rstrip(".") or f"{name} cannot be read"
            else:
                staged.form = notebook.metadata.read_as
                staged.inside = which_chapter(notebook, project.chapters.values())
        else:
            staged.problem = "it is no notebook"
    staged.chapter = forced or _named(project, staged) or staged.inside or _by_file_name(project, staged)


def _named(project: Project, staged: Staged) -> Chapter | None:
    words = chapter_words(project)
    hints = staged.sender.hints if staged.sender else ()
    return next((words[hint.casefold()] for hint in hints if hint.casefold() in words), None)


def _by_file_name(project: Project, staged: Staged) -> Chapter | None:
    names = [staged.sender.file if staged.sender else staged.parts[-1], *staged.parts[:-1], staged.source]
    return next((found for name in names for found in _spelled(project.chapters.values(), name)), None)


def _spelled(chapters: Iterable[Chapter], name: str) -> list[Chapter]:
    """The chapters whose slug or notebook stands in a name, longest first."""
    plain = re.sub(r"[\W_]+", "_", name.casefold())
    longest = sorted(chapters, key=lambda chapter: -len(chapter.notebook))
    return [chapter for chapter in longest if chapter.notebook.casefold() in plain]
