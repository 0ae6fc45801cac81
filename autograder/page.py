"""The frame of the pages that the grader writes: feedback for a student, the report for an instructor.

- self-contained: one style sheet and at most one script, both in the page and both named by their hash in a
  Content-Security-Policy, so that nothing else in the page can style, run or load anything;
- light and dark, wide and narrow, readable with a screen reader and with the keyboard;
- everything that comes from outside goes through `text` or `words`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape


def text(value: object) -> str:
    """Anything as harmless text, also inside an attribute's quotes."""
    return escape(str(value), quote=True)


def words(sentence: str) -> str:
    """A sentence, escaped, with its `names` in backticks set as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text(sentence))


def points(value: float) -> str:
    """Points as a person writes them: 7.5, 10."""
    return f"{round(value, 4):.10g}"


def document(title: str, style: str, body: str, script: str = "") -> str:
    """A whole HTML page. `title` is plain text, `body` is HTML, `style` and `script` are our own."""
    sheet = _BASE + style
    policy = [
        "default-src 'none'",
        "img-src data:",
        f"style-src '{_digest(sheet)}'",
        f"script-src '{_digest(script)}'" if script else "script-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="robots" content="noindex">\n'
        f"<title>{text(title)}</title>\n<style>{sheet}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#main">To the content</a>\n{body}\n'
        + (f"<script>{script}</script>\n" if script else "")
        + "</body>\n</html>\n"
    )


def _digest(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


_BASE = """
:root { color-scheme: light dark; --ink: #1d2433; --soft: #566073; --paper: #fbfbfd; --card: #fff; --line: #d8dce6;
 --blue: #2552b5; --good: #1b6e3c; --goodbg: #e4f4ea; --part: #7a5200; --partbg: #fdf1d8; --bad: #a02727;
 --badbg: #fbe7e7; --quiet: #eef0f5; --bar1: #2f7d4f; --bar2: #d9a32c; --bar3: #c0504d; --bar4: #aab2c2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9f0; --soft: #a9b3c6; --paper: #14171f; --card: #1b1f2a;
 --line: #363d4e; --blue: #8fb1ff; --good: #8fdcab; --goodbg: #17331f; --part: #f0cb7f; --partbg: #3a2d10;
 --bad: #ffaaa6; --badbg: #3d1c1d; --quiet: #232937; --bar1: #4fae76; --bar2: #d6a83f; --bar3: #d9706c;
 --bar4: #5d677b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI",
 sans-serif; overflow-wrap: break-word; } td p, li, bdi { overflow-wrap: anywhere; }
header, main, footer { max-width: 64rem; margin: 0 auto; padding: 0 clamp(1rem, 4vw, 2.5rem); }
header { padding-top: 1.6rem; } footer { padding-bottom: 3rem; color: var(--soft); }
h1 { margin: 0 0 .3rem; font-size: 1.65rem; line-height: 1.25; } h2 { font-size: 1.25rem; margin: 2.2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.1rem 0 .3rem; } p { margin: .4rem 0; }
a { color: var(--blue); } :focus-visible { outline: 3px solid var(--blue); outline-offset: 2px; border-radius: 3px; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .88em; }
small, .soft { color: var(--soft); } summary { cursor: pointer; padding: .3rem 0; }
table { border-collapse: collapse; } caption { text-align: left; font-weight: 600; padding-bottom: .4rem; }
th, td { border: 1px solid var(--line); padding: .35rem .6rem; text-align: left; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
thead th { background: var(--quiet); }
.scroll { overflow-x: auto; } .good { color: var(--good); } .bad { color: var(--bad); } .part { color: var(--part); }
.call { border-left: 4px solid var(--line); background: var(--quiet); border-radius: 4px; padding: .6rem .9rem;
 margin: .7rem 0; } .call ul { margin: .2rem 0; padding-left: 1.2rem; }
.call.look { border-color: var(--part); background: var(--partbg); }
.call > :first-child { margin-top: 0; } .call > :last-child { margin-bottom: 0; }
.skip { position: absolute; left: -100rem; } .skip:focus { left: 1rem; top: 1rem; background: var(--card);
 padding: .5rem; }
@media print { details > * { display: block; } body { background: #fff; } }
"""
