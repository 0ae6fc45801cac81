"""A Sphinx extension that makes the built book readable without a network.

- puts MathJax beside the pages, from the sphinx-mathjax-offline package, and points Sphinx at that copy;
- copies only what pages with TeX formulas load (about 3 MB of the package's 24);
- loads MathJax's extensions from there too, so that no page asks a content network for anything;
- leaves out the scripts of Thebe, which jupyter-book puts into every page (twice, an error in the console), though no
  page here runs code on a server elsewhere.
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.errors import ExtensionError

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# The combined TeX-to-HTML component, its fonts, and the TeX packages that it loads on demand.
PARTS = ("tex-chtml.js", "output/chtml/fonts/woff-v2", "input/tex/extensions")


def mathjax_folder() -> Path:
    """Where the installed package keeps MathJax. Raises ExtensionError when it is not installed."""
    # The package's folder has hyphens in its name, so no import statement can name it.
    spec = importlib.util.find_spec("sphinx-mathjax-offline")
    if spec is None or spec.origin is None:
        raise ExtensionError("The package sphinx-mathjax-offline is missing: run `make setup`.")
    return Path(spec.origin).parent / "static" / "mathjax"


def copy_mathjax(app: Sphinx, problem: Exception | None) -> None:
    """After a good HTML build, put MathJax under _static/mathjax."""
    if problem is not None or app.builder.format != "html":
        return
    source, target = mathjax_folder(), Path(app.outdir) / "_static" / "mathjax"
    for part in PARTS:
        here, there = source / part, target / part
        there.parent.mkdir(parents=True, exist_ok=True)
        if here.is_dir():
            shutil.copytree(here, there, dirs_exist_ok=True)
        else:
            shutil.copyfile(here, there)


def without_thebe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Before a page is written: Thebe's settings and script go."""

    def is_thebe(script: Any) -> bool:
        name, body = getattr(script, "filename", script), getattr(script, "attributes", {}).get("body", "")
        return "thebe" in f"{name} {body}".lower()

    context["script_files"] = [script for script in context["script_files"] if not is_thebe(script)]


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.config.mathjax_path = "mathjax/tex-chtml.js"
    app.connect("html-page-context", without_thebe)
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
