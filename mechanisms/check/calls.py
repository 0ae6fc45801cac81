"""Which other functions of its chapter an answer uses: what is wrong with one of those is wrong with the answer, too.

- ``used(source, names)`` reads the tokens of a source and runs nothing, so it may be given anybody's;
- ``listed(names)`` puts such names into a sentence.
"""

from __future__ import annotations

import io
import tokenize
from collections.abc import Collection, Iterable, Iterator


def used(source: str, names: Collection[str]) -> list[str]:
    """Those of ``names`` that stand in the code of ``source`` (not in a comment or a text), in their order there.

    An attribute (``net.check``) and a definition (``def check``) do not count. A source that is no Python gives what
    can be read of it.
    """
    found: dict[str, None] = {}
    before = ""
    for token in _tokens(source):
        if token.type == tokenize.NAME and token.string in names and before not in (".", "def"):
            found.setdefault(token.string)
        before = token.string
    return list(found)


def _tokens(source: str) -> Iterator[tokenize.TokenInfo]:
    try:
        yield from tokenize.generate_tokens(io.StringIO(source).readline)
    except (tokenize.TokenError, SyntaxError, ValueError):
        return


def listed(names: Iterable[str]) -> str:
    """Names as a sentence lists them: "a", "a and b", "a, b and c"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
