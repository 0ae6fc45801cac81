"""What a student wrote runs and fetches nothing when the graded notebook is opened."""

from __future__ import annotations

import re

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from autograder.nbg.harmless import harmless, harmless_text

LIVE = re.compile(
    r"(?i)<(?!/?(p|h\d|ul|ol|li|em|strong|code|pre|blockquote|a|br|hr|span|div|table|thead|tbody|tr|t[dh]|del)\b)/?[a-z]"
)


@pytest.mark.parametrize(
    ("text", "harmless_one"),
    [
        ("a < b and b > a", "a < b and b > a"),
        ("`<b>` stays code", "`<b>` stays code"),
        ("<!-- exercise: ch02.why -->\nwords", "<!-- exercise: ch02.why -->\nwords"),
        ("[a](https://x.org)", "[a](https://x.org)"),
        ("[a](javascript:alert(1))", "[a](#))"),
        ("![a](https://x.org/p.png)", "[a](https://x.org/p.png)"),
        ("[a]: javascript:alert(1)", "[a]: #"),
        ("<script>x</script>", "&lt;script>x&lt;/script>"),
        ("$a < b$", "$a < b$"),
    ],
)
def test_text_becomes_harmless_and_stays_readable(text, harmless_one):
    assert harmless_text(text) == harmless_one


PIECES = ["<", ">", "script", "img", " src=x", "onerror=1", "](", "[", "!", ")", "`", "\n", "a", "<!--", "javascript:"]
PIECES += ["data:text/html,", "\\", "&lt;", "/", '"', ":", "~~~"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25))
def test_no_tag_of_a_students_comes_through_markdown(parts):
    page = markdown2html_mistune(harmless_text("".join(parts)))
    assert not LIVE.search(page), page
    assert not re.search(r"(?i)(href|src)=[\"']?(javascript|data):", page), page


def test_outputs_keep_what_can_be_shown():
    release = new_notebook(cells=[new_markdown_cell("# Ours <details>fold</details>")])
    html = {"text/html": "<b onclick='x'>bold</b><script>1</script>", "image/svg+xml": "<svg/>"}
    shown, card = new_output("display_data", data=dict(html)), new_output("display_data", data=dict(html))
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# Ours <details>fold</details>"),
            new_markdown_cell("mine <img src=x onerror=alert(1)>"),
            new_code_cell("x", outputs=[shown, new_output("stream", text="\x1b[31mred\x1b[0m")]),
            new_code_cell("check(x)", outputs=[card], metadata={"mechanisms": {"role": "check"}}),
        ]
    )
    harmless(notebook, release)
    nbformat.validate(notebook)
    assert notebook.cells[0].source == "# Ours <details>fold</details>"
    assert "<img" not in notebook.cells[1].source
    assert notebook.cells[2].outputs[0].data == {"text/html": "<b>bold</b>"}
    assert notebook.cells[2].outputs[1].text == "red"
    assert "svg" in str(notebook.cells[3].outputs), "the verdict's card is ours"
