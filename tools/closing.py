"""The last words of `make course`: what to open, and how long it took.

- names the book, the class report and a few students' feedback, as far as they are there;
- names the command that serves all of them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def course_folder() -> Path:
    """The course directory, as the autograder finds it."""
    moved = os.environ.get("MECHANISMS_COURSE", "").strip()
    return Path(moved).expanduser().resolve() if moved else ROOT / "course"


def main(seconds: int) -> None:
    """Print the closing lines."""
    course = course_folder()
    feedback = sorted((course / "feedback").glob("*/*/*.html"))
    perfect = [page for page in feedback if page.parts[-3] == "perfect"]
    mistaken = [page for page in feedback if page.parts[-3].startswith("mistakes-")]
    print("\nThe course is ready. Open in a browser:")
    for what, path in (
        ("the book", ROOT / "book" / "_build" / "html" / "index.html"),
        ("the class report", course / "report.html"),
        *(("feedback, all right", page) for page in perfect[:1]),
        *(("feedback, a mistake", page) for page in mistaken[:1]),
    ):
        print(f"  {what:20} {path}" if path.exists() else f"  {what:20} was not made")
    print(f"  {'all feedback':20} {course / 'feedback'} ({len(feedback)} pages)")
    for notebook in sorted((ROOT / "exercises").glob("*/*.ipynb")):
        print(f"  {'a notebook to do':20} {notebook}")
    print("Or `make serve` to have book, feedback and report on this computer's own address.")
    print(f"Time taken: {seconds // 60} min {seconds % 60} s")


if __name__ == "__main__":
    main(int(sys.argv[1]))
