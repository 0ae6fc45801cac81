"""What an exercise forbids: library routines that would do its work.

- ``violation`` reads source code and never runs it: it follows imports, aliases, literal names given to ``getattr`` and
  its like, and the functions and values of the notebook that the exercise's function uses;
- ``forbidden`` maps a dotted name ("torch.linalg.svd"), or ".svd" for a method of that name on anything, to the reason
  that a student reads.

It finds what is written, not what is computed: a name put together at run time passes, and is for a person to see.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping

_MAGIC = re.compile(r"(?m)^(\s*)[%!].*$")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def violation(function: str, sources: Iterable[str], forbidden: Mapping[str, str]) -> str:
    """One sentence about the first forbidden routine that ``function`` uses, or an empty text."""
    if not forbidden:
        return ""
    trees = [tree for tree in map(_parsed, sources) if tree is not None]
    definitions: dict[str, list[ast.AST]] = {}
    aliases: dict[str, str] = {}
    stars: list[str] = []
    for tree in trees:
        for node in ast.walk(tree):
            for name in _defined(node):
                definitions.setdefault(name, []).append(node)
            _learn(node, aliases, stars)
    for node in _reachable(function, definitions):
        for name in _names(node, aliases, stars):
            for pattern, reason in forbidden.items():
                if name == pattern or (pattern.startswith(".") and name.endswith(pattern)):
                    return f"{function} uses {pattern.lstrip('.')}, which this exercise forbids: {reason}"
    return ""


def _parsed(source: str) -> ast.AST | None:
    """The tree of a cell, its shell lines and magics translated as IPython does; None when there is none."""
    for attempt in (lambda: source, lambda: _MAGIC.sub(r"\1pass", source), lambda: _translated(source)):
        try:
            return ast.parse(attempt())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


def _translated(source: str) -> str:
    from IPython.core.inputtransformer2 import TransformerManager

    head, _, body = source.partition("\n")
    return TransformerManager().transform_cell(body if head.startswith("%%") else source)


def _defined(node: ast.AST) -> list[str]:
    if isinstance(node, _FUNCTIONS):
        return [node.name]
    targets: list[ast.AST | None] = []
    if isinstance(node, ast.Assign):
        targets = list(node.targets)
    elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
        targets = [node.target]
    return [part.id for target in targets if target for part in ast.walk(target) if isinstance(part, ast.Name)]


def _learn(node: ast.AST, aliases: dict[str, str], stars: list[str]) -> None:
    """Note what an import or a plain assignment makes a name stand for."""
    if isinstance(node, ast.Import):
        for item in node.names:
            aliases[item.asname or item.name.split(".")[0]] = item.name if item.asname else item.name.split(".")[0]
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        for item in node.names:
            if item.name == "*":
                stars.append(node.module)
            else:
                aliases[item.asname or item.name] = f"{node.module}.{item.name}"
    elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute | ast.Name):
        for target in node.targets:
            if isinstance(target, ast.Name):
                aliases.setdefault(target.id, _dotted(node.value, aliases))


def _reachable(function: str, definitions: dict[str, list[ast.AST]]) -> list[ast.AST]:
    """Everything in the notebook that the function uses, itself first."""
    waiting, seen, found = [function], set(), []
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for node in definitions.get(name, []):
            found.append(node)
            waiting += [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]
    return found


def _names(tree: ast.AST, aliases: dict[str, str], stars: list[str]) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            found.append(_dotted(node, aliases))
        elif isinstance(node, ast.Name):
            found.append(aliases.get(node.id, node.id))
            found += [f"{module}.{node.id}" for module in stars]
        elif isinstance(node, ast.Call):
            # getattr(x, "svd"), x.__getattribute__("svd"), operator.attrgetter("svd"), and the like
            names = [part.value for part in node.args if isinstance(part, ast.Constant) and type(part.value) is str]
            if "attr" in _dotted(node.func, aliases):
                owner = _dotted(node.args[0], aliases)
                found += [dotted for name in names for dotted in (f"{owner}.{name}", f".{name}")]
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and _is_namespace(node.value):
            found.append(f".{node.slice.value}")
    return found


def _is_namespace(node: ast.AST) -> bool:
    """vars(x) or x.__dict__."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in ("vars", "globals")
    return isinstance(node, ast.Attribute) and node.attr == "__dict__"


def _dotted(node: ast.AST, aliases: dict[str, str]) -> str:
    """The name "torch.linalg.svd" for an attribute of a name; without a name before the dots it starts with a dot."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    first = aliases.get(node.id, node.id) if isinstance(node, ast.Name) else ""
    return ".".join([first, *reversed(parts)])
