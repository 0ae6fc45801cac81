"""What a released notebook imports, so that a warm process can import the same beforehand.

- ``imports_of`` reads the import statements of the cells that grading runs, at the top level of the cell.

The released notebook is the instructor's: its statements may be run outside a sandbox. A submission's may not.
"""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING

from autograder.nbg.identity import SKIPPED

if TYPE_CHECKING:
    from pathlib import Path


def imports_of(release: Path) -> tuple[str, ...]:
    """The import statements as source, each once, in their order; none where the file cannot be read as a notebook."""
    found: dict[str, None] = {}
    try:
        cells = json.loads(release.read_text(encoding="utf-8"))["cells"]
        for cell in cells:
            role = cell["metadata"].get("mechanisms", {}).get("role", "")
            if cell["cell_type"] == "code" and role not in SKIPPED:
                found |= dict.fromkeys(_imports("".join(cell["source"])))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()
    return tuple(found)


def _imports(source: str) -> list[str]:
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):  # a cell with a magic command: it imports when it is run
        return []
    return [
        ast.unparse(node)
        for node in body
        if isinstance(node, ast.Import | ast.ImportFrom) and getattr(node, "module", "") != "__future__"
    ]
