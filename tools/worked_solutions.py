"""The book's part with the worked solutions: one page for each chapter, made from solutions/.

- a page is the chapter's notebook run from top to bottom, its solution code folded, its paper-scale section shown only;
- the notebooks are written below book/solutions/, which git ignores: solutions/ stays the one source;
- runs are kept in a folder, and done again only when a cell's code or the package behind it changed;
- two chapters run side by side, each in a kernel of its own;
- a live control needs a kernel, which a page has not: a sentence stands in its place.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from mechanisms import address
from mechanisms.errors import BuildError
from mechanisms.files import atomic_write

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from autograder.specs.base import Chapter

FOLDER = "book/solutions"
SIDE_BY_SIDE = 2
CELL_LIMIT_S = 300
WIDGET = "application/vnd.jupyter.widget-view+json"
NO_WIDGET = "In the notebook a live control stands here. It needs a running kernel, which this page has not."
# Linux tells kilobytes, macOS bytes.
PEAK = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
FOLD, UNFOLD = "Show the solution", "Hide the solution"


def page_of(chapter: Chapter) -> str:
    """The page of a chapter's solutions, as the table of contents names it."""
    return f"{FOLDER}/{chapter.slug}"


def write_pages(root: Path, runs: Path, package: str) -> list[str]:
    """Write every chapter's page; returns what was run, one line each.

    ``runs`` is the folder of the kept runs, ``package`` a fingerprint of what the cells import. Raises BuildError with
    the chapter and the error when a cell does not run.
    """
    from autograder.project import Project

    project = Project(root=root)
    runs.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        done = list(pool.map(lambda chapter: write_page(project, chapter, runs, package), project.chapters.values()))
    return [line for line in done if line]


def write_page(project, chapter: Chapter, runs: Path, package: str) -> str:
    """Write one chapter's page, running it when its kept run is missing or stale; returns a line, or "" when kept."""
    from autograder.build.source import build_notebook

    notebook = build_notebook(project.solution(chapter), chapter)
    key = code_key(notebook, package)
    kept = runs / f"{chapter.slug}.json"
    told = ""
    try:
        record = json.loads(kept.read_text("utf-8"))
    except (OSError, ValueError):
        record = {}
    if record.get("key") != key:
        started = time.monotonic()
        outputs, peak = run(notebook, chapter, project.root)
        record = {"key": key, "seconds": round(time.monotonic() - started, 1), "peak_mb": peak, "outputs": outputs}
        atomic_write(kept, json.dumps(record))
        told = f"ran the solutions of chapter {chapter.number} in {record['seconds']:.0f} s"
    page = dressed(notebook, chapter, record["outputs"])
    text = nbformat.writes(page)
    target = project.root / f"{page_of(chapter)}.ipynb"
    if not target.is_file() or target.read_text("utf-8") != text:
        target.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(target, text)
    return told


def is_run(cell: NotebookNode) -> bool:
    """Whether a page runs the cell: code, outside the paper-scale section (which needs a GPU and a network)."""
    return cell.cell_type == "code" and cell.metadata.mechanisms.role != "paper"


def code_key(notebook: NotebookNode, package: str) -> str:
    """Changes with the code that runs and with what it imports, not with the text around it."""
    digest = hashlib.sha256(package.encode())
    for cell in notebook.cells:
        if is_run(cell):
            digest.update(f"{cell.source}\0".encode())
    return digest.hexdigest()


