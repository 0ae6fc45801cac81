"""The beginning of every notebook's setup cell: one text for all chapters.

- ``setup_text`` installs the course where it is missing, as in a new Colab session, and completes its libraries;
- the address in it comes from ``mechanisms.address``, so that it is written down in one place;
- it is plain Python, since a notebook that is saved as a script loses its magics.
"""

from __future__ import annotations

from mechanisms.address import requirement

_TEXT = """\
# A new Colab session gets the course here, in under a minute; nothing is replaced.
import importlib.util
import subprocess
import sys

if not getattr(importlib.util.find_spec("mechanisms"), "origin", None):
    course = "{requirement}"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", course])
from mechanisms.install import complete

complete()  # the small libraries that are missing, if any
# doctor() says what this machine can do; progress() shows what you have done
from mechanisms import doctor, progress

"""


def setup_text() -> str:
    """What stands above a chapter's own imports."""
    return _TEXT.format(requirement=requirement())
