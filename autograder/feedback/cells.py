"""A student's own cells as HTML: what was written, and what it showed when it was graded.

- only cells that are the student's: answers, free text, and what was added; text, figures and checks that came with
  the notebook stay out;
- what the grader itself put into a check cell is never shown: the page tells it from the record;
- outputs are made harmless by `sanitise`, and a page never carries more than it can bear.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from autograder.feedback.sanitise import clean_html, clean_image, clean_text
from autograder.page import text

# Roles of cells that are ours, or that grading leaves out.
GIVEN_ROLES = {"text", "setup", "demo", "paper", "predict", "copy", "check"}
CELL_LIMIT = 200
OUTPUT_LIMIT = 40
PAGE_LIMIT = 6_000_000
_FULL = "<p class='soft'>This output is left out: the page is full.</p>"


class OwnCells:
    """The cells of one notebook that a student wrote.

    `given` holds the sources of the released notebook's cells: a cell that still reads like one of them and is no
    answer is not the student's own.
    """

    def __init__(self, notebook: dict[str, Any] | None, given: Collection[str] = ()):
        self.room = PAGE_LIMIT
        self.answers: dict[str, list[dict]] = {}
        self.others: list[dict] = []
        known = {source.strip() for source in given}
        cells = notebook.get("cells", []) if isinstance(notebook, dict) else []
        for cell in cells[: 10 * CELL_LIMIT]:
            if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
                continue
            role, name = _identity(cell)
            source = _joined(cell.get("source"))
            if role in ("solution", "rubric") and name:
                self.answers.setdefault(name, []).append(cell)
            elif role not in GIVEN_ROLES and source.strip() and source.strip() not in known:
                self.others.append(cell)

    def of(self, name: str) -> str:
        """The cells of one exercise or question as HTML, or nothing."""
        return "".join(self._cell(cell) for cell in self.answers.get(name, [])[:CELL_LIMIT])

    def rest(self) -> str:
        """Every other cell that the student wrote."""
        shown = "".join(self._cell(cell) for cell in self.others[:CELL_LIMIT])
        more = len(self.others) - CELL_LIMIT
        return shown + (f"<p class='soft'>{more} more cells are not shown.</p>" if more > 0 else "")

    def _cell(self, cell: dict) -> str:
        code = cell.get("cell_type") == "code"
        source = clean_text(_joined(cell.get("source")))
        # A line of code is not broken, so its box scrolls and has to be reached with the keyboard.
        parts = [f"<pre class='source' tabindex='0'>{text(source)}</pre>" if code else f"<pre>{text(source)}</pre>"]
        outputs = cell.get("outputs") if code else None
        if isinstance(outputs, list):
            parts += [self._output(output) for output in outputs[:OUTPUT_LIMIT] if isinstance(output, dict)]
            if len(outputs) > OUTPUT_LIMIT:
                parts.append(f"<p class='soft'>{len(outputs) - OUTPUT_LIMIT} more outputs are not shown.</p>")
        return f"<div class='cell'>{''.join(parts)}</div>"

    def _output(self, output: dict) -> str:
        if self.room <= 0:
            return _FULL
        kind = output.get("output_type")
        if kind == "stream":
            label = "What it wrote to stderr" if output.get("name") == "stderr" else "What it printed"
            shown = self._pre(_joined(output.get("text")), label)
        elif kind == "error":
            lines = output.get("traceback")
            told = "\n".join(str(line) for line in lines) if isinstance(lines, list) and lines else ""
            shown = self._pre(told or f"{output.get('ename', '')}: {output.get('evalue', '')}", "The error")
        elif kind in ("execute_result", "display_data"):
            shown = self._data(output.get("data"))
        else:
            return ""
        if len(shown) > self.room:
            return _FULL
        self.room -= len(shown)
        return shown

    def _data(self, data: Any) -> str:
        if not isinstance(data, dict):
            return ""
        for kind in ("image/png", "image/jpeg"):
            picture = _joined(data[kind]) if kind in data else ""
            if len(picture) > self.room:
                return _FULL
            address = clean_image(kind, picture) if picture else None
            if address:
                words = clean_text(_joined(data.get("text/plain")), 120) or "picture"
                return f"<p class='out'><img src='{address}' alt='Output: {text(words)}'></p>"
        page = clean_html(_joined(data["text/html"])) if "text/html" in data else ""
        if page:
            return f"<div class='out scroll' role='region' aria-label='Output' tabindex='0'>{page}</div>"
        for kind in ("text/markdown", "text/latex", "text/plain"):
            if kind in data:
                return self._pre(_joined(data[kind]), "The result")
        names = ", ".join(sorted(str(name)[:60] for name in data)[:5])
        return f"<p class='soft'>An output of a kind that this page does not show ({text(names)}).</p>"

    @staticmethod
    def _pre(content: str, label: str) -> str:
        return f"<pre class='out' role='group' aria-label='{text(label)}'>{text(clean_text(content))}</pre>"


def _identity(cell: dict) -> tuple[str, str]:
    """Role and exercise of a cell, from the metadata that the grader wrote."""
    metadata = cell.get("metadata")
    about = metadata.get("mechanisms") if isinstance(metadata, dict) else None
    if not isinstance(about, dict):
        return "", ""
    return str(about.get("role") or ""), str(about.get("exercise") or "")


def _joined(value: Any) -> str:
    """A notebook's multi-line text, which may be a list of lines."""
    if isinstance(value, list):
        return "".join(str(part) for part in value)
    return "" if value is None else str(value)
