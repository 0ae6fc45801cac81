"""Where the gradebook's database is, and how it is opened.

- ``gradebook_url``: MECHANISMS_GRADEBOOK, `c.CourseDirectory.db_url` in nbgrader_config.py, or course/gradebook.db;
- SQLite or PostgreSQL; an address may hold a password, so only ``shown_url`` is ever shown;
- every way in which a database can be out of reach is one sentence.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError

from autograder.project import REPOSITORY
from mechanisms.errors import CourseError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from autograder.project import Project

# Seconds to wait for a formgrader that is writing a mark.
BUSY = 30.0


class GradebookError(CourseError):
    """The gradebook cannot be opened or written."""


def gradebook_url(project: Project) -> str:
    """The address of the gradebook's database, as SQLAlchemy reads it (it may hold a password: never print it)."""
    url = os.environ.get("MECHANISMS_GRADEBOOK", "").strip() or configured().get("CourseDirectory", {}).get("db_url")
    if not url:
        return f"sqlite:///{project.course / 'gradebook.db'}"
    # The driver we install is psycopg 3; SQLAlchemy's own default is another.
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", str(url))


def configured() -> Any:
    """nbgrader_config.py as nbgrader reads it."""
    from traitlets.config import PyFileConfigLoader

    return PyFileConfigLoader("nbgrader_config.py", path=str(REPOSITORY)).load_config()


def shown_url(url: str) -> str:
    """The address without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "the address that was given"


def open_engine(url: str) -> Engine:
    """A database engine for a gradebook. Raises GradebookError for an address that is none."""
    try:
        engine = create_engine(url)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        why = str(error).splitlines()[0]
        raise GradebookError(
            f"{shown_url(url)} is no gradebook that can be opened ({why}); use sqlite:///FILE or "
            "postgresql://USER@HOST/NAME (with the extra 'postgres' installed)."
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_connected)
        event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connected(connection: Any, _: Any) -> None:
    # Our own BEGIN IMMEDIATE below: a transaction that reads first and writes later would fail when a formgrader
    # writes in between, and could overlook a person's mark.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY * 1000)}")


def _sqlite_begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def knows_chapter(project: Project, slug: str) -> bool:
    """Whether the gradebook is there and the chapter was released into it. Raises GradebookError."""
    url = gradebook_url(project)
    if missing_file(url):
        return False
    engine = open_engine(url)
    try:
        with engine.connect() as db:
            if not inspect(db).has_table("assignment"):
                return False
            return bool(db.execute(text("SELECT 1 FROM assignment WHERE name = :slug"), {"slug": slug}).first())
    except OperationalError as error:
        raise unreachable(url, error) from None
    finally:
        engine.dispose()


def missing_file(url: str) -> bool:
    """Whether this is SQLite and its file is not there (opening it would make an empty one)."""
    return url.startswith("sqlite:") and not os.path.exists(url.removeprefix("sqlite:///"))


def unreachable(url: str, error: Exception) -> GradebookError:
    why = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    return GradebookError(f"The gradebook {shown_url(url)} cannot be used: {why}.")
