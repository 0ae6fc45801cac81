"""A Sphinx extension for the pages that are made from the rest of the book.

- ``{exercise-list}`` (one chapter's, or all): difficulty, minutes, points, Colab, the place in the book, the paper;
- ``{concept-index}``: where each word of the glossary comes up; ``{model-index}`` and ``{paper-index}``;
- ``{reading-path}``: chapters in an order, with the hours that the exercises' cards and the pages' lengths add up to;
- ``{notebook-runs}``: run time and peak memory of each notebook, from the runs of the worked solutions;
- ``{with-solutions}``: text that a book with ``hide_solutions`` leaves out;
- the placeholder address that pages write becomes the one that pyproject.toml gives.

A page with one of these is read again whenever a file changes that it is made from.
"""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from mechanisms import address
from mechanisms.models import card

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

PLACEHOLDER = f"https://github.com/{address.PLACEHOLDER}/mechanisms"
PLACEHOLDER_BOOK = f"https://{address.PLACEHOLDER}.github.io/mechanisms"
WORDS_A_MINUTE = 130
FIGURES_MIN = 10


def facts(env: BuildEnvironment) -> list[dict[str, Any]]:
    """The chapters, as tools/course_facts.py wrote them. Raises ExtensionError when it has not."""
    try:
        return json.loads(source(env, "book/_build/course.json"))
    except FileNotFoundError:
        raise ExtensionError("book/_build/course.json is missing: build the book with `make book`.") from None


def source(env: BuildEnvironment, name: str) -> str:
    """The text of a file, on which the page that is being read depends from now on."""
    path = Path(env.srcdir) / name
    env.note_dependency(str(path))
    return path.read_text("utf-8")


def hours(minutes: float) -> str:
    """Minutes as people plan them: "50 min", "2 h 15 min" (to five minutes)."""
    whole = 5 * round(minutes / 5)
    return f"{whole // 60} h {whole % 60:02d} min" if whole >= 60 else f"{whole} min"


def reading_minutes(text: str) -> float:
    """How long a page takes to read: its words without code cells, and some time for the figures."""
    prose = re.sub(r"(?s)```\{code-cell\}.*?\n```|\A---\n.*?\n---\n", "", text)
    return len(prose.split()) / WORDS_A_MINUTE + FIGURES_MIN


def sections(text: str) -> list[tuple[str, str]]:
    """The title and the prose of each section of a page; what stands before the first has the page's title."""
    prose = re.sub(r"(?s)```\{code-cell\}.*?\n```|\A---\n.*?\n---\n", "", text)
    parts = re.split(r"(?m)^#{1,2} (.+)$", prose)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def glossary_terms(text: str) -> list[list[str]]:
    """The glossary's words, each with its other names."""
    found: list[list[str]] = []
    for block in re.findall(r"(?s)```\{glossary\}\n(.*?)\n```", text):
        for entry in re.split(r"\n\s*\n", block):
            found.append([line.strip() for line in entry.splitlines() if line and not line.startswith(" ")])
    return sorted(found, key=lambda names: names[0].lower())


def mentions(names: list[str], text: str) -> bool:
    """Whether a text uses one of the names, in the singular or plural; abbreviations keep their capitals."""
    for name in names:
        flags = 0 if re.search(r"[A-Z]{2}", name) else re.IGNORECASE
        if re.search(rf"\b{re.escape(name)}s?\b", re.sub(r"\s+", " ", text), flags):
            return True
    return False


def reference(title: str, label: str) -> str:
    """A link to a label. A plain ``[...](#label)`` would not know a label from a word of the glossary."""
    return f"{{ref}}`{title.replace('`', '')} <{label}>`"


def cell(text: str) -> str:
    """A text for one cell of a Markdown table."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


class CoursePart(SphinxDirective):
    """What the directives share: they write Markdown."""

    optional_arguments = 9
    final_argument_whitespace = True

    def lines(self) -> list[str]:
        """The Markdown to put in the directive's place."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Called by docutils."""
        return self.parsed(self.lines())

    def parsed(self, lines: list[str]) -> list[nodes.Node]:
        """Markdown as nodes."""
        holder = nodes.container()
        self.state.nested_parse(StringList(lines, source=""), self.content_offset, holder)
        return holder.children

    def link(self, page: str, title: str, anchor: str = "") -> str:
        """A link to a page of the book, by its name from the root, and to one of its labels."""
        if anchor and f"({anchor})=" in source(self.env, f"{page}.md"):
            return reference(title, anchor)
        return f"[{title}](/{page}.md)"


class ExerciseList(CoursePart):
    """The exercises of a chapter, or of all chapters under a heading each."""

    def lines(self) -> list[str]:
        """One table for each chapter."""
        chosen = self.arguments[0].split() if self.arguments else []
        found = []
        for chapter in facts(self.env):
            if chosen and str(chapter["number"]) not in chosen:
                continue
            if not chosen:
                found += [f"## {chapter['number']} · {chapter['title']}", ""]
            found += [
                "| in Colab | exercise | how much | in the paper |",
                "|---|---|---|---|",
            ]
            for one in chapter["exercises"]:
                place = self.link(chapter["page"], cell(one["title"]), one["name"].replace("_", "-"))
                found.append(
                    f"| [{one['number']}]({chapter['colab']}) | {place} | {one['minutes']} min, "
                    f"difficulty {one['difficulty']} of 5, {one['points']:g} points | "
                    f"{cell(one['paper'])} ([paper]({chapter['paper']})) |"
                )
            found.append("")
        return found


