"""`autograder serve`: book, feedback and class report on this computer."""

from __future__ import annotations

from typing import Annotated

import typer

from autograder.commands.output import out, shown
from autograder.project import current
from mechanisms.errors import CourseError


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1 (0 picks a free one).")] = 8000,
) -> int:
    """Serve book, feedback and class report on this computer until Ctrl-C."""
    from autograder.serve import CourseServer

    project = current()
    built = [project.book / "index.html", project.course / "report.html"]
    if not any(path.exists() for path in built):
        raise CourseError("There is nothing to serve yet: run 'make course' first.")
    with CourseServer(project, port) as server:
        out.print(f"Book, feedback and class report: {server.address} (Ctrl-C ends)")
        for path, command in zip(built, ("make book", "autograder sample-class"), strict=True):
            if not path.exists():
                out.print(f"  {shown(path, project)} is not built yet: {command}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            out.print("Stopped.")
    return 0
