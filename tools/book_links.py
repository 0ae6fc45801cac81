"""The links of the built book.

- ``broken``: links within the book whose page, file or place on a page is not there; the build refuses them;
- ``undescribed``: pictures without words for whoever does not see them; the build refuses these too;
- ``elsewhere``: links that leave the book, and the pages that hold them;
- as a command, asks every address elsewhere whether it still answers (needs a network; no part of the build).
"""

from __future__ import annotations

import html
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote, urlsplit

BUILT = Path(__file__).resolve().parents[1] / "book" / "_build" / "html"
LINK = re.compile(r'<(?:a|img|link|script|source|iframe)\b[^>]*?\s(?:href|src)="([^"]*)"')
PLACE = re.compile(r'\s(?:id|name)="([^"]+)"')
PICTURE = re.compile(r"<img\b[^>]*>")
# What a script says is no markup, and a comment is not shown.
SILENT = re.compile(r"(?s)(<script\b[^>]*>).*?</script>|<!--.*?-->")
WEB = ("http://", "https://")
PATIENCE_S = 20
AT_ONCE = 8
# A server that answers so is there, and wants a browser or an account.
WANTS_A_BROWSER = (401, 403, 405, 429)


def pages(built: Path) -> Iterator[tuple[Path, str]]:
    """Every page with its markup, without scripts' bodies. Pages of Sphinx's own copies are not the book's."""
    for path in sorted(built.rglob("*.html")):
        if not {"_static", "_sources"} & set(path.relative_to(built).parts):
            yield path, SILENT.sub(r"\1", path.read_text("utf-8"))


def links(markup: str) -> list[str]:
    """Every address that a page names, in its order, each once."""
    return list(dict.fromkeys(html.unescape(link) for link in LINK.findall(markup)))


def broken(built: Path) -> list[str]:
    """One sentence for each link within the book that leads nowhere."""
    markup = dict(pages(built))
    places = {path.resolve(): {html.unescape(name) for name in PLACE.findall(text)} for path, text in markup.items()}
    found = []
    for path, text in markup.items():
        page = path.relative_to(built).as_posix()
        for link in links(text):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                found.append(f"{page} links to {link}, which is not there")
            elif parts.fragment and unquote(parts.fragment) not in places.get(target, {unquote(parts.fragment)}):
                found.append(f"{page} links to {link}, a place that is not there")
    return found


def undescribed(built: Path) -> list[str]:
    """One sentence for each picture without an alternative text, or with its file's name as one."""
    found = []
    for path, text in pages(built):
        for picture in PICTURE.findall(text):
            alt = re.search(r'\salt="([^"]*)"', picture)
            source = re.search(r'\ssrc="([^"]*)"', picture)
            words = html.unescape(alt[1]).strip() if alt else ""
            if not words or (source and words.endswith(source[1].rpartition("/")[2])):
                number = len(found) + 1
                found.append(f"{path.relative_to(built).as_posix()} has a picture without an alt text ({number})")
    return found


def elsewhere(built: Path) -> dict[str, list[str]]:
    """Each address outside the book, without the place on its page, and the pages that link to it."""
    found: dict[str, list[str]] = {}
    for path, text in pages(built):
        for link in links(text):
            if link.startswith(WEB):
                found.setdefault(link.partition("#")[0], []).append(path.relative_to(built).as_posix())
    return found


def problem(address: str) -> str:
    """Why an address does not answer, or "" if it does."""
    request = urllib.request.Request(address, headers={"User-Agent": "Mozilla/5.0 (link check of a course)"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S):
            return ""
    except urllib.error.HTTPError as answer:
        return "" if answer.code in WANTS_A_BROWSER else f"answers {answer.code}"
    except (OSError, ValueError) as error:
        return f"does not answer ({error})"


def main() -> int:
    """Ask every address outside the book; exit 1 with the ones that fail."""
    from mechanisms import address

    if not BUILT.is_dir():
        print("There is no book yet: run `make book`.", file=sys.stderr)
        return 1
    found = elsewhere(BUILT)
    asked = [link for link in found if address.PLACEHOLDER not in link]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = {link: why for link, why in zip(asked, pool.map(problem, asked), strict=True) if why}
    for link, why in told.items():
        print(f"{link} {why}; linked from {', '.join(dict.fromkeys(found[link]))}")
    skipped = len(found) - len(asked)
    note = (
        f" {skipped} with {address.PLACEHOLDER} in them were not asked: the course is not published." if skipped else ""
    )
    print(f"{len(asked)} addresses asked, {len(told)} failed.{note}")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
