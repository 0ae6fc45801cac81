"""The errors that a person meets, each one clear sentence without a traceback.

- ``CourseError`` is the parent: a message that says what to do, and an optional page of the book;
- notebooks show only that message (IPython asks ``_render_traceback_``); command lines print ``str(error)``;
- the subclasses name the situation, so that callers can tell them apart.
"""

from __future__ import annotations

from mechanisms.address import book_page


class CourseError(Exception):
    """A foreseeable problem, explained in one sentence that says what to do about it.

    ``page`` is the slug of a page under ``book/errors/`` with symptom, cause and fix; a kind of error that has
    one page for all its cases names it as ``usual_page``.
    """

    usual_page: str | None = None

    def __init__(self, message: str, page: str | None = None):
        super().__init__(message)
        self.message = message
        self.page = page or self.usual_page

    def __str__(self) -> str:
        return f"{self.message} {self.link()}" if self.page else self.message

    def link(self) -> str:
        """Where the page about this error is: an address when there is a hosted book, else its name."""
        if not self.page:
            return ""
        where = book_page(f"book/errors/{self.page}.html") or f"'{self.page}' in the book's list of errors"
        return f"(More: {where}.)"

    def _render_traceback_(self) -> list[str]:
        """What IPython prints in place of a traceback."""
        return str(self).splitlines()


class UsageError(CourseError):
    """A function of the course was called with something it cannot work with."""


class CheckFailed(CourseError):
    """An exercise earned no points; the message is the whole readable verdict.

    ``brief`` is shown instead of the full message where a card with the details is already on the page.
    """

    def __init__(self, message: str, page: str | None = None, brief: str | None = None):
        super().__init__(message, page)
        self.brief = brief

    def _render_traceback_(self) -> list[str]:
        return [self.brief] if self.brief else super()._render_traceback_()


class BadData(CourseError):
    """A value or a file is not the plain data that checks exchange."""


class ModelMissing(CourseError):
    """A model's folder or one of its files is not there."""

    usual_page = "model-missing"


class DiskFull(CourseError):
    """There is no room left to write a file; the old file, if any, is untouched."""

    usual_page = "disk-full"


class CannotWrite(CourseError):
    """A file cannot be written for another reason than a full disk."""


class BadNotebook(CourseError):
    """A notebook file cannot be read or used."""

    usual_page = "notebook-unreadable"


class BuildError(CourseError):
    """A source of the course (a solution or a spec) is wrong, so nothing can be generated from it."""
