"""The beginning of every notebook's setup cell: one text for all chapters.

- ``setup_text`` installs the course where it is missing, as in a new Colab session, and completes its libraries;
- the address in it comes from ``mechanisms.address``, so that it is written down in one place;
- it is plain Python, since a notebook that is saved as a script loses its magics.
"""

from __future__ import annotations

from mechanisms.address import requirement

_TEXT = """\
# In a new Colab session this installs the course, in under a minute. Nothing that is there already is replaced.
import importlib.util
import subprocess
import sys

if not getattr(importlib.util.find_spec("mechanisms"), "origin", None):
    course = "{requirement}"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", course])
from mechanisms.install import complete

complete()  # the small libraries that are missing, if any
from mechanisms import doctor, progress  # doctor(): what this machine can do; progress(): what you have done

"""


def setup_text() -> str:
    """What stands above a chapter's own imports."""
    return _TEXT.format(requirement=requirement())
