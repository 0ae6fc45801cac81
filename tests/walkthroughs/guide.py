"""The commands of a guide, in the order in which a reader types them.

- a block ```` ```console ```` is typed: `$ ` begins a command, `> ` goes on with it, other lines are what it prints;
- `<!-- ends with exit code 1 -->` above a block says how its last command ends; without it every command ends with 0;
- a block of the directive `code-block` with the class `by-hand` is not typed by a test; a table says why;
- one with the class `on-a-hub` is typed where JupyterHub is installed, by a test of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_BLOCK = re.compile(
    r"(?m)(?:^<!-- ends with exit code (?P<code>\d+) -->\n)?^```(?P<kind>console|\{code-block\} console)\n"
    r"(?P<body>.*?)^```$",
    re.DOTALL,
)


@dataclass
class Command:
    """One command, the line of the guide where it stands, what it prints (None: not told) and how it ends."""

    text: str
    line: int
    prints: list[str] | None = None
    code: int = 0


@dataclass
class Read:
    """A guide's commands: those that are typed, those that set up a hub, and those that are done by hand."""

    typed: list[Command] = field(default_factory=list)
    on_a_hub: list[Command] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)


def read(text: str) -> Read:
    """The commands of a guide. Raises ValueError for a block that begins with something else than a command."""
    found = Read()
    for block in _BLOCK.finditer(text):
        first = text[: block.start("body")].count("\n") + 1
        lines = block["body"].splitlines()
        if block["kind"] != "console":
            if lines[0] == ":class: by-hand":
                found.by_hand += [line[2:] for line in lines if line.startswith("$ ")]
            elif lines[0] == ":class: on-a-hub":
                found.on_a_hub += _commands(lines[1:], first + 1)
            else:
                raise ValueError(f"line {first}: a code-block of commands needs ':class: by-hand' or 'on-a-hub'")
            continue
        commands = _commands(lines, first)
        commands[-1].code = int(block["code"] or 0)
        found.typed += commands
    return found


def _commands(lines: list[str], first: int) -> list[Command]:
    commands: list[Command] = []
    for number, line in enumerate(lines, first):
        if line.startswith("$ "):
            commands.append(Command(line[2:], number))
        elif not commands:
            raise ValueError(f"line {number}: a console block begins with '$ '")
        elif line.startswith("> ") and commands[-1].prints is None:
            commands[-1].text += "\n" + line[2:]
        else:
            commands[-1].prints = [*(commands[-1].prints or []), line]
    return commands


def agrees(prints: list[str], printed: str) -> bool:
    """Whether what was printed is what the guide shows; `...` stands for anything, also for several lines."""
    shown, told = _tidy("\n".join(prints)), _tidy(printed)
    return re.fullmatch(".*".join(re.escape(part) for part in shown.split("...")), told, re.DOTALL) is not None


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()
