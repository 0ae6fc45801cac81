"""Row 36: scripts in outputs, text and names."""

import json
from dataclasses import replace

from active_content import active
from attack_kit import Attack

WORD = "attackran"
SCRIPTS = (
    f"<script>{WORD}()</script>", f"<img src=x onerror={WORD}()>", f"<svg onload={WORD}()><animate onbegin={WORD}()>",
    f"<a href='javascript:{WORD}()'>x</a>", f"<iframe srcdoc='<script>{WORD}()</script>'></iframe>",
    f"<form action='https://{WORD}.invalid'><button formaction='javascript:{WORD}()'>x</button></form>",
    f"<meta http-equiv=refresh content='0;url=https://{WORD}.invalid'>", f"<base href='https://{WORD}.invalid/'>",
    f"<math><mtext></p><style><!--</style><img src=x onerror={WORD}()>-->", f"<div style='background:url(//{WORD}.x)'>",
    f"</pre></details></main><script>{WORD}()</script>", f"<img src=https://{WORD}.invalid/pixel.png>",
    f"<details open ontoggle={WORD}()>", f"<!--><script>{WORD}()</script>-->", f"<scr\\0ipt>{WORD}()</scr\\0ipt>",
)  # fmt: skip


def written(notebook, arena):
    """The same in the text cells, the answer to the free-text question and the headings."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source += (
                "\n\n" + "\n\n".join(SCRIPTS) + f"\n\n[x](javascript:{WORD}()) ![x](https://{WORD}.invalid/a)"
            )
    return notebook


def harmless(arena, outcome):
    """Nothing of it runs on the student's page, whatever the student is called."""
    from autograder.feedback import feedback_html

    assert not active(outcome.page, WORD)
    result = replace(outcome.graded.result, student=f"<script>{WORD}()</script>\"' onload={WORD}()")
    result.notices = [*SCRIPTS]
    notebook = json.loads(json.dumps(outcome.graded.notebook))
    assert not active(feedback_html(arena.project, arena.chapter, result, notebook, None), WORD)


HOSTILE_CELLS = (
    f"scripts = {SCRIPTS!r}",
    """
    from IPython.display import display
    for text in scripts:
        for kind in ("text/html", "image/svg+xml", "text/markdown", "text/latex", "application/javascript"):
            display({kind: text, "text/plain": text}, raw=True)
        print(text)
    """,
    "class Text:\n    def _repr_html_(self): return ''.join(scripts)\n    __repr__ = lambda self: scripts[0]\nText()",
    "raise type(scripts[0], (Exception,), {})(scripts[1])",
)

ATTACK = Attack(
    row=36,
    tries="put scripts into HTML, SVG, JavaScript, Markdown and LaTeX outputs, errors, text cells and names",
    first=HOSTILE_CELLS,
    answers={"double": "def double(values):\n    raise ValueError(scripts[0])"},
    edit=written,
    honest={"double": 0},
    after=harmless,
)