class ConceptIndex(CoursePart):
    """Each word of the glossary with the sections of the chapters that use it."""

    most = 4

    def lines(self) -> list[str]:
        """A line for each word."""
        pages = [(one, sections(source(self.env, f"{one['page']}.md"))) for one in facts(self.env)]
        found = []
        for names in glossary_terms(source(self.env, "book/glossary.md")):
            places = []
            for chapter, parts in pages:
                used = [title for title, text in parts if mentions(names, f"{title} {text}")]
                if used:
                    more = f" and {len(used) - self.most} more" if len(used) > self.most else ""
                    links = (reference(title, f"{chapter['page']}:{title}") for title in used[: self.most])
                    places.append(f"**{chapter['number']}**: {', '.join(links)}{more}")
            others = f" ({', '.join(names[1:])})" if names[1:] else ""
            found.append(f"- {{term}}`{names[0]}`{others}: {'; '.join(places) or 'in the notebooks'}")
        return found


class ModelIndex(CoursePart):
    """Each lab model, what it is, and the chapters whose exercises use it."""

    def lines(self) -> list[str]:
        """A row for each model."""
        users: dict[str, list[str]] = {}
        for chapter in facts(self.env):
            for model in chapter["models"]:
                users.setdefault(model, []).append(self.link(chapter["page"], f"chapter {chapter['number']}"))
        found = ["| model | what it is | used by |", "|---|---|---|"]
        for model in sorted(users):
            found.append(f"| `{model}` | {cell(describe(card(model)))} | {', '.join(users[model])} |")
        return found


def describe(about: dict[str, Any]) -> str:
    """A model's architecture and size, from its card."""
    return f"{about['architecture']}, {about['parameters']:,} parameters"


class PaperIndex(CoursePart):
    """Each paper with its chapter and the parts of it that the exercises rebuild."""

    def lines(self) -> list[str]:
        """A list for each paper."""
        found = []
        for chapter in facts(self.env):
            key = re.search(r"\{cite:t\}`(\w+)`", source(self.env, f"{chapter['page']}.md"))
            named = f"{{cite:t}}`{key[1]}`" if key else "The paper"
            page = self.link(chapter["page"], f"chapter {chapter['number']}, {chapter['title']}")
            found += [f"**{named}** ([read it]({chapter['paper']})): {page}", ""]
            for one in chapter["exercises"]:
                place = self.link(chapter["page"], cell(one["title"]), one["name"].replace("_", "-"))
                found.append(f"- {one['paper']} Exercise {one['number']}: {place}.")
            found.append("")
        return found


class ReadingPath(CoursePart):
    """Chapters in an order, with the time for each and for all."""

    required_arguments = 1

    def lines(self) -> list[str]:
        """A table with a last row for the whole path."""
        by_number = {str(chapter["number"]): chapter for chapter in facts(self.env)}
        found = ["| chapter | reading | exercises | together |", "|---|---|---|---|"]
        total = [0.0, 0.0]
        for number in " ".join(self.arguments).split():
            chapter = by_number[number]
            read = reading_minutes(source(self.env, f"{chapter['page']}.md"))
            work = sum(one["minutes"] for one in chapter["exercises"])
            total = [total[0] + read, total[1] + work]
            title = self.link(chapter["page"], f"{number} · {chapter['title']}")
            found.append(f"| {title} | {hours(read)} | {hours(work)} | {hours(read + work)} |")
        read, work = total
        found.append(f"| **the whole path** | {hours(read)} | {hours(work)} | **{hours(read + work)}** |")
        return found


class NotebookRuns(CoursePart):
    """What running each notebook with its solutions took."""

    def lines(self) -> list[str]:
        """A row for each notebook that was run."""
        found = ["| notebook | run time, seconds | peak memory, MB |", "|---|---|---|"]
        for chapter in facts(self.env):
            try:
                run = json.loads(source(self.env, f"book/_build/solutions/{chapter['slug']}.json"))
                found.append(f"| `{chapter['notebook']}` | {run['seconds']:.0f} | {run['peak_mb']:.0f} |")
            except (OSError, ValueError, KeyError):
                found.append(f"| `{chapter['notebook']}` | not run for this copy | |")
        return found


class WithSolutions(CoursePart):
    """Text that stands only in a book with the worked solutions."""

    has_content = True
    optional_arguments = 0

    def run(self) -> list[nodes.Node]:
        """Called by docutils."""
        return [] if self.env.config.hide_solutions else self.parsed(list(self.content))


def put_address(app: Sphinx, docname: str, text: list[str]) -> None:
    """Before a page is read: the repository's and the book's address in place of the placeholders."""
    text[0] = text[0].replace(PLACEHOLDER, address.repository()).replace(PLACEHOLDER_BOOK, address.documentation())


def setup(app: Sphinx) -> dict[str, bool | int]:
    """Called by Sphinx. Another version of this file makes it read every page again."""
    app.add_config_value("hide_solutions", False, "env", [bool])
    for name, directive in (
        ("exercise-list", ExerciseList),
        ("concept-index", ConceptIndex),
        ("model-index", ModelIndex),
        ("paper-index", PaperIndex),
        ("reading-path", ReadingPath),
        ("notebook-runs", NotebookRuns),
        ("with-solutions", WithSolutions),
    ):
        app.add_directive(name, directive)
    app.connect("source-read", put_address)
    version = zlib.crc32(Path(__file__).read_bytes())
    return {"env_version": version, "parallel_read_safe": True, "parallel_write_safe": True}
