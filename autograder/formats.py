"""Notebooks that were handed in as something else: a Python script or a Markdown text made from one.

- percent scripts (`# %%`, VS Code's and Jupytext's export), read by Jupytext;
- nbconvert's scripts (`# In[3]:`), with the comments between code taken for the text cells they were;
- plain scripts (Colab's export, or one written by hand), cut at the exercises' marker comments;
- Markdown by nbconvert, Jupytext, MyST or Quarto: fenced Python is code, except inside a folded hint;
- text in any encoding that people use (UTF-8 and -16 with or without a mark, Latin-1), any line ends;
- the plain words for what is no notebook at all: a web page, a PDF, an archive.

`cells_of` never raises for what stands in a text.
"""

from __future__ import annotations

import ast
import codecs
import io
import re
import tokenize
from typing import Any

from autograder.lean import MAX_CELLS, plain_text, wide_encoding

MARK = re.compile(r"(?m)^[ \t]*(?:#|<!--)[ \t]*exercise:[ \t]*ch\d\d\.\w+")
MAGIC = re.compile(r"(?m)^([ \t]*)[%!].*$")
_CODE_MARK = re.compile(r"#[ \t]*exercise:[ \t]*ch\d\d\.\w+")
_TEXT_MARK = re.compile(r"(?:#[ \t]*)?<!--[ \t]*exercise:[ \t]*ch\d\d\.\w+")
_CHECK = re.compile(r"check\(.*#[ \t]*exercise:")
_PERCENT = re.compile(r"(?m)^#[ \t]*%%")
_PROMPT = re.compile(r"(?m)^#[ \t]*In[ \t]?\[[ \d*]*\]:?[ \t]*$")
_FENCE = re.compile(r"^(?P<marks>`{3,}|~{3,})[ \t]*(?P<word>[^`]*)$")
_PYTHON_WORD = re.compile(r"^\{?(?:code-cell|i?python3?|py)\b", re.IGNORECASE)
_FRONT = re.compile(r"\A---\n.*?\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_SCRIPT_FRONT = re.compile(r"\A(?:#!.*\n)?(?:#.*coding.*\n)?# ---\n(?:#.*\n)*?# ---[ \t]*\n")
_MAGIC_NOTE = "# Commented out IPython magic"
STARTS = (
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip archive (or an office document)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a rar archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\xd0\xcf\x11\xe0", "an office document"),
)

Cell = dict[str, Any]


def other_kind(start: bytes) -> str:
    """What a file that starts with these bytes is in plain words, when it can be no notebook; else ""."""
    for magic, words in STARTS:
        if start.startswith(magic):
            return words
    text = start.lstrip(codecs.BOM_UTF8 + b" \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml")):
        return "a web page"
    return ""


def decoded(content: bytes) -> tuple[str, bool]:
    """The bytes as text with line feeds only, and whether they had to be read as Latin-1 (not being UTF-8)."""
    wide = wide_encoding(content)
    if wide:
        return plain_text(content.decode(wide, "replace").lstrip("\ufeff")), False
    try:
        return plain_text(content.decode("utf-8-sig")), False
    except UnicodeDecodeError:
        pass
    try:
        # A script may name its encoding in its first two lines.
        named = tokenize.detect_encoding(io.BytesIO(content).readline)[0]
        if named != "utf-8":
            return plain_text(content.decode(named)), False
    except (SyntaxError, LookupError, ValueError):
        pass
    return plain_text(content.decode("cp1252", "replace")), True


def cells_of(text: str, suffix: str) -> tuple[str, list[Cell]]:
    """What the text is ("script", "markdown", or "" when it is no notebook's) and its cells, as `lean` has them.

    `suffix` is the file's, in small letters with its dot; a text with another one is told by what stands in it.
    """
    python = suffix == ".py" or (suffix not in (".md", ".markdown", ".qmd", ".rmd") and _looks_like_script(text))
    if python:
        cells = _script(text)
        form = "script"
    elif suffix in (".md", ".markdown", ".qmd", ".rmd") or (MARK.search(text) and "```" in text):
        cells = _markdown(text)
        form = "markdown"
    elif MARK.search(text):
        cells = _plain_script(text)
        form = "script"
    else:
        return "", []
    cells = [cell for cell in _at_text_marks(cells) if cell["source"].strip()]
    return form, cells[:MAX_CELLS]


def _looks_like_script(text: str) -> bool:
    return bool(_PERCENT.search(text) or _PROMPT.search(text))


def _code(lines: list[str]) -> Cell:
    return _cell("code", lines)


def _cell(kind: str, lines: list[str]) -> Cell:
    return {"cell_type": kind, "source": "\n".join(lines).strip("\n").rstrip(), "id": "", "grade_id": ""}


def _script(text: str) -> list[Cell]:
    # Jupytext reads what stands here as YAML; nothing of it is of use.
    text = _SCRIPT_FRONT.sub("", text, count=1)
    if _PERCENT.search(text):
        return _percent_script(text)
    if _PROMPT.search(text):
        return _prompt_script(text)
    return _plain_script(text)


def _percent_script(text: str) -> list[Cell]:
    import jupytext  # a quarter of a second, for what is rarely handed in

    try:
        cells = jupytext.reads(text, fmt="py:percent").cells
    except Exception:  # whatever a hostile header makes Jupytext or YAML raise: the marker comments are still there
        return _plain_script(text)
    return [_cell(cell.cell_type, cell.source.split("\n")) for cell in cells]


def _prompt_script(text: str) -> list[Cell]:
    cells = []
    pieces = _PROMPT.split(text)
    cells += _text_below([], pieces[0].split("\n"))
    for piece in pieces[1:]:
        lines = piece.split("\n")
        code, below = _without_comments_below(lines)
        cells.append(_code(code))
        cells += _text_below(code, below)
    return cells


def _without_comments_below(lines: list[str]) -> tuple[list[str], list[str]]:
    """Code, and the comment lines below it that were text cells (nbconvert leaves two empty lines before them)."""
    at = len(lines)
    while at > 0 and (not lines[at - 1].strip() or lines[at - 1].startswith("#")):
        at -= 1
    while at < len(lines) and lines[at].strip():
        at += 1
    # Comments at the top of a code cell are the code's own: a cell of nothing else stays code.
    if not any(line.strip() for line in lines[:at]):
        start = next((n for n, line in enumerate(lines) if line.strip()), len(lines))
        at = next((n for n in range(start, len(lines)) if not lines[n].strip()), len(lines))
    return lines[:at], lines[at:]


def _text_below(_: list[str], lines: list[str]) -> list[Cell]:
    text = [re.sub(r"^# ?", "", line) for line in lines if not line.startswith(("#!", "# coding"))]
    return [_cell("markdown", text)] if any(line.strip() for line in text) else []


def _plain_script(text: str) -> list[Cell]:
    """Cut at texts in triple quotes, at marker comments and around check lines."""
    lines = [line for line in text.split("\n") if not line.startswith(_MAGIC_NOTE)]
    blocks = _text_blocks(lines)
    cells: list[Cell] = []
    code: list[str] = []

    def close() -> None:
        if any(line.strip() for line in code):
            cells.append(_code(code))
        code.clear()

    number = 0
    while number < len(lines):
        line = lines[number]
        if number in blocks:
            close()
            end = blocks[number]
            inside = "\n".join(lines[number : end + 1]).strip()
            cells.append(_cell("markdown", re.sub(r"^[rR]?('''|\"\"\")|('''|\"\"\")$", "", inside).split("\n")))
            number = end + 1
            continue
        if _CHECK.match(line):
            close()
            cells.append(_code([line]))
        elif _TEXT_MARK.match(line):
            close()
            end = number + 1
            while end < len(lines) and (lines[end].startswith("#") or not lines[end].strip()):
                end += 1
            cells.append(_cell("markdown", [re.sub(r"^# ?", "", part) for part in lines[number:end]]))
            number = end
            continue
        else:
            if _CODE_MARK.match(line):
                close()
            code.append(line)
        number += 1
    close()
    return cells


def _text_blocks(lines: list[str]) -> dict[int, int]:
    """First and last line of every text in triple quotes that stands by itself."""
    try:
        tree = ast.parse(MAGIC.sub(r"\1pass", "\n".join(lines)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _text_blocks_by_eye(lines)
    return {
        node.lineno - 1: node.end_lineno - 1
        for node in tree.body
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        and node.col_offset == 0
        and re.match(r"[rR]?('''|\"\"\")", lines[node.lineno - 1])
    }


def _text_blocks_by_eye(lines: list[str]) -> dict[int, int]:
    """The same where one cell's mistake keeps Python from reading the whole."""
    blocks = {}
    number = 0
    inside_code = False
    while number < len(lines):
        line = lines[number]
        quotes = line.count('"""')
        if not inside_code and line.startswith('"""'):
            end = number
            while end < len(lines) - 1 and not (lines[end].rstrip().endswith('"""') and (end > number or quotes > 1)):
                end += 1
            blocks[number] = end
            number = end + 1
            continue
        if quotes % 2:
            inside_code = not inside_code
        # A marker starts a cell, and no cell starts inside a string.
        if _CODE_MARK.match(line):
            inside_code = False
        number += 1
    return blocks


def _markdown(text: str) -> list[Cell]:
    cells: list[Cell] = []
    lines = _FRONT.sub("", text, count=1).split("\n")
    words: list[str] = []
    folded = 0
    number = 0
    while number < len(lines):
        line = lines[number]
        fence = _FENCE.match(line)
        if not fence:
            folded = max(0, folded + line.count("<details") - line.count("</details"))
            if line.strip() == "+++" or re.fullmatch(r"<!-- #(end)?region.*-->", line.strip()):
                cells.append(_cell("markdown", words))
                words = []
            else:
                words.append(line)
            number += 1
            continue
        end = number + 1
        while end < len(lines) and not re.fullmatch(re.escape(fence["marks"]) + r"[ \t]*", lines[end]):
            end += 1
        if folded or not _PYTHON_WORD.match(fence["word"]):
            words += lines[number : end + 1]
        else:
            cells.append(_cell("markdown", words))
            words = []
            inside = lines[number + 1 : end]
            if fence["word"].startswith("{"):
                if inside[:1] == ["---"] and "---" in inside[1:]:
                    inside = inside[inside.index("---", 1) + 1 :]
                while inside and re.match(r"^(:\w+:|#\|)", inside[0]):
                    inside = inside[1:]
            cells.append(_code(inside))
        number = end + 1
    cells.append(_cell("markdown", words))
    return cells


def _at_text_marks(cells: list[Cell]) -> list[Cell]:
    """Text cells cut where a free-text question starts: these formats run neighbouring text cells together."""
    result = []
    for cell in cells:
        if cell["cell_type"] == "code":
            result.append(cell)
            continue
        piece: list[str] = []
        for line in cell["source"].split("\n"):
            if _TEXT_MARK.match(line) and piece:
                result.append(_cell("markdown", piece))
                piece = []
            piece.append(line)
        result.append(_cell("markdown", piece))
    return result
