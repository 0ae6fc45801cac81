"""A submission's file must be where it seems to be.

- ``refuse_links`` refuses a submission to which a link leads.
"""

from __future__ import annotations

from pathlib import Path

from mechanisms.errors import BadNotebook


def refuse_links(path: Path) -> None:
    """Raise BadNotebook when a folder on the way from submitted/ to the file is a link: it may lead to anything."""
    for part in (path.parent, path.parent.parent):
        if part.is_symlink():
            raise BadNotebook(f"{part.name} is a link, not a folder; ask for the notebook itself.")