def run(notebook: NotebookNode, chapter: Chapter, folder: Path) -> tuple[list[list[dict]], float]:
    """The outputs of the cells that run, in their order, and the kernel's peak memory in MB.

    Raises BuildError when a cell fails.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    ran = nbformat.from_dict({**notebook, "cells": [dict(cell) for cell in notebook.cells if is_run(cell)]})
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    # No link to a hosted book, no network, and nobody's progress.
    environment |= {"MECHANISMS_BOOK": "", "HF_HUB_OFFLINE": "1", "MECHANISMS_PROGRESS": "off"}
    environment |= {name: os.environ.get(name, "1") for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    ran.cells.append(new_code_cell(PEAK))
    client = NotebookClient(ran, timeout=CELL_LIMIT_S, resources={"metadata": {"path": str(folder)}})
    try:
        # A kernel's own words on its first line are about its sockets and about nothing here.
        client.execute(env=environment, stderr=subprocess.DEVNULL)
    except CellExecutionError as problem:
        raise BuildError(f"solutions/{chapter.slug}.py does not run: {problem.ename}: {problem.evalue}") from None
    except (CellTimeoutError, DeadKernelError) as problem:
        raise BuildError(f"solutions/{chapter.slug}.py does not run: {problem}") from None
    peak = int(ran.cells.pop().outputs[0]["text"]) / (2**20 if sys.platform == "darwin" else 2**10)
    return [cell.outputs for cell in ran.cells], round(peak)


def dressed(notebook: NotebookNode, chapter: Chapter, outputs: list[list[dict]]) -> NotebookNode:
    """The page: the notebook with its outputs, folded solutions, links that stay in the book, described figures."""
    shown, remaining, exercise = [], iter(outputs), ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = inside_the_book(cell.source)
        elif is_run(cell):
            cell.outputs = [clean(output) for output in next(remaining)]
        role = cell.metadata.mechanisms.role
        exercise = cell.metadata.mechanisms.get("exercise", exercise)
        if role == "solution" and cell.cell_type == "code":
            cell.source = re.sub(r"(?m)^[ \t]*### (BEGIN|END) SOLUTION[ \t]*\n?", "", cell.source).rstrip()
            cell.metadata["tags"] = ["hide-input"]
            cell.metadata["mystnb"] = {"code_prompt_show": FOLD, "code_prompt_hide": UNFOLD}
        elif cell.cell_type == "markdown":
            cell.source = folded_answers(cell.source)
        elif any("image/png" in output.get("data", {}) for output in cell.outputs):
            about = f"after {exercise}" if exercise else "of the introduction"
            alt = f"Figure {about}. The text below it says what there is to see."
            cell.metadata["mystnb"] = {"image": {"alt": alt}}
        shown.append(cell)
    title = next(cell for cell in shown if cell.source.startswith("# "))
    title.source = re.sub(r"\A# (.*)", r"# Solutions, \1", title.source)
    place = shown.index(title) + 1
    shown.insert(place, new_markdown_cell(preface(chapter), id="preface", metadata={}))
    notebook.cells = shown
    return notebook


def preface(chapter: Chapter) -> str:
    """What stands under the page's title."""
    notebook = f"exercises/{chapter.slug}/{chapter.notebook}.ipynb"
    page = chapter.page.partition("#")[0].removesuffix(".html").rpartition("/")[2]
    return (
        ":::{admonition} This page holds the answers\n:class: warning\n"
        "It is the chapter's notebook, run from top to bottom. Each solution is folded; try the exercise first. "
        f"[The chapter's page](../chapters/{page}) · [The notebook in Colab]({address.colab(notebook)})\n:::"
    )


def inside_the_book(text: str) -> str:
    """Absolute links to the hosted book become links within this copy of it."""
    book = re.escape(address.documentation())
    text = re.sub(rf"\[([^\]]+)\]\({book}/book/chapters/\w+\.html#([\w-]+)\)", r"{ref}`\1 <\2>`", text)
    return re.sub(rf"\]\({book}/book/([\w/-]+)\.html\)", r"](../\1)", text)


def folded_answers(text: str) -> str:
    """The model answer of a free-text question, folded; nbgrader's markers go."""
    pattern = r"(?s)### BEGIN SOLUTION\n(.*?)\n?### END SOLUTION"
    return re.sub(pattern, r"<details><summary>Show a good answer</summary>\n\n\1\n\n</details>", text)


def clean(output: dict) -> NotebookNode:
    """An output as a page can show it: without counters, widgets as a sentence, progress bars dropped."""
    output = nbformat.from_dict(output)
    if output.output_type == "execute_result":
        output = new_output("display_data", data=output.data, metadata=output.metadata)
    if output.output_type == "display_data" and WIDGET in output.data:
        return new_output("display_data", data={"text/plain": NO_WIDGET})
    return output
