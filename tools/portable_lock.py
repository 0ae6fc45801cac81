"""Makes a freshly compiled requirements.lock fit for every machine.

- drops the local part of a version ("2.13.0+cpu" becomes "2.13.0"), which says only which build was at hand;
- drops the packages that one build of torch brings along (CUDA libraries): pip finds them again where they are needed;
- drops comments, options and pip itself, and puts a heading on top.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

HEADING = """\
# Every package of the course at the version it is tested with. Made by `make lock` from pyproject.toml; do not edit.
# Install with: pip install -r requirements.lock
"""
_OF_ONE_BUILD = re.compile(r"(nvidia|cuda|triton)(-[a-z0-9-]+)?$|pip$")


def portable(text: str) -> str:
    """The lock file's text without anything that holds for one machine only."""
    kept = []
    for line in text.splitlines():
        pin = re.match(r"([A-Za-z0-9._-]+)==([^+;\s]+)", line)
        if pin and not _OF_ONE_BUILD.match(pin[1].lower()):
            marker = line.partition(";")[2].strip()
            kept.append(f"{pin[1]}=={pin[2]}" + (f" ; {marker}" if marker else ""))
    return HEADING + "\n".join(sorted(kept, key=str.lower)) + "\n"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(portable(path.read_text("utf-8")), encoding="utf-8")
