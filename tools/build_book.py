"""Builds the book into book/_build/html, where any warning is an error.

- runs `jupyter-book build` from the repository's root, nitpicky, and keeps its words in .make/book.log;
- forgets the kept results of executed cells when the package behind them has changed;
- makes the pages of the worked solutions first, or leaves them out: `hide_solutions` in _config.yml;
- does nothing when neither a page nor the package has changed since the last good build;
- refuses an empty or half-built book: every page of _toc.yml must be there, with its title and its figures;
- refuses a link within the book that leads nowhere, and a picture without an alternative text (book_links.py).
"""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import book_links
import course_facts
import worked_solutions
import yaml

from mechanisms.errors import BuildError

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "book" / "_build"
LOG = ROOT / ".make" / "book.log"
STAMP = BUILT / "built.json"
# What the pages' cells run, and what else a page is made of.
PACKAGE = ("mechanisms",)
TOOLS = ("tools/build_book.py", "tools/worked_solutions.py", "tools/course_facts.py", "tools/book_links.py")
PAGES = (
    *("book", "solutions", "autograder/specs", "autograder/build", *TOOLS),
    *("_config.yml", "_toc.yml", "pyproject.toml", "requirements.lock", "tests/SKIPS.md"),
)
# What the generated pages and tables are made of.
GENERATED = (*("solutions", "autograder/specs", "autograder/build", "pyproject.toml"), *TOOLS)
# The intro of the solutions and the pages below it.
SOLUTIONS = worked_solutions.FOLDER


# A backend that is set for tests, such as Agg, would print figures as "<Figure size ...>" in place of showing them.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
# What the book's solutions check is nobody's progress.
ENVIRONMENT["MECHANISMS_PROGRESS"] = "off"


class BookError(Exception):
    """The book could not be built, or is not what it should be."""


def files_of(names: tuple[str, ...], root: Path = ROOT) -> Iterator[Path]:
    """The files at or below each name, without built, cached and generated ones, in a fixed order."""
    for name in names:
        top = root / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            generated = (root / SOLUTIONS) in path.parents
            if path.is_file() and not generated and not {"_build", "__pycache__"} & set(path.parts):
                yield path


def fingerprint(names: tuple[str, ...], root: Path = ROOT) -> str:
    """Changes whenever one of the files does."""
    digest = hashlib.sha256(sys.version.encode())
    for path in files_of(names, root):
        digest.update(f"{path.relative_to(root)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def pages_of(toc: dict) -> list[str]:
    """Every page that a jb-book table of contents names, in reading order."""
    return [toc["root"], *_files(toc.get("parts", [])), *_files(toc.get("chapters", []))]


def _files(entries: list[dict]) -> Iterator[str]:
    for entry in entries:
        if "file" in entry:
            yield entry["file"]
        for below in ("chapters", "sections"):
            yield from _files(entry.get(below, []))


def contents(root: Path) -> tuple[dict, bool]:
    """The table of contents of this build, and whether `hide_solutions` took the solutions out of it."""
    toc = yaml.safe_load((root / "_toc.yml").read_text("utf-8"))
    settings = root / "_config.yml"
    config = yaml.safe_load(settings.read_text("utf-8")) if settings.is_file() else {}
    hidden = bool(config.get("sphinx", {}).get("config", {}).get("hide_solutions", False))
    if hidden and "parts" in toc:
        toc["parts"] = [
            part for part in toc["parts"] if not any(SOLUTIONS in page for page in _files(part["chapters"]))
        ]
    return toc, hidden


def source_of(root: Path, page: str) -> Path:
    """The file that a page is made from: text, or a generated notebook."""
    text = root / f"{page}.md"
    return text if text.is_file() else root / f"{page}.ipynb"


def title_of(source: Path) -> str:
    """The first heading of a page's source, as plain text."""
    text = source.read_text("utf-8")
    if source.suffix == ".ipynb":
        text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    heading = re.search(r"(?m)^# (.+)$", text)
    if heading is None:
        raise BookError(f"{source.name} has no title: its first heading must start with '# '.")
    return re.sub(r"[`*]", "", heading[1]).strip()


def letters(heading: str) -> str:
    """The letters and digits of a heading: quotes and dashes are set differently from how they are typed."""
    return re.sub(r"[^\w]|_", "", html.unescape(re.sub(r"<[^>]+>", "", heading)))


def faults(root: Path, built: Path) -> list[str]:
    """What is missing from a built book: a page, its title, a text still to be written, a figure (not its name)."""
    found = []
    for page in pages_of(contents(root)[0]):
        target = built / f"{page}.html"
        if not target.is_file():
            found.append(f"{page}.html was not built")
            continue
        text = target.read_text("utf-8")
        if "&lt;Figure size" in text:
            found.append(f"{page}.html has a figure's name in place of the figure")
        for name in sorted(set(re.findall(r"\b[A-Z]+_TEXT\b|\bTODO\b|\bTBD\b", text))):
            found.append(f"{page}.html says {name} where a text is to come")
        headings = re.findall(r"(?s)<h1[^>]*>(.*?)</h1>", text)
        title = title_of(source_of(root, page))
        if not any(letters(heading).startswith(letters(title)) for heading in headings):
            found.append(f"{page}.html does not have the title '{title}'")
    return found + book_links.broken(built) + book_links.undescribed(built)


def run_jupyter_book(toc: dict) -> None:
    """One build of what `toc` names. Raises BookError with the warnings when there are any."""
    LOG.parent.mkdir(exist_ok=True)
    (LOG.parent / "_toc.yml").write_text(yaml.safe_dump(toc, sort_keys=False), encoding="utf-8")
    program, path = Path(sys.executable).with_name("jupyter-book"), str(LOG.parent / "_toc.yml")
    command = [str(program), "build", ".", "--toc", path, "--path-output", "book", "-W", "-n", "--keep-going"]
    with LOG.open("w", encoding="utf-8") as log:
        code = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, stdout=log, stderr=subprocess.STDOUT).returncode
    if code:
        text = re.sub(r"\x1b\[[0-9;]*m", "", LOG.read_text("utf-8"))
        telling = [line for line in text.splitlines() if re.search(r"WARNING:|ERROR:|Error:", line)]
        shown = "\n".join(dict.fromkeys(telling or text.splitlines()[-15:]))
        raise BookError(f"The book does not build:\n{shown}\nThe whole log: {LOG.relative_to(ROOT)}")


