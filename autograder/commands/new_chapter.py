"""`autograder new-chapter`: the skeleton of a chapter, with one exercise that works."""

from __future__ import annotations

from typing import Annotated

import typer

from autograder.commands.output import OK, AsJson, finish
from autograder.project import current


def new_chapter(
    name: Annotated[str, typer.Argument(help="Two digits and a short name: 10_my_paper.")],
    title: Annotated[str, typer.Option("--title", help="The chapter's title; made from the name when not given.")] = "",
    as_json: AsJson = False,
) -> int:
    """Write a new chapter's solution, spec, questions, page and tests, with one exercise that passes them."""
    from autograder.build.new_chapter import names_of
    from autograder.build.new_chapter import new_chapter as write

    project = current()
    names = names_of(name, title)
    paths = [str(path.relative_to(project.root)) for path in write(project, names)]
    lines = [
        *(f"wrote {path}" for path in paths),
        f"Then 'autograder exercises {names.two}' makes its notebook; 'make test' and 'make book' take it in.",
    ]
    finish({"chapter": names.slug, "files": paths}, as_json, lines)
    return OK
