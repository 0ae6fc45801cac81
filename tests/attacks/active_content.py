"""What in a page would run, load or send something.

- ``active`` lists the scripts, event handlers, addresses and frames of a page that carry a word of the attack's.
"""

from __future__ import annotations

from html.parser import HTMLParser

LOADING = {"src", "href", "action", "formaction", "data", "poster", "srcset", "background", "xlink:href", "srcdoc"}
LOADING |= {"style"}


def active(page: str, word: str) -> list[str]:
    """Every place where ``word`` would do more than be read."""
    reader = _Reader(word)
    reader.feed(page)
    reader.close()
    return reader.found


class _Reader(HTMLParser):
    def __init__(self, word: str):
        super().__init__(convert_charrefs=True)
        self.word = word
        self.inside: list[str] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self.inside.append(tag)
        for name, value in attrs:
            if tag == "a" and name == "href" and (value or "").startswith(("https:", "http:")):
                continue  # a link is followed by a person or not at all
            if self.word in (value or "") and (name.startswith("on") or name in LOADING or tag in ("meta", "base")):
                self.found.append(f"<{tag} {name}={value}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag in ("script", "style"):
            self.inside.pop()

    def handle_endtag(self, tag: str) -> None:
        if self.inside and tag == self.inside[-1]:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if self.inside and self.word in data:
            self.found.append(f"<{self.inside[-1]}> {data[:80]}")
