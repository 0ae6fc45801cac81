"""Whose file it is, from the names that an export gives.

- Canvas: `doejane_12345_67890_notebook.ipynb`, with `_LATE_` after the name or without, with `-1` at the end of a
  file that was handed in again, and `anon_AB12C_67890_notebook.ipynb` where grading is anonymous;
- Moodle: the folder `Jane Doe_12345_assignsubmission_file_` (the last underscore came and went with the versions),
  or the same in front of the file's name; `Participant_12345_...` where grading is anonymous;
- a plain tree: student/file, student/chapter/file, chapter/student/file, or student.ipynb, all of it perhaps in one
  folder around it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autograder.archives.members import Member

CANVAS, MOODLE, PLAIN = "canvas", "moodle", "folder"
_CANVAS = re.compile(
    r"(?P<name>[^/]+?)(?P<late>[_-]late)?_(?P<user>\d+)_(?P<submission>\d+)_(?P<file>.+)", re.IGNORECASE | re.DOTALL
)
_CANVAS_ANONYMOUS = re.compile(
    r"(?P<name>anon_(?P<user>[A-Za-z0-9]+))(?P<late>_late)?_(?P<submission>\d+)_(?P<file>.+)", re.IGNORECASE | re.DOTALL
)
_MOODLE = re.compile(r"(?P<name>.*?)_(?P<user>\d+)_assignsubmission_(?P<kind>[a-z]+)(?:_(?P<file>.*))?", re.DOTALL)
_AGAIN = re.compile(r"-(?P<attempt>\d{1,3})(?P<suffix>\.[A-Za-z.]+)$")
_WRAPPERS = {"submissions", "submission", "submitted", "export", "exports", "download", "downloads", "inbox", "files"}
_ARCHIVE_SUFFIX = re.compile(r"\.(zip|tar|tgz|tar\.(gz|bz2|xz)|gz|bz2|xz)$", re.IGNORECASE)


@dataclass(frozen=True)
class Sender:
    """Whose file it is and what it was called.

    `key` tells students of one export apart: Canvas's user number, the full name in Moodle (whose number is another
    one in every assignment), a folder's name. `hints` are folders that may name a chapter. `attempt` counts the
    times a file was handed in again.
    """

    lms: str
    key: str
    name: str
    file: str
    user_id: str = ""
    submission_id: str = ""
    late: bool = False
    attempt: int = 0
    hints: tuple[str, ...] = ()


def same_form(name: str) -> str:
    """A name in the one form of Unicode in which equal names are equal."""
    return unicodedata.normalize("NFC", name)


def around(parts: Sequence[tuple[str, ...]], stem: str, chapters: Iterable[str]) -> int:
    """How many folders stand around everything and name nobody.

    `parts` are those of every file, `stem` the archive's own name, `chapters` the names of chapters in small letters.
    """
    known = set(chapters)
    count = 0
    while parts and all(len(names) > count + 1 for names in parts) and len({names[count] for names in parts}) == 1:
        name = _bare(parts[0][count])
        if _from_lms(parts[0][count]):
            break
        below = {names[count + 1] for names in parts}
        folders = {_bare(names[count + 1]) for names in parts if len(names) > count + 2} - known
        lms_below = any(_from_lms(other) for other in below)
        if not (name in _WRAPPERS or name == _bare(stem) or name in known or lms_below or len(folders) > 1):
            break
        count += 1
    return count


def _bare(name: str) -> str:
    return _ARCHIVE_SUFFIX.sub("", same_form(name)).casefold()


def _from_lms(name: str) -> bool:
    return bool(_MOODLE.fullmatch(name) or _CANVAS.fullmatch(name) or _CANVAS_ANONYMOUS.fullmatch(name))


def sender_of(member: Member, skipped: int, chapters: Iterable[str]) -> Sender | None:
    """Whose file it is, when `skipped` folders stand around everything; None when its place tells nobody."""
    parts = tuple(same_form(part) for part in member.parts[skipped:])
    archives = {place - skipped for place in member.archives}
    for place, part in enumerate(parts):
        found = _MOODLE.fullmatch(part)
        if found:
            return _moodle(found, parts, place)
    found = None
    if len(parts) == 1 or 0 in archives:
        found = _CANVAS.fullmatch(parts[0]) or _CANVAS_ANONYMOUS.fullmatch(parts[0])
    if found:
        return _canvas(found, parts)
    return _plain(parts, archives, set(chapters))


def _moodle(found: re.Match, parts: tuple[str, ...], place: int) -> Sender:
    file = parts[-1] if place < len(parts) - 1 else (found["file"] or parts[-1])
    name = found["name"].strip() or "Participant"
    # Where grading is anonymous, only the number tells them apart.
    anonymous = name.split("-")[-1].strip().casefold() == "participant"
    key = f"{name.casefold()} {found['user']}" if anonymous else " ".join(name.split()).casefold()
    shown = f"Participant {found['user']}" if anonymous else name
    return Sender(MOODLE, key, shown, file, found["user"], hints=parts[place + 1 : -1])


def _canvas(found: re.Match, parts: tuple[str, ...]) -> Sender:
    file = parts[-1] if len(parts) > 1 else found["file"]
    again = _AGAIN.search(found["file"])
    return Sender(
        CANVAS,
        found["user"],
        found["name"],
        file,
        found["user"],
        found["submission"],
        late=bool(found["late"]),
        attempt=int(again["attempt"]) if again else 0,
        hints=parts[1:-1],
    )


def _plain(parts: tuple[str, ...], archives: set[int], chapters: set[str]) -> Sender | None:
    above = [_ARCHIVE_SUFFIX.sub("", part) if place in archives else part for place, part in enumerate(parts[:-1])]
    hints = tuple(part for part in above if part.casefold() in chapters)
    names = [part for part in above if part.casefold() not in chapters]
    if names:
        return Sender(PLAIN, names[0], names[0], parts[-1], hints=(*hints, *names[1:]))
    stem = parts[-1].rsplit(".", 1)[0].strip()
    # A file that is called like a chapter does not say whose it is.
    if not stem or re.sub(r"[\W_]*(\(?\d*\)?|copy|final)?$", "", stem).casefold() in chapters:
        return None
    return Sender(PLAIN, stem, stem, parts[-1], hints=hints)
