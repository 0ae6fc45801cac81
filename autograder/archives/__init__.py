"""Collecting what students handed in, from a learning-management system's export or a folder.

- ``members``: the files of an archive or folder, one by one, safe against everything an archive can do;
- ``senders``: whose file it is, from the names that Canvas, Moodle or a plain folder tree give;
- ``table``: course/lms.json, who is who and which file came from where (its format is described there);
- ``staging``: each file copied out, looked at, and given its chapter;
- ``placing``: files put where nbgrader expects them, without ever losing an earlier one (`collect`).
"""

from __future__ import annotations

from autograder.archives.placing import Collected, Line, collect

__all__ = ["Collected", "Line", "collect"]
