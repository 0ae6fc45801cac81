"""course/lms.json: who is who in the learning-management system, and which file came from where.

The file is one JSON object::

    {
      "version": 1,
      "students": {
        "doejane-12345": {                     the student's folder in submitted/, which is nbgrader's student id
          "lms": "canvas",                     "canvas", "moodle" or "folder"
          "key": "12345",                      what tells students of this export apart (see `senders.Sender`)
          "name": "doejane",                   the name as the export gives it, for a person to read
          "user_id": "12345",                  Canvas: the user's number. Moodle: the participant's, of the newest file
          "submissions": {
            "02_factual_recall": {             one entry for each chapter handed in: the file that counts now
              "user_id": "12345",              the number in this assignment (Moodle gives another one in each)
              "submission_id": "67890",        Canvas only
              "late": false,                   Canvas only: whether the export's name says LATE
              "file": "recall (1)-2.ipynb",    what the student called it
              "placed_as": "factual_recall.ipynb",
              "archive": "submissions.zip",    where it was collected from
              "modified": 1790000000.0,        its time in the archive, seconds since 1970, or null
              "timestamp": "",                 the time it was handed in, where the export tells one
              "sha256": "...",                 of the file as it was handed in
              "collected_at": "2026-11-24T02:30:00+00:00"
            }
          }
        }
      }
    }

- a student who is in the table keeps the id, so renaming one is editing it here and the folders of that name;
- a person may add what an export needs and no name tells: "email", "login", "sis_id", "section";
- ids are safe folder names: ASCII letters, digits, dots, dashes, underscores, @; no two differ in case alone.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any

from autograder.archives.senders import CANVAS, PLAIN, Sender, same_form
from mechanisms.errors import UsageError
from mechanisms.files import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.project import Project

VERSION = 1
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@-]{0,79}")
# Names that mean a device on Windows, where an instructor may open the folder.
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


class Table:
    """course/lms.json in memory. Raises UsageError when the file is there and is no table."""

    def __init__(self, project: Project):
        self.path: Path = project.course / "lms.json"
        self._submitted = project.course / "submitted"
        self.students: dict[str, dict[str, Any]] = {}
        if self.path.exists():
            try:
                students = json.loads(self.path.read_text("utf-8"))["students"]
                self.students = {name: dict(entry) for name, entry in students.items()}
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                raise UsageError(f"{self.path} cannot be read; mend it or move it away, then collect again.") from None
        folders = self._submitted.iterdir() if self._submitted.is_dir() else ()
        self._there = {folder.name for folder in folders}

    def save(self) -> None:
        """Write the file, as a whole or not at all."""
        data = {"version": VERSION, "students": self.students}
        atomic_write(self.path, json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True) + "\n")

    def id_for(self, sender: Sender) -> str:
        """The student's id, a new one (entered into the table) for somebody who is not in it yet."""
        for name, entry in self.students.items():
            if (entry.get("lms"), entry.get("key")) == (sender.lms, sender.key):
                return name
        if sender.lms == PLAIN:
            # A folder called like a student is that student's, wherever the student came from first.
            if sender.key in self.students or (sender.key in self._there and safe(sender.key)):
                self._enter(sender.key, sender)
                return sender.key
            wanted = sender.key if safe(sender.key) else slug(sender.key)
        else:
            wanted = slug(sender.name)
            wanted = f"{wanted}-{slug(sender.user_id)}" if sender.lms == CANVAS else wanted
        taken = {name.casefold() for name in (*self.students, *self._there)}
        number, name = 1, wanted
        while name.casefold() in taken:
            number += 1
            name = f"{wanted}-{number}"
        self._enter(name, sender)
        return name

    def _enter(self, name: str, sender: Sender) -> None:
        if name not in self.students:
            about = {"lms": sender.lms, "key": sender.key, "name": sender.name, "user_id": sender.user_id}
            self.students[name] = {**about, "submissions": {}}

    def submission(self, student: str, slug: str) -> dict[str, Any]:
        """What is known about the file of a student that counts now; empty when nothing is."""
        found = self.students.get(student, {}).get("submissions", {}).get(slug)
        return found if isinstance(found, dict) else {}

    def record(self, student: str, slug: str, sender: Sender, about: dict[str, Any]) -> None:
        """Note which file of a student counts now."""
        entry = self.students[student]
        if sender.user_id:
            entry["user_id"] = sender.user_id
        ids = {"user_id": sender.user_id, "submission_id": sender.submission_id, "late": sender.late}
        entry.setdefault("submissions", {})[slug] = {**ids, "file": sender.file, **about}


def safe(name: str) -> bool:
    """Whether a name is a folder's name on every system, and no option or pattern to any program."""
    return bool(_SAFE.fullmatch(name)) and not name.endswith(".") and not _RESERVED.fullmatch(name)


def slug(name: str) -> str:
    """A name as an id: small ASCII letters and dashes, with a short hash where letters had to go."""
    name = same_form(name)
    plain = unicodedata.normalize("NFKD", name)
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    kept = re.sub(r"[^a-z0-9._]+", "-", letters.casefold()).strip("-._")[:60]
    lost = any(letter.isalnum() and not letter.isascii() for letter in letters)
    if lost or not kept or _RESERVED.fullmatch(kept):
        kept = f"{kept or 'student'}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:6]}"
    return kept
