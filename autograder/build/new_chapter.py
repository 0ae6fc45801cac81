"""`make new-chapter`: the files of a chapter that do not exist yet, with one exercise that works.

- writes the solution, the spec, the questions, the page and the tests from the templates in `skeleton/`;
- adds the page, and that of its worked solutions, to the book's contents;
- never writes over a file: a name that is taken is one sentence, and nothing is written then;
- what it wrote passes the tests of specs, notebooks and contents as it is: what fails later is the author's change.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mechanisms.errors import UsageError
from mechanisms.files import atomic_write

if TYPE_CHECKING:
    from autograder.project import Project

TEMPLATES = Path(__file__).parent / "skeleton"
# Longer ones do not fit the lines of the files that name them.
LONGEST = 50


@dataclass(frozen=True)
class Names:
    """What a chapter is called: "10_my_paper" and "My paper"."""

    slug: str
    title: str

    @property
    def number(self) -> int:
        """10"""
        return int(self.two)

    @property
    def two(self) -> str:
        """The number as it stands in names, "10"."""
        return self.slug[:2]

    @property
    def notebook(self) -> str:
        """The notebook's name without its suffix, "my_paper"."""
        return self.slug[3:]

    @property
    def function(self) -> str:
        """The worked exercise's function; names are unique in the course, so it has the chapter's number in it."""
        return f"centred_rows_{self.two}"


def names_of(slug: str, title: str = "") -> Names:
    """The names of a new chapter. Raises UsageError for a slug or a title that cannot be used."""
    if not re.fullmatch(r"\d\d_[a-z][a-z0-9_]*", slug) or len(slug) > LONGEST or slug.startswith("00"):
        raise UsageError(
            f"'{slug}' cannot name a chapter: use two digits and small letters, such as 10_my_paper "
            f"(at most {LONGEST} characters)."
        )
    title = title.strip() or slug[3:].replace("_", " ").strip().capitalize()
    if not re.fullmatch(r"[^\"\\\n{}<>`$]+", title) or len(title) > LONGEST:
        raise UsageError(
            f"The title must be one line of at most {LONGEST} characters without quotation marks, backslashes, $, `, "
            "angle or curly brackets."
        )
    return Names(slug, title)


def new_chapter(project: Project, names: Names) -> list[Path]:
    """Write the skeleton and return its files, the contents last. Raises UsageError when a name is taken."""
    for chapter in project.chapters.values():
        if chapter.number == names.number:
            raise UsageError(f"Chapter {names.two} is there already: {chapter.slug}. Take another number.")
    spec, tests = project.root / "autograder" / "specs" / f"ch{names.two}", project.root / "tests" / f"ch{names.two}"
    places = {
        "solution.py": project.root / "solutions" / f"{names.slug}.py",
        "chapter.py": spec / "__init__.py",
        "exercise.py": spec / "centred.py",
        "questions.json": project.snapshots.parent / "questions" / f"{names.slug}.json",
        "page.md": project.root / "book" / "chapters" / f"{names.slug}.md",
        "test.py": tests / f"test_ch{names.two}_exercises.py",
    }
    taken = [path for path in (*places.values(), spec, tests) if path.exists()]
    if taken:
        raise UsageError(f"{taken[0].relative_to(project.root)} is there already; nothing was written.")
    contents = project.root / "_toc.yml"
    listed = _with_page(contents, names)
    for template, path in places.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, _filled(template, names))
    atomic_write(contents, listed)
    return [*places.values(), contents]


def _filled(template: str, names: Names) -> str:
    from jinja2 import Environment, StrictUndefined

    text = (TEMPLATES / f"{template}.j2").read_text("utf-8")
    made = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False).from_string(text)
    known = ("slug", "title", "number", "two", "notebook", "function")
    return made.render({name: getattr(names, name) for name in known})


def _with_page(contents: Path, names: Names) -> str:
    """The contents with the page and its worked solutions in it, in the order of the chapters' numbers."""
    try:
        text = contents.read_text("utf-8")
    except FileNotFoundError:
        raise UsageError(f"{contents} is not there: run this in the folder of the course's repository.") from None
    listed = _inserted(text, "book/chapters", names, "")
    if listed == text:
        raise UsageError("_toc.yml lists no chapter (a line '- file: book/chapters/...'): add the page by hand.")
    return _inserted(listed, "book/solutions", names, f"title: Solutions, chapter {names.number}")


def _inserted(text: str, folder: str, names: Names, below: str) -> str:
    """The contents with one more entry among those of a folder; unchanged when it lists none of that folder."""
    entries = list(re.finditer(rf"(?m)^( *)- file: {folder}/(\d\d)_.*\n(?:\1  \w.*\n)*", text))
    if not entries:
        return text
    indent = entries[0][1]
    before = [entry.end() for entry in entries if int(entry[2]) < names.number]
    place = before[-1] if before else entries[0].start()
    lines = f"{indent}- file: {folder}/{names.slug}\n" + (f"{indent}  {below}\n" if below else "")
    return text[:place] + lines + text[place:]
