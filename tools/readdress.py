"""Writes the course's address into the files that cannot read pyproject.toml: README.md and CITATION.cff.

- README.md: the badges, and how to install, between its two address comments;
- CITATION.cff: repository-code and url;
- everything else reads mechanisms.address when it runs or when it is built; `make address` makes all of it anew.
"""

from __future__ import annotations

import re
from pathlib import Path

from mechanisms import address

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(?s)(<!-- address: made by `make address` -->\n).*?(<!-- end of address -->)")
FIRST = "exercises/02_factual_recall/factual_recall.ipynb"


def block() -> str:
    """The lines of README.md that hold the address."""
    repository, workflow = address.repository(), f"{address.repository()}/actions/workflows/ci.yml"
    return f"""\
[![tests]({workflow}/badge.svg)]({workflow})
[![Open In Colab](https://colab.research.google.com/assets/colab-badge.svg)]({address.colab(FIRST)})

The book: <{address.documentation()}/>. The repository: <{repository}>. A student's notebook needs the package alone:

```console
pip install "{address.requirement()}"
```
"""


def renewed(name: str, text: str) -> str:
    """A file's text with the address of today."""
    if name == "README.md":
        return BLOCK.sub(lambda found: found[1] + block() + found[2], text)
    text = re.sub(r"(?m)^repository-code: .*$", f'repository-code: "{address.repository()}"', text)
    return re.sub(r"(?m)^url: .*$", f'url: "{address.documentation()}/"', text)


def stale(root: Path) -> list[str]:
    """The files that have another address than pyproject.toml."""
    texts = {name: (root / name).read_text("utf-8") for name in ("README.md", "CITATION.cff")}
    return [name for name, text in texts.items() if renewed(name, text) != text]


def main(root: Path = ROOT) -> None:
    """Renew what is stale and say so."""
    for name in stale(root):
        path = root / name
        path.write_text(renewed(name, path.read_text("utf-8")), encoding="utf-8")
        print(f"wrote {name}")
    state = "" if address.published() else " (a placeholder: put your account in place of OWNER in pyproject.toml)"
    print(f"The course's address is {address.repository()}{state}.")


if __name__ == "__main__":
    main()
