"""``python -m mechanisms.progress``: what has been done, in a terminal, as a page, or as a file for a teacher."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mechanisms.errors import CourseError
from mechanisms.files import atomic_write
from mechanisms.progress.page import book_for, course_map
from mechanisms.progress.view import current, progress, report


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the bars; with --html write the course map. Returns 1 after one sentence when that is not possible."""
    parser = argparse.ArgumentParser(
        prog="python -m mechanisms.progress",
        description="Shows which exercises are done. Everything stays on this machine.",
    )
    parser.add_argument("--all", action="store_true", help="one line for every exercise")
    parser.add_argument("--html", metavar="FILE", help="write the course map, a page for a browser")
    parser.add_argument("--book", metavar="PLACE", default="", help="the book's address or its built folder, for links")
    parser.add_argument("--export", metavar="FILE", help="write a .csv or .json file for a teacher")
    options = parser.parse_args(arguments)
    try:
        if options.export:
            progress(export=options.export)
        if options.html:
            page = Path(options.html).expanduser()
            atomic_write(page, course_map(current(), book_for(page, options.book)))
            print(f"Written to {page}: open it in a browser.")
        if not (options.html or options.export):
            made = current()
            print("\n".join([*report(made.chapters), ""]) if options.all else "", end="\n" if options.all else "")
            print(made)
    except CourseError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
