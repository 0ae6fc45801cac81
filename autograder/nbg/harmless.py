"""The executed notebook, made harmless before anybody opens it: in the formgrader, in JupyterLab, in an editor.

- ``harmless`` changes a notebook in place: outputs keep plain text, PNG and JPEG pictures and cleaned HTML; in text
  cells that a student wrote, tags become visible text, links keep only http, https and mail addresses, and pictures
  from elsewhere become links;
- our own cards (the verdicts in check cells) and the released text are left as they are.

Code stays as it was written: it is shown, never run, by everything that opens this notebook for marking.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autograder.feedback.sanitise import clean_html, clean_image, clean_text
from autograder.nbg.identity import role_of

if TYPE_CHECKING:
    from nbformat import NotebookNode

TEXT_LIMIT = 200_000
_CODE = re.compile(r"(```.*?```|~~~.*?~~~|`[^`\n]*`)", re.DOTALL)
_TARGET = re.compile(r"(!?)\[([^\]\n]{0,2000})\]\(\s*<?([^)\s>]{0,2000})[^)\n]{0,2000}\)")
_REFERENCE = re.compile(r"(?m)^([ \t]{0,3}\[[^\]\n]{1,500}\]:[ \t]*)<?(\S+)>?.*$")
_HARMLESS = re.compile(r"(?i)(https?://|mailto:|#)")
# A tag needs a letter, a slash, a mark or a question behind its bracket; "a < b" and our own marker stay as they are.
_TAG = re.compile(r"<(?=[A-Za-z/!?])(?!!-- exercise: ch\d\d\.\w+ -->)")


def harmless(notebook: NotebookNode, release: NotebookNode) -> None:
    """Clean a graded notebook in place; text cells that stand in ``release`` word for word are ours."""
    ours = {cell.source.strip() for cell in release.cells if cell.cell_type != "code"}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            if role_of(cell) != "check":
                cell.outputs = [output for output in map(_output, cell.outputs) if output]
        elif cell.source.strip() not in ours:
            cell.source = harmless_text(cell.source)
            cell.pop("attachments", None)


def harmless_text(text: str) -> str:
    """Markdown in which nothing is left to run or to fetch; what stands in backticks is kept."""
    parts = _CODE.split(text)
    return "".join(part if number % 2 else _plain(part) for number, part in enumerate(parts))


def _plain(text: str) -> str:
    text = _TARGET.sub(_target, text)
    text = _REFERENCE.sub(lambda found: found[1] + (found[2] if _HARMLESS.match(found[2]) else "#"), text)
    text = re.sub(r"!(?=\[)", "", text)  # pictures by reference
    return _TAG.sub("&lt;", text)


def _target(found: re.Match) -> str:
    picture, words, address = found[1], found[2], found[3]
    if not _HARMLESS.match(address):
        return f"[{words}](#)"
    return f"[{words or address}]({address})" if picture else found[0]


def _output(output: NotebookNode) -> NotebookNode | None:
    if output.output_type == "stream":
        output.text = clean_text(output.text, TEXT_LIMIT)
    elif output.output_type == "error":
        output.ename, output.evalue = clean_text(output.ename), clean_text(output.evalue)
        output.traceback = [clean_text(line) for line in output.traceback]
    else:
        output.data = {kind: value for kind, value in map(_kind, output.data.items()) if value}
        return output if output.data else None
    return output


def _kind(item: tuple[str, str]) -> tuple[str, str]:
    kind, value = item
    if kind == "text/plain":
        return kind, clean_text(value, TEXT_LIMIT)
    if kind == "text/html":
        return kind, clean_html(value)
    if kind in ("image/png", "image/jpeg") and clean_image(kind, value):
        return kind, value
    return kind, ""