def build() -> str:
    """Build what is stale; returns a line about what was done. Raises BookError."""
    package, pages = fingerprint(PACKAGE), fingerprint(PAGES)
    toc, hidden = contents(ROOT)
    sources = fingerprint(GENERATED + PACKAGE)
    now = {"package": package, "sources": sources, "pages": pages, "hidden": hidden}
    try:
        before = json.loads(STAMP.read_text("utf-8"))
    except (OSError, ValueError):
        before = {}
    if before == now and not faults(ROOT, BUILT / "html"):
        return "The book is up to date."
    if before.get("package") != package:
        shutil.rmtree(BUILT / ".jupyter_cache", ignore_errors=True)
        # Without their doctrees Sphinx would take the pages for unchanged and keep the old figures.
        shutil.rmtree(BUILT / ".doctrees", ignore_errors=True)
    if before.get("hidden") != hidden:
        # Nothing of a book with solutions may stay behind in one without: no page, no picture, no search index.
        for made in (BUILT / "html", BUILT / ".doctrees", ROOT / SOLUTIONS):
            shutil.rmtree(made, ignore_errors=True)
    # Should this build fail, the next one still knows what the kept results and the pages were made with.
    STAMP.parent.mkdir(parents=True, exist_ok=True)
    STAMP.write_text(json.dumps({"package": package, "hidden": hidden}), encoding="utf-8")
    started = time.monotonic()
    print("Building the book: its cells run on the lab models ...", flush=True)
    if before.get("sources") != sources or not (hidden or (ROOT / SOLUTIONS).is_dir()):
        try:
            course_facts.write(ROOT, BUILT / "course.json")
            for line in [] if hidden else worked_solutions.write_pages(ROOT, BUILT / "solutions", package):
                print(f"  {line}", flush=True)
        except BuildError as problem:
            raise BookError(str(problem)) from None
    run_jupyter_book(toc)
    missing = faults(ROOT, BUILT / "html")
    if missing:
        raise BookError("The book was built, but " + "; ".join(missing) + ".")
    STAMP.write_text(json.dumps(now), encoding="utf-8")
    return f"Built {len(pages_of(toc))} pages without a warning in {time.monotonic() - started:.0f} s."


def main() -> int:
    """The command: exit 0 with a line, or 1 with the warnings."""
    try:
        print(build())
    except BookError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
