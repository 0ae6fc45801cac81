"""Builds the book into book/_build/html, where any warning is an error.

- runs `jupyter-book build` from the repository's root, nitpicky, and keeps its words in .make/book.log;
- forgets the kept results of executed cells when the package behind them has changed;
- does nothing when neither a page nor the package has changed since the last good build;
- refuses an empty or half-built book: every page of _toc.yml must be there, with its title and its figures.
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

import yaml

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "book" / "_build"
LOG = ROOT / ".make" / "book.log"
STAMP = BUILT / "built.json"
# What the pages' cells run, and what else a page is made of.
PACKAGE = ("mechanisms",)
PAGES = ("book", "_config.yml", "_toc.yml", "tests/SKIPS.md", "requirements.lock", "tools/build_book.py")


# A backend that is set for tests, such as Agg, would print figures as "<Figure size ...>" in place of showing them.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}


class BookError(Exception):
    """The book could not be built, or is not what it should be."""


def files_of(names: tuple[str, ...], root: Path = ROOT) -> Iterator[Path]:
    """The files at or below each name, without built and cached ones, in a fixed order."""
    for name in names:
        top = root / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and not {"_build", "__pycache__"} & set(path.parts):
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
    found = [toc["root"]]

    def visit(entries: list[dict]) -> None:
        for entry in entries:
            if "file" in entry:
                found.append(entry["file"])
            for below in ("chapters", "sections"):
                visit(entry.get(below, []))

    visit(toc.get("parts", []))
    visit(toc.get("chapters", []))
    return found


def title_of(source: Path) -> str:
    """The first heading of a page's source, as plain text."""
    heading = re.search(r"(?m)^# (.+)$", source.read_text("utf-8"))
    if heading is None:
        raise BookError(f"{source.name} has no title: its first heading must start with '# '.")
    return re.sub(r"[`*]", "", heading[1]).strip()


def letters(heading: str) -> str:
    """The letters and digits of a heading: quotes and dashes are set differently from how they are typed."""
    return re.sub(r"[^\w]|_", "", html.unescape(re.sub(r"<[^>]+>", "", heading)))


def faults(root: Path, built: Path) -> list[str]:
    """What is missing from a built book: a page, its title, a text still to be written, a figure (not its name)."""
    found = []
    for page in pages_of(yaml.safe_load((root / "_toc.yml").read_text("utf-8"))):
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
        title = title_of(root / f"{page}.md")
        if not any(letters(heading).startswith(letters(title)) for heading in headings):
            found.append(f"{page}.html does not have the title '{title}'")
    return found


def run_jupyter_book() -> None:
    """One build. Raises BookError with the warnings when there are any."""
    program = Path(sys.executable).with_name("jupyter-book")
    command = [str(program), "build", ".", "--path-output", "book", "-W", "-n", "--keep-going"]
    LOG.parent.mkdir(exist_ok=True)
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
    try:
        before = json.loads(STAMP.read_text("utf-8"))
    except (OSError, ValueError):
        before = {}
    if before == {"package": package, "pages": pages} and not faults(ROOT, BUILT / "html"):
        return "The book is up to date."
    if before.get("package") != package:
        shutil.rmtree(BUILT / ".jupyter_cache", ignore_errors=True)
        # Without their doctrees Sphinx would take the pages for unchanged and keep the old figures.
        shutil.rmtree(BUILT / ".doctrees", ignore_errors=True)
    STAMP.unlink(missing_ok=True)
    started = time.monotonic()
    print("Building the book: its cells run on the lab models ...", flush=True)
    run_jupyter_book()
    missing = faults(ROOT, BUILT / "html")
    if missing:
        raise BookError("The book was built, but " + "; ".join(missing) + ".")
    STAMP.write_text(json.dumps({"package": package, "pages": pages}), encoding="utf-8")
    count = len(pages_of(yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))))
    return f"Built {count} pages without a warning in {time.monotonic() - started:.0f} s."


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
