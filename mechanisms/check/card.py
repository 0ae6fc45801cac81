"""The HTML cards of a check and of a prediction.

- self-contained: inline styles only, since notebook viewers drop style sheets and scripts;
- fit for light and dark pages: text takes the page's own colour, tints are transparent, and the few words in
  colour stand white on a solid ground of their own;
- readable without colour and with a screen reader: every state is a word, marks and bars are hidden from it;
- everything that comes from outside is escaped.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from mechanisms.address import book_page

if TYPE_CHECKING:
    from mechanisms.check.verdict import GroupVerdict, Verdict

_STATES = {
    "passed": ("#1a7f37", "✓", "Passed"),
    "partial": ("#8a5a00", "◐", "Partly right"),
    "failed": ("#b3261e", "✗", "Not yet"),
    "stub": ("#57606a", "…", "Not started"),
}
_LINE = "rgba(127,127,127,.35)"
_MONO = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.92em"


def points(value: float) -> str:
    """Points as text that reads back as the same number: "7.5", "10"."""
    return f"{round(value, 6):.10g}"


def frame(label: str, colour: str, body: str) -> str:
    """A bordered card with an accessible name."""
    style = (
        f"border:1px solid {_LINE};border-left:5px solid {colour};border-radius:8px;padding:.8em 1.1em;margin:.5em 0;"
        "max-width:54em;line-height:1.5;overflow-wrap:anywhere;"
        "font-family:system-ui,-apple-system,'Segoe UI',sans-serif"
    )
    return f'<div role="group" aria-label="{escape(label, quote=True)}" style="{style}">{body}</div>'


def badge(colour: str, mark: str, word: str) -> str:
    """A word on a solid ground, with a mark that only the eye gets."""
    style = (
        f"background:{colour};color:#fff;border-radius:1em;padding:.1em .75em;font-size:.85em;font-weight:600;"
        "white-space:nowrap"
    )
    return f'<span style="{style}"><span aria-hidden="true">{mark}&#8239;</span>{escape(word)}</span>'


def callout(title: str, text: str, colour: str = "200,140,0") -> str:
    """A tinted paragraph with a bold beginning."""
    style = f"background:rgba({colour},.16);border-radius:6px;padding:.5em .8em;margin:.7em 0 0"
    return f'<div style="{style}"><strong>{escape(title)}</strong> {rich(text)}</div>'


def fold(summary: str, inner: str) -> str:
    """A part that the reader opens."""
    return (
        f'<details style="margin:.6em 0 0"><summary style="cursor:pointer">{escape(summary)}</summary>{inner}</details>'
    )


def code(text: str) -> str:
    """Text as code, in the page's own colour."""
    style = f"{_MONO};background:rgba(127,127,127,.14);color:inherit;border-radius:4px;padding:.05em .35em"
    return f'<code style="{style}">{escape(text)}</code>'


def rich(text: str) -> str:
    """A sentence with its `code in backticks` set as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return "".join(code(part) if index % 2 else escape(part) for index, part in enumerate(parts))


def _bar(share: float, colour: str) -> str:
    width = round(100 * max(0.0, min(1.0, share)))
    return (
        f'<div aria-hidden="true" style="height:5px;border-radius:3px;background:{_LINE};margin:.7em 0 .2em">'
        f'<div style="height:5px;border-radius:3px;width:{width}%;background:{colour}"></div></div>'
    )


def verdict_card(verdict: Verdict, show_inputs: bool = True) -> str:
    """The card of a verdict. Without ``show_inputs`` it tells nothing of a case's inputs or expected values."""
    colour, mark, word = _STATES[verdict.status]
    score = f"{points(verdict.points)} of {points(verdict.max_points)} points"
    head = (
        '<div style="display:flex;flex-wrap:wrap;gap:.35em .7em;align-items:center">'
        f"{badge(colour, mark, word)}{code(verdict.exercise)}"
        f'<span style="flex:1 1 10em">{escape(verdict.title)}</span><strong>{score}</strong></div>'
    )
    parts = [head]
    if verdict.status == "stub":
        parts.append(f'<div style="margin:.6em 0 0">{escape(verdict.stub_sentence(show_inputs))}</div>')
    else:
        parts.append(_bar(verdict.points / verdict.max_points if verdict.max_points else 0, colour))
        if verdict.mistake:
            parts.append(callout("This looks like a known mistake.", verdict.mistake.sentence))
        parts.append(_groups(verdict.groups, show_inputs))
        parts += _folds(verdict, show_inputs)
    parts += [callout("Note:", f"{note}.", "127,127,127") for note in verdict.notes]
    parts.append(_book_link(verdict.page))
    return frame(f"Check of {verdict.exercise}: {word}, {score}", colour, "".join(parts))


