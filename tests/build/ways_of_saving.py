"""A finished notebook as JupyterLab, VS Code, Colab and others write it to a file.

Each function takes the tree of an answered notebook, which somebody ran, and gives the text of the file. They differ in
what really differs: the format's minor version, where cell ids are, which metadata stays and which is added, the shape
of a source and of outputs, counters, the state of widgets, the order of keys, and indentation.
"""

from __future__ import annotations

import copy
import json
from typing import Any

PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WIDGET = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3}, "file_extension": ".py", "mimetype": "text/x-python",
    "name": "python", "nbconvert_exporter": "python", "pygments_lexer": "ipython3", "version": "3.12.11",
}  # fmt: skip
MODEL = {
    "model_module": "@jupyter-widgets/controls", "model_module_version": "2.0.0", "model_name": "FloatSliderModel",
    "state": {"value": 0.5, "description": "α"},
}  # fmt: skip


def lines(text: str) -> list[str]:
    """A source as most programs write it: one entry for each line, each with its line end."""
    return text.splitlines(keepends=True)


def ran(tree: dict[str, Any]) -> dict[str, Any]:
    """The notebook after "Run all": counters, a line of text, a picture, a card, a slider, and an error."""
    tree = copy.deepcopy(tree)
    for cell in tree["cells"]:
        cell["source"] = "".join(cell["source"])
    code = [cell for cell in tree["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(code, start=1):
        cell["execution_count"] = number
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["a line\n", "another\n"]}]
        if cell["source"].startswith("check("):
            card = {"text/plain": ["5"], "text/html": ["<div>\n", "5 of 5 points</div>"]}
            cell["outputs"] = [
                {"output_type": "execute_result", "execution_count": number, "data": card, "metadata": {}}
            ]
    code[-1]["outputs"] = [
        {"output_type": "display_data", "data": {"image/png": PICTURE, "text/plain": ["<Figure>"]}, "metadata": {}},
        {"output_type": "display_data", "data": {WIDGET: {"model_id": "a1", "version_major": 2, "version_minor": 0},
         "text/plain": ["FloatSlider()"]}, "metadata": {}},
        {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": ["\x1b[31mValueError\x1b[0m"]},
    ]  # fmt: skip
    for cell in tree["cells"]:
        cell["source"] = lines(cell["source"])
    return tree


def by_jupyterlab(tree: dict[str, Any]) -> str:
    """JupyterLab 4: ids kept, times of execution, folded and scrolled cells, the widgets' state, one space."""
    tree = ran(tree)
    for cell in tree["cells"]:
        cell["metadata"] |= {"editable": True, "slideshow": {"slide_type": ""}, "tags": ["hide-output"]}
        if cell["cell_type"] == "code":
            times = {"iopub.execute_input": "2026-11-20T10:00:00.1Z", "shell.execute_reply": "2026-11-20T10:00:01.2Z"}
            cell["metadata"] |= {"execution": times, "jupyter": {"outputs_hidden": True}, "scrolled": True}
    tree["metadata"] |= {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": LANGUAGE,
        "toc-autonumbering": False,
        "widgets": {STATE: {"state": {"a1": MODEL}, "version_major": 2, "version_minor": 0}},
    }
    tree |= {"nbformat": 4, "nbformat_minor": 5}
    return json.dumps(tree, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def by_vs_code(tree: dict[str, Any]) -> str:
    """VS Code today: the ids stay, every cell may name its language, the kernel is the environment's name."""
    tree = ran(tree)
    for cell in tree["cells"]:
        cell["metadata"]["vscode"] = {"languageId": "python" if cell["cell_type"] == "code" else "markdown"}
    tree["metadata"] |= {
        "kernelspec": {"display_name": ".venv (3.12.11)", "language": "python", "name": "python3"},
        "language_info": LANGUAGE,
    }
    tree |= {"nbformat": 4, "nbformat_minor": 5}
    return json.dumps(tree, indent=1, ensure_ascii=False)


def by_old_vs_code(tree: dict[str, Any]) -> str:
    """VS Code some years ago: format 4.2, no ids, all of a cell's own metadata gone, an interpreter's hash."""
    tree = ran(tree)
    for cell in tree["cells"]:
        cell.pop("id", None)
        cell["metadata"] = {}
    tree["metadata"] = {
        "interpreter": {"hash": "31f2aee4e71d21fbe5cf8b01ff0e069b9275f58929596ceb00d14d90e3e16cd6"},
        "kernelspec": {"display_name": "Python 3.11.4 64-bit", "name": "python3"},
        "language_info": LANGUAGE,
        "orig_nbformat": 4,
    }
    tree |= {"nbformat": 4, "nbformat_minor": 2}
    return json.dumps(tree, indent=4)


def by_colab(tree: dict[str, Any]) -> str:
    """Colab: format 4.0, ids in the metadata, a badge on top, the widgets' state without its frame, two spaces."""
    tree = ran(tree)
    for number, cell in enumerate(tree["cells"]):
        ident = cell.pop("id", f"c{number}")
        cell["metadata"] |= {"id": ident}
        if cell["cell_type"] == "code":
            cell["metadata"] |= {"colab": {"base_uri": "https://localhost:8080/", "height": 52}, "outputId": "f00d"}
    badge = {
        "cell_type": "markdown",
        "metadata": {"id": "view-in-github", "colab_type": "text"},
        "source": ['<a href="https://colab.research.google.com/github/" target="_parent">Open in Colab</a>'],
    }
    tree["cells"].insert(0, badge)
    tree["metadata"] = {
        "colab": {"provenance": [], "toc_visible": True, "include_colab_link": True, "gpuType": "T4"},
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "language_info": {"name": "python"},
        "accelerator": "GPU",
        "widgets": {STATE: {"a1": MODEL}},
        **({"mechanisms": tree["metadata"]["mechanisms"]} if "mechanisms" in tree["metadata"] else {}),
    }
    tree |= {"nbformat": 4, "nbformat_minor": 0}
    order = ("nbformat", "nbformat_minor", "metadata", "cells")
    return json.dumps({key: tree[key] for key in order}, indent=2)


def by_colab_bare(tree: dict[str, Any]) -> str:
    """Colab, after the cells were pasted into a new notebook: nothing of ours is left but the text."""
    saved = json.loads(by_colab(tree))
    for cell in saved["cells"]:
        cell["metadata"] = {"id": cell["metadata"]["id"]}
    saved["metadata"].pop("mechanisms", None)
    return json.dumps(saved, indent=2)


def with_plain_sources(tree: dict[str, Any]) -> str:
    """A program that writes each source as one text, which the format allows too, and no line end at the end."""
    tree = ran(tree)
    for cell in tree["cells"]:
        cell["source"] = "".join(cell["source"])
    return json.dumps(tree, separators=(",", ":"))


def with_windows_line_ends(tree: dict[str, Any]) -> str:
    """Sources with carriage returns, as some editors on Windows leave them, and a byte order mark."""
    tree = ran(tree)
    for cell in tree["cells"]:
        cell["source"] = [line.replace("\n", "\r\n") for line in cell["source"]]
    return "\ufeff" + json.dumps(tree, indent=1)


WAYS = {
    "JupyterLab": by_jupyterlab,
    "VS Code": by_vs_code,
    "VS Code, old": by_old_vs_code,
    "Colab": by_colab,
    "Colab, pasted": by_colab_bare,
    "plain sources": with_plain_sources,
    "Windows": with_windows_line_ends,
}
