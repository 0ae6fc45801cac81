"""Print the pictures of the README again: `python tools/readme_pictures.py`.

- a check that names a known mistake: a notebook of chapter 02 with an exercise done wrong, run and shown by nbconvert;
- a page of the book, from the built book (`make book` first);
- the class report in the course directory (`make course` makes that of a sample class);
- each is what Chromium shows, cut to its upper part, in few colours, below 300 kB, in book/_static/pictures/.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from autograder.project import course_folder

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "book" / "_static" / "pictures"
CHAPTER = "02_factual_recall"
LARGEST = 300_000
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# The notebook's own margins and its empty prompt column say nothing here.
STYLE = "<style>.jp-Notebook{padding:12px!important} body{background:white}</style></head>"


class PictureError(Exception):
    """A picture cannot be made; the sentence says why."""


def browser() -> str:
    """The program that shows pages. Raises PictureError."""
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None:
        raise PictureError(f"No browser was found: install one of {', '.join(NAMES)}.")
    return found


def shot(page: Path, size: tuple[int, int], folder: Path) -> Image.Image:
    """What the browser shows of a page in a window of this size (in pixels), at twice the density."""
    out = folder / "shot.png"
    options = [
        "--headless=new",
        "--no-sandbox",
        "--hide-scrollbars",
        "--disable-gpu",
        "--force-device-scale-factor=1.5",
    ]
    options += [f"--user-data-dir={folder / 'browser'}", "--virtual-time-budget=8000"]
    words = [browser(), *options, f"--window-size={size[0]},{size[1]}", f"--screenshot={out}", page.as_uri()]
    done = subprocess.run(words, capture_output=True, text=True, timeout=180)
    if not out.is_file():
        raise PictureError(f"{page.name} could not be shown: {done.stderr.strip()[-300:]}")
    return Image.open(out).convert("RGB")


def save(picture: Image.Image, name: str) -> Path:
    """Save in the fewest steps of colours that keep it small. Raises PictureError when it stays large."""
    for colours in (256, 128, 64, 32):
        data = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(data, "PNG", optimize=True)
        if data.tell() < LARGEST:
            PICTURES.mkdir(parents=True, exist_ok=True)
            path = PICTURES / name
            path.write_bytes(data.getvalue())
            return path
    raise PictureError(f"{name} does not fit {LARGEST:,} bytes.")


def check_page(folder: Path) -> Path:
    """A notebook in which `scale_head` is a known mistake, run, as a page."""
    import nbformat
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter

    from autograder.build.source import build_notebook
    from autograder.nbg.identity import exercise_of, role_of
    from autograder.project import Project
    from autograder.specs.base import source_as

    project = Project()
    chapter = project.chapter(CHAPTER)
    exercise = chapter.exercise("scale_head")
    wrong = next(one for one in exercise.mistakes if one.name == "scales_the_queries")
    whole = build_notebook(project.solution(chapter), chapter)
    cells = [cell for cell in whole.cells if role_of(cell) == "setup" or exercise_of(cell) == exercise.name]
    for cell in cells:
        if role_of(cell) == "setup":
            cell.metadata["tags"] = ["left-out"]
        elif role_of(cell) == "solution":
            cell.source = f"# exercise: {chapter.identity(exercise)}\n{source_as(wrong.fn, exercise.name)}".rstrip()
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=whole.metadata)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    notebook.cells = [cell for cell in notebook.cells if "left-out" not in cell.metadata.get("tags", [])]
    text, _ = HTMLExporter(template_name="lab").from_notebook_node(notebook)
    page = folder / "check.html"
    page.write_text(text.replace("</head>", STYLE, 1), encoding="utf-8")
    return page


def book_page(_: Path) -> Path:
    """Chapter 02 in the built book. Raises PictureError when it is not built."""
    page = ROOT / "book" / "_build" / "html" / "book" / "chapters" / f"{CHAPTER}.html"
    if not page.is_file():
        raise PictureError("The book is not built: run 'make book' first.")
    return page


def report_page(folder: Path) -> Path:
    """The class report in the course directory, from its first chapter on. Raises PictureError when there is none."""
    page = course_folder() / "report.html"
    if not page.is_file():
        raise PictureError(f"{page} is not there: 'make course' makes it for a sample class.")
    cut = folder / "report.html"
    overview = re.compile(r"<section aria-labelledby='overview'>.*?</section>", re.DOTALL)
    cut.write_text(overview.sub("", page.read_text("utf-8")), encoding="utf-8")
    return cut


# What makes the page, and the size of the window.
MADE = {
    "check.png": (check_page, (900, 520)),
    "book.png": (book_page, (1280, 900)),
    "report.png": (report_page, (1100, 774)),
}


def main(names: list[str]) -> int:
    """Print the pictures named, or all of them; the exit code."""
    for name in names or MADE:
        if name not in MADE:
            print(f"There is no picture '{name}'; there are {', '.join(MADE)}.", file=sys.stderr)
            return 2
        make, size = MADE[name]
        with tempfile.TemporaryDirectory(prefix="pictures-") as made:
            try:
                path = save(shot(make(Path(made)), size, Path(made)), name)
            except PictureError as error:
                print(error, file=sys.stderr)
                return 3
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
