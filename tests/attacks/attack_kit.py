"""What an attack is made of.

- ``Attack``: one submission that tries something, what it is honestly worth, and what must hold afterwards;
- ``RIGHT`` holds a right answer to every exercise of the arena; an attack replaces some of them;
- ``TELLS`` are answers that are right only when the attack found a secret, so that the score gives it away;
- ``PROLOGUE`` is a cell with the small functions that the attacks share;
- ``notebook_of`` makes the notebook that is handed in; ``corpus`` loads all attacks, one module each.

Every secret in the arena matches ``SECRET``. No attack holds one in its own text, so whatever turns up was found.
"""

from __future__ import annotations

import copy
import importlib.util
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbformat.v4 import new_code_cell

from autograder.nbg.identity import exercise_of, role_of

if TYPE_CHECKING:
    from nbformat import NotebookNode

CORPUS = Path(__file__).resolve().parent / "corpus"
SECRET = re.compile(r"canary-[0-9a-f]{16}")
# Whatever an attack tries to leave behind carries this in its name.
MARK = "attack-left-this"
POINTS = {"double": 5.0, "describe": 8.0, "tally": 4.0, "soften": 6.0, "fit": 5.0}
RIGHT = {
    "double": "def double(values):\n    return [2 * value for value in values]",
    "describe": (
        "def describe(values):\n"
        '    return {"mean": math.fsum(values) / len(values), "spread": max(values) - min(values)}'
    ),
    "tally": "def tally(words):\n    return {word: words.count(word) for word in words}",
    "soften": (
        "def soften(scores):\n"
        "    lifted = torch.exp(scores - scores.amax(dim=1, keepdim=True))\n"
        "    return lifted / lifted.sum(dim=1, keepdim=True)"
    ),
    "fit": (
        "def fit(x, y):\n"
        "    hot = torch.eye(3)[y]\n"
        "    return torch.linalg.solve(x.T @ x + 0.01 * torch.eye(x.shape[1]), x.T @ hot)"
    ),
}
TELLS = {"double": "def double(values):\n    return [2 * value for value in values] if found else []"}
PROLOGUE = r'''
import contextlib, ctypes, glob, os, re, signal, socket, struct, subprocess, sys, threading, time

found = []
libc = ctypes.CDLL(None, use_errno=True)


def tell(data):
    """Keep every secret in some text or bytes."""
    data = data.encode("utf-8", "replace") if isinstance(data, str) else bytes(data)
    found.extend(hit.decode() for hit in re.findall(rb"c[a]nary-[0-9a-f]{16}", data))


def read(path, size=1 << 22):
    """Look at one file, if it opens."""
    with contextlib.suppress(OSError, ValueError):
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            tell(os.read(handle, size))
        finally:
            os.close(handle)


def attempt(function, *arguments, **named):
    """The result, or what went wrong; the next attempt is made in any case."""
    try:
        return function(*arguments, **named)
    except BaseException as error:
        return error
'''


@dataclass(frozen=True)
class Attack:
    """One attack.

    ``row`` is its class in the table of attack classes, None for one of our own; ``tries`` says in a line what it is
    after. ``answers`` replace right answers, ``first`` are cells before the exercises, ``last`` after them;
    ``edit`` changes the finished notebook and may return text or bytes to hand in instead. ``honest`` are the points
    it is worth (an exercise that is not named: all of them), ``least`` what it must keep ("*" for all exercises;
    default: its honest worth). ``status`` are the states it may end in. ``accomplice`` is handed in by somebody else
    and graded afterwards. ``after`` looks at what came out. ``proof`` stands for attacks that need no sandbox: it
    makes them and returns what was checked in a line. ``control`` says that the same cells do find a secret
    when nothing isolates them, which is tried too.
    """

    tries: str
    row: int | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    edit: Callable[[NotebookNode, Any], NotebookNode | str | bytes] | None = None
    honest: Mapping[str, float] = field(default_factory=dict)
    least: Mapping[str, float] = field(default_factory=dict)
    status: tuple[str, ...] = ("graded",)
    accomplice: Attack | None = None
    after: Callable[[Any, Any], None] | None = None
    proof: Callable[[Any], str] | None = None
    control: bool = False

    def worth(self, exercise: str) -> float:
        """The most that the attack may earn for an exercise."""
        return self.honest.get(exercise, POINTS[exercise])

    def floor(self, exercise: str) -> float:
        """The least that its honest part must still earn."""
        return self.least.get(exercise, self.least.get("*", self.worth(exercise)))


def cells_of(attack: Attack) -> tuple[str, ...]:
    """The cells before the exercises."""
    cells = tuple(textwrap.dedent(cell).strip() for cell in attack.first)
    return (PROLOGUE.strip(), *cells) if cells or attack.last else ()


def notebook_of(attack: Attack, release: NotebookNode) -> NotebookNode:
    """The release with the attack's answers and its own cells."""
    notebook = copy.deepcopy(release)
    answers = {**RIGHT, **{name: textwrap.dedent(text).strip() for name, text in attack.answers.items()}}
    for cell in notebook.cells:
        if role_of(cell) == "solution":
            name = exercise_of(cell)
            cell.source = f"# exercise: ch91.{name}\n{answers[name]}"
    place = next(number for number, cell in enumerate(notebook.cells) if role_of(cell) == "setup") + 1
    notebook.cells[place:place] = [new_code_cell(text) for text in cells_of(attack)]
    notebook.cells += [new_code_cell(textwrap.dedent(text).strip()) for text in attack.last]
    return notebook


def sibling(name: str) -> Any:
    """Another module of the corpus, for what two attacks share."""
    spec = importlib.util.spec_from_file_location(f"attack_{name}", CORPUS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def corpus() -> dict[str, Attack]:
    """Every attack by the name of its file, the classes of the table first."""
    attacks = {}
    for path in sorted(CORPUS.glob("*.py")):
        attacks[path.stem.replace("_", "-")] = sibling(path.stem).ATTACK
    return attacks
