"""One newcomer for all walk-throughs of a file, and what a walk-through needs of the machine."""

from __future__ import annotations

import pytest
from fresh import Kernel, Newcomer, blocks, settle

from autograder.sandbox.protections import protections


@pytest.fixture(scope="session")
def isolation():
    """A machine that isolates."""
    # The walk-throughs grade other people's work, which `autograder grade` refuses without isolation, as it should:
    # there is nothing to walk through. tests/SKIPS.md says where to run them.
    if not protections().enough:
        pytest.skip("this machine gives no isolation, and nobody's work is graded without it")


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory):
    """Somebody in an empty folder."""
    return Newcomer(tmp_path_factory.mktemp("newcomer"))


@pytest.fixture(scope="module")
def settled(newcomer):
    """The same, after the guide's clone and setup."""
    for kind, command in blocks("student")[:3]:
        assert kind == "console"
        if command == "make setup":
            settle(newcomer.checkout)
        if not command.startswith("cd "):
            newcomer.run(command)
    return newcomer


@pytest.fixture(scope="module")
def kernel(settled):
    """A kernel in which the setup cell of chapter 09 has run."""
    import nbformat

    folder = settled.checkout / "exercises" / "09_pretraining_budgets"
    made = Kernel(settled, folder)
    notebook = nbformat.read(folder / "pretraining_budgets.ipynb", as_version=4)
    made.notebook = notebook
    made.shown = made.run(next(cell.source for cell in notebook.cells if cell.cell_type == "code"))
    yield made
    made.close()
