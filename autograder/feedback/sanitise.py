"""What a student's notebook shows, made harmless for a page.

- HTML is read and written anew from a short list of tags; scripts, styles, links, forms, frames, SVG, event
  handlers, `style`, `class` and `id` do not come through, and nothing in it can ask another computer for anything;
- images are PNG or JPEG, carried in the page itself, checked by their first bytes and their size;
- text loses terminal colours and control characters; everything is cut at a length that a page can bear.

What comes out is written by this module from parsed pieces, never copied: an odd tag can become odd text, no more.
"""

from __future__ import annotations

import base64
import binascii
import re
from html import escape, unescape

TEXT_LIMIT = 20_000
HTML_LIMIT = 100_000
IMAGE_LIMIT = 2_000_000
DEPTH_LIMIT = 40
CUT = "… [cut here]"

_VOID = {"br", "hr", "img"}
_TAGS = _VOID | {
    "b", "blockquote", "caption", "code", "dd", "details", "div", "dl", "dt", "em", "i", "kbd",
    "li", "ol", "p", "pre", "s", "samp", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td",
    "tfoot", "th", "thead", "tr", "u", "ul", "var",
}  # fmt: skip
# Their content is no text for a reader.
_SILENT = {"script", "style", "template", "noscript", "iframe", "object", "svg", "math", "head", "title", "textarea",
           "select", "audio", "video", "canvas", "noembed", "noframes", "xmp"}  # fmt: skip
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.")
# Control characters but line end and tab, halves of characters, and what turns the direction of the text around it.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_SIGNATURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]{0,30})(?=[\s/>])")
_ATTRIBUTE = re.compile(r"""(?i)\b(src|alt|colspan|rowspan|scope)\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)""")
_DATA = re.compile(r"data:(image/(?:png|jpeg));base64,([A-Za-z0-9+/=\s]+)")


def clean_text(text: str, limit: int = TEXT_LIMIT) -> str:
    """Text without terminal colours, control and text-direction characters, at most `limit` characters long."""
    text = _UNSEEN.sub("", _ANSI.sub("", text[: 4 * limit].replace("\r\n", "\n")))
    return text if len(text) <= limit else text[:limit] + CUT


def clean_image(kind: str, data: str) -> str | None:
    """An `img` address for base64 image data, or None when it is no PNG or JPEG of a bearable size."""
    if kind not in _SIGNATURES or len(data) > IMAGE_LIMIT:
        return None
    try:
        raw = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    if not raw.startswith(_SIGNATURES[kind]):
        return None
    return f"data:{kind};base64,{base64.b64encode(raw).decode()}"


def clean_html(text: str) -> str:
    """HTML of which only harmless tags are left; empty when nothing readable is in it.

    The reader goes forward only, so that a hostile text costs time in proportion to its length (the standard
    library's parser needs minutes for 100 kB of `<b `).
    """
    text = text[:HTML_LIMIT]
    writer = _Writer()
    place = 0
    while place < len(text):
        start = text.find("<", place)
        if start < 0:
            start = len(text)
        writer.text(text[place:start])
        place = _markup(text, start, writer) if start < len(text) else start
    return writer.result()


def _markup(text: str, start: int, writer: _Writer) -> int:
    """Read what begins with the `<` at `start`; returns where to go on."""
    if text.startswith("<!--", start):
        return _behind(text, "-->", start + 4)
    end = text.find(">", start)
    found = _TAG.match(text, start)
    if end < 0:
        return len(text)
    if found is None:
        if text[start + 1 : start + 2] in ("!", "?", "/"):
            return end + 1
        writer.text("<")
        return start + 1
    tag, inner = found[2].lower(), text[found.end() : end]
    if found[1]:
        writer.end(tag)
    elif tag not in _SILENT:
        writer.start(tag, inner)
    elif not inner.endswith("/"):
        closing = re.compile(f"</{tag}", re.IGNORECASE).search(text, end)
        return _behind(text, ">", closing.start()) if closing else len(text)
    return end + 1


def _behind(text: str, mark: str, start: int) -> int:
    """The place behind the next `mark`, or the end of the text."""
    found = text.find(mark, start)
    return len(text) if found < 0 else found + len(mark)


class _Writer:
    """Writes allowed tags anew, balanced, with no attributes but a few checked ones."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.open: list[str] = []

    def start(self, tag: str, inner: str) -> None:
        if tag not in _TAGS:
            return
        given = {
            name.lower(): unescape(value[1:-1] if value[0] in "\"'" else value)
            for name, value in _ATTRIBUTE.findall(inner)
        }
        if tag == "img":
            self.parts.append(_image(given))
        elif tag in _VOID:
            self.parts.append(f"<{tag}>")
        elif len(self.open) < DEPTH_LIMIT:
            self.open.append(tag)
            self.parts.append(f"<{tag}{_attributes(tag, given)}>")

    def end(self, tag: str) -> None:
        if tag in self.open:
            while (closing := self.open.pop()) != tag:
                self.parts.append(f"</{closing}>")
            self.parts.append(f"</{tag}>")

    def text(self, data: str) -> None:
        if data:
            self.parts.append(escape(clean_text(unescape(data), HTML_LIMIT)))

    def result(self) -> str:
        return "".join(self.parts).strip() + "".join(f"</{tag}>" for tag in reversed(self.open))


def _attributes(tag: str, given: dict[str, str]) -> str:
    kept = ""
    if tag in ("td", "th"):
        for name in ("colspan", "rowspan"):
            value = given.get(name) or ""
            if re.fullmatch(r"[1-9]\d{0,2}", value, re.ASCII):
                kept += f' {name}="{value}"'
        if tag == "th" and given.get("scope") in ("row", "col"):
            kept += f' scope="{given["scope"]}"'
    return kept


def _image(given: dict[str, str]) -> str:
    found = _DATA.fullmatch((given.get("src") or "").strip())
    address = clean_image(found[1], found[2]) if found else None
    words = escape(clean_text(given.get("alt") or "picture of the notebook", 200), quote=True)
    return f'<img src="{address}" alt="{words}">' if address else f"[picture left out: {words}]"
