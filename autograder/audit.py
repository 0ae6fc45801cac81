"""The audit trail: one line for every grading and regrading, never changed and never removed.

- a table of its own in the gradebook's database, written in the same transaction as the grades it tells of: there is
  no grade without its line and no line without its grade, whenever the program is killed, also with PostgreSQL;
- who (the account that ran the command, or --by), when (UTC), which grader and which submission (hashes), the status
  and the points before and after, and why (--reason);
- the database itself refuses to change or delete a line (a trigger in SQLite and in PostgreSQL);
- ``history`` reads the lines of one student, `autograder grade --history STUDENT` prints them.

The lines name students but hold no foreign keys, so that they outlive a student who is removed from the gradebook.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import DDL, Column, Integer, MetaData, String, Table, Text, event, insert, select

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

TABLES = MetaData()
AUDIT = Table(
    "mechanisms_audit",
    TABLES,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", String(32), nullable=False),
    Column("by", Text, nullable=False),
    Column("action", String(16), nullable=False),
    Column("chapter", String(128), nullable=False, index=True),
    Column("student", String(128), nullable=False, index=True),
    Column("reason", Text, nullable=False, default=""),
    Column("grader", String(64), nullable=False),
    Column("submission", String(64), nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    sqlite_autoincrement=True,
)

_SQLITE = [
    DDL(
        f"CREATE TRIGGER mechanisms_audit_no_{word.lower()} BEFORE {word} ON mechanisms_audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
    )
    for word in ("UPDATE", "DELETE")
]
_POSTGRES = [
    DDL(
        "CREATE OR REPLACE FUNCTION mechanisms_append_only() RETURNS trigger AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$ LANGUAGE plpgsql"
    ),
    DDL(
        "CREATE TRIGGER mechanisms_audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON mechanisms_audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION mechanisms_append_only()"
    ),
]
for _dialect, _statements in (("sqlite", _SQLITE), ("postgresql", _POSTGRES)):
    for _statement in _statements:
        event.listen(AUDIT, "after_create", _statement.execute_if(dialect=_dialect))


@dataclass(frozen=True)
class Line:
    """One line of the trail. ``before`` is None at the first grading; points are by grade id.

    ``at`` is an ISO time in UTC, ``grader`` and ``submission`` are SHA-256 hashes (the grader's may be shortened).
    """

    at: str
    by: str
    action: str
    chapter: str
    student: str
    reason: str
    grader: str
    submission: str
    before: dict[str, Any] | None
    after: dict[str, Any]

    @property
    def changes(self) -> list[str]:
        """What the line changed, as short phrases: "scale_head-check 2 to 5", "status failed to graded"."""
        before = self.before or {}
        found = []
        if self.before is not None and before.get("status") != self.after.get("status"):
            found.append(f"status {before.get('status')} to {self.after.get('status')}")
        old, new = before.get("points", {}), self.after.get("points", {})
        for name in sorted({*old, *new}):
            if self.before is not None and old.get(name) != new.get(name):
                found.append(f"{name} {_points(old.get(name))} to {_points(new.get(name))}")
        return found


def _points(value: float | None) -> str:
    return "nothing" if value is None else f"{value:g}"


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def account() -> str:
    """The name of the account that runs this process (its number where it has no name)."""
    with contextlib.suppress(ImportError, KeyError, AttributeError):
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    with contextlib.suppress(KeyError, OSError, ImportError):
        return getpass.getuser()
    return str(getattr(os, "getuid", lambda: "unknown")())


def add_line(db: Connection, line: Line) -> None:
    """Append one line inside the caller's transaction."""
    values = {**vars(line), "before": json.dumps(line.before), "after": json.dumps(line.after)}
    db.execute(insert(AUDIT).values(values))


def history(db: Connection, student: str, chapters: Iterable[str] | None = None) -> list[Line]:
    """The lines of one student, oldest first; ``chapters`` are slugs (None: all)."""
    columns = [column for column in AUDIT.columns if column.name != "id"]
    wanted = select(*columns).where(AUDIT.c.student == student).order_by(AUDIT.c.id)
    if chapters is not None:
        wanted = wanted.where(AUDIT.c.chapter.in_(list(chapters)))
    rows = db.execute(wanted).mappings()
    return [Line(**{**row, "before": json.loads(row["before"]), "after": json.loads(row["after"])}) for row in rows]