def _groups(groups: tuple[GroupVerdict, ...], show_inputs: bool) -> str:
    items, seen = [], set()
    for group in groups:
        sentence = group.sentence if show_inputs else group.brief
        repeated = sentence in seen
        seen.add(sentence)
        top = f"border-top:1px solid {_LINE}" if items else ""
        items.append(_group(group, top, "the same as above" if repeated and sentence else sentence))
    return f'<ul style="list-style:none;margin:.4em 0 0;padding:0">{"".join(items)}</ul>'


def _group(group: GroupVerdict, border: str, sentence: str) -> str:
    colour, mark, _ = _STATES["passed" if group.passed else "failed"]
    score = f"{points(group.earned)} of {points(group.points)}"
    line = (
        f'<div style="display:flex;flex-wrap:wrap;gap:.2em .7em;align-items:baseline">'
        f"{badge(colour, mark, 'passed' if group.passed else 'failed')}"
        f'<span style="flex:1 1 12em">{escape(group.name)}</span><span>{score}</span></div>'
    )
    if not group.passed:
        place = f"<strong>{escape(group.place[:1].upper() + group.place[1:])}:</strong> " if group.place else ""
        text = sentence if place else sentence[:1].upper() + sentence[1:]
        line += f'<div style="margin:.25em 0 0 .2em">{place}{rich(text)}.</div>'
        if group.hint:
            line += f'<div style="margin:.15em 0 0 .2em"><em>Hint:</em> {rich(group.hint)}</div>'
    return f'<li style="margin:0;padding:.5em 0;{border}">{line}</li>'


def _folds(verdict: Verdict, show_inputs: bool) -> list[str]:
    if not show_inputs:
        return []
    found = []
    failing = next((group for group in verdict.groups if not group.passed), None)
    if failing and failing.inputs:
        rows = "".join(
            f"<li>{code(name)} = <span style='{_MONO}'>{escape(value)}</span></li>" for name, value in failing.inputs
        )
        title = f"The inputs of the case that failed ({failing.name}{', ' if failing.place else ''}{failing.place})"
        listing = f'<ul style="margin:.3em 0 0">{rows}</ul>'
        call = f"{verdict.exercise}(**case({verdict.exercise!r}, {failing.number}))"
        again = f"{escape(verdict.tolerance)} To try the case yourself: "
        again += f"{code('from mechanisms.check import case')}, then {code(call)}"
        found.append(fold(title, f'{listing}<div style="margin:.3em 0 0">{again}</div>'))
    if verdict.printed:
        text = f'<pre style="{_MONO};white-space:pre-wrap;margin:.3em 0 0;color:inherit;background:none">'
        found.append(fold("What your function printed", f"{text}{escape(verdict.printed)}</pre>"))
    return found


def _book_link(page: str) -> str:
    address = escape(book_page(page), quote=True)
    if not address:
        return ""
    return f'<div style="margin:.6em 0 0"><a href="{address}">This exercise in the book</a></div>'


def prediction_card(title: str, word: str, right: bool | None, chosen: str, explanation: str, rest: list[str]) -> str:
    """The card of a prediction: what was chosen, whether it holds, why, and folded the other choices."""
    state = {True: "passed", False: "partial", None: "stub"}[right]
    colour, mark, _ = _STATES[state]
    parts = [
        '<div style="display:flex;flex-wrap:wrap;gap:.35em .7em;align-items:center">'
        f'{badge(colour, mark, word)}<span style="flex:1 1 12em">{escape(title)}</span></div>'
    ]
    if chosen:
        parts.append(f'<div style="margin:.5em 0 0"><strong>You chose:</strong> {rich(chosen)}</div>')
    if explanation:
        parts.append(f'<div style="margin:.3em 0 0">{rich(explanation)}</div>')
    if rest:
        rows = "".join(f"<li>{rich(line)}</li>" for line in rest)
        listing = f'<ul style="margin:.3em 0 0">{rows}</ul>'
        parts.append(fold("The other choices", listing) if right is not None else listing)
    return frame(f"Prediction: {word}", colour, "".join(parts))
