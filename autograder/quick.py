"""A quicker start for our own command line and its workers.

- ``leave_out_slow_imports`` keeps `jsonschema` from building a parser for international resource identifiers, which
  takes more than a second in every process that imports nbformat; nothing here has one checked.
"""

from __future__ import annotations

import sys


def leave_out_slow_imports() -> None:
    """To be called before nbformat is imported; jsonschema then does as where the parser is not installed."""
    if "jsonschema" not in sys.modules:
        sys.modules.setdefault("rfc3987_syntax", None)
