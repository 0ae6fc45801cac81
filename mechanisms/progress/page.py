"""The course map: one page that shows every chapter and exercise and what is done of it.

- self-contained: one style sheet named by its hash, no script, nothing loaded, light and dark, wide and narrow;
- links to the book's pages when it is told where the book is; everything from outside is escaped.
"""

from __future__ import annotations

import base64
import hashlib
import os
from html import escape
from pathlib import Path
from urllib.parse import quote

from mechanisms.check.card import points
from mechanisms.progress.overview import ChapterState, ExerciseState
from mechanisms.progress.view import STATES, Progress, chapter_line, counted, predicted

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2433; --soft: #566073; --paper: #fbfbfd; --card: #fff; --line: #d8dce6;
 --link: #2552b5; --track: #e3e6ee; --done: #1a7f37; --partly: #8a5a00; --tried: #b3261e; --open: #57606a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9f0; --soft: #a9b3c6; --paper: #14171f; --card: #1b1f2a;
 --line: #363d4e; --link: #8fb1ff; --track: #2c3342; --done: #5ec27e; --partly: #e0b04d; --tried: #f08a84;
 --open: #a9b3c6; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI",
 sans-serif; overflow-wrap: anywhere; }
main { max-width: 72rem; margin: 0 auto; padding: 1.6rem clamp(1rem, 4vw, 2.5rem) 3rem; }
h1 { font-size: 1.65rem; margin: 0 0 .3rem; } h2 { font-size: 1.1rem; margin: 0; } p { margin: .4rem 0; }
a { color: var(--link); } :focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 3px; }
.soft { color: var(--soft); font-size: .92rem; }
.map { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 1rem;
 margin: 1.4rem 0; padding: 0; list-style: none; }
.map > li { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.1rem; }
.bar { height: 9px; border-radius: 5px; background: var(--track); margin: .6rem 0 .4rem; overflow: hidden; }
.bar > div { height: 100%; }
.exercises { list-style: none; margin: .7rem 0 0; padding: 0; }
.exercises li { display: grid; grid-template-columns: 4.6rem 1fr auto; gap: 0 .6rem; padding: .3rem 0;
 border-top: 1px solid var(--line); }
.state { font-weight: 600; } .n { font-variant-numeric: tabular-nums; white-space: nowrap; }
.done { color: var(--done); } .partly { color: var(--partly); } .tried { color: var(--tried); }
.open { color: var(--open); }
.bar > div { background: #2f7fd0; } .bar > .done { background: #1f9d4d; }
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .9em; }
@media print { body { background: #fff; } .map > li { break-inside: avoid; } }
"""


def course_map(made: Progress, book: str = "") -> str:
    """The page as HTML. ``book`` is where the built book lies: an address, or a path relative to the page."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    widths = {f"w{_percent(chapter)}" for chapter in made.chapters}
    sizes = "".join(f".{name} {{ width: {name[1:]}%; }}\n" for name in sorted(widths))
    sized = base64.b64encode(hashlib.sha256(sizes.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}' 'sha256-{sized}'; base-uri 'none'; form-action 'none'"
    notes = "".join(f"<p>{escape(note)}</p>" for note in made.notes)
    links = "" if book else '<p class="soft">Tell it where the book is (--book) and every title becomes a link.</p>'
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy, quote=True)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>Course map: {escape(made.headline)}</title>\n"
        f"<style>{_STYLE}</style>\n<style>{sizes}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>Course map</h1>\n<p>{escape(made.headline)} {escape(made.next_sentence())}</p>\n{notes}"
        f'<ol class="map">\n{"".join(_chapter(chapter, book) for chapter in made.chapters)}</ol>\n'
        f'<p class="soft">{escape(made.privacy())} Make this page again to bring it up to date.</p>\n{links}'
        "</main>\n</body>\n</html>\n"
    )


def book_for(page: Path, named: str = "") -> str:
    """Where the book is, as links of a page at ``page`` need it.

    ``named`` is an address or a folder; without it MECHANISMS_BOOK counts, then a built book below the present folder.
    """
    known = named or os.environ.get("MECHANISMS_BOOK", "").strip()
    if known.startswith(("http://", "https://")):
        return known.rstrip("/")
    folder = Path(known).expanduser() if known else Path("book") / "_build" / "html"
    if not folder.is_dir():
        return ""
    relative = os.path.relpath(folder.resolve(), page.expanduser().resolve().parent)
    return quote(Path(relative).as_posix())


def _percent(chapter: ChapterState) -> int:
    return round(100 * chapter.best / chapter.points) if chapter.points else 0


def _link(text: str, book: str, place: str) -> str:
    if not (book and place):
        return escape(text)
    return f'<a href="{escape(f"{book}/{place}", quote=True)}">{escape(text)}</a>'


def _chapter(chapter: ChapterState, book: str) -> str:
    extra = predicted(chapter)
    more = f'<p class="soft">{escape(extra)}.</p>' if extra else ""
    heading = _link(f"{int(chapter.number)} · {chapter.title}", book, chapter.page)
    return (
        f"<li><h2>{heading}</h2>\n"
        f'<div class="bar" aria-hidden="true"><div class="{chapter.state} w{_percent(chapter)}"></div></div>\n'
        f"<p>{escape(chapter_line(chapter))}</p>{more}\n"
        f'<ul class="exercises">{"".join(_exercise(one, book) for one in chapter.exercises)}</ul></li>\n'
    )


def _exercise(one: ExerciseState, book: str) -> str:
    _, mark, word = STATES[one.state]
    tries = f' <span class="soft n">({counted(one.attempts, "check")})</span>' if one.attempts else ""
    return (
        f'<li><span class="state {one.state}"><span aria-hidden="true">{mark}</span> {word}</span>'
        f"<span>{_link(one.title, book, one.page)} <code>{escape(one.name)}</code>{tries}</span>"
        f'<span class="n">{points(one.best)} of {points(one.points)}</span></li>'
    )
