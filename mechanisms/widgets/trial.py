"""A trial of the reference-back task, tuple by tuple: what registers hold, which stored item each head addresses.

- ``trial_steps``: everything that is shown, computed from a model and one stream;
- ``step_html``: one step as HTML: the stream, the registers, the attention of each head, the model's answer;
- ``trial_stepper`` is live (ipywidgets); ``trial_page`` needs no kernel: a few lines of JavaScript change the step.
"""

from __future__ import annotations

import html
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mechanisms.data.reference_back import DIFFERENT, SAME, STORE, SYMBOL, WIDTH, Task, words

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
_numbers = itertools.count()


@torch.no_grad()
def trial_steps(model, tokens: torch.Tensor, task: Task, layer: int = 1) -> dict[str, Any]:
    """What one stream ``tokens`` [pos] shows, as plain data.

    "tuples": [[instruction, register, symbol, answer], ...]; "steps": for every tuple the registers' contents before
    it, "heads" [head][tuple] (how much of each head's attention at the symbol falls on each tuple so far), the
    probability of "same", and whether the more likely of the two answers is right.
    """
    names = words(task)
    pattern_name = f"blocks.{layer}.attn.hook_pattern"
    logits, cache = model.run_with_cache(tokens[None], names_filter=pattern_name)
    pattern = cache[pattern_name][0]  # [head, query, key]
    held = {names[4 + i]: "" for i in range(task.registers)}
    tuples, steps = [], []
    for t in range(len(tokens) // WIDTH):
        row = tokens[WIDTH * t : WIDTH * (t + 1)].tolist()
        tuples.append([names[token] for token in row])
        at = WIDTH * t + SYMBOL
        masses = [
            [round(pattern[head, at, WIDTH * s : WIDTH * (s + 1)].sum().item(), 3) for s in range(t + 1)]
            for head in range(len(pattern))
        ]
        two = logits[0, at, [SAME, DIFFERENT]]
        says = SAME if two[0] > two[1] else DIFFERENT
        steps.append(
            {
                "registers": dict(held),
                "heads": masses,
                "same": round(two.softmax(0)[0].item(), 3),
                "says": names[says],
                "right": bool(says == row[3]),
            }
        )
        if row[0] == STORE or task.control == "no ignore":
            held[names[row[1]]] = names[row[2]]
    return {"tuples": tuples, "steps": steps}


def _bar(share: float, color: str) -> str:
    width = round(110 * share)
    return (
        '<td style="padding:1px 6px;text-align:left;min-width:150px">'
        f'<span style="display:inline-block;height:10px;width:{width}px;background:{color};vertical-align:middle">'
        "</span>"
        f' <span style="font-size:11px">{share:.0%}</span></td>'
    )


def step_html(trial: dict[str, Any], t: int) -> str:
    """Step ``t`` of a trial: one table row for each tuple, the current one marked, later ones pale."""
    step, heads = trial["steps"][t], len(trial["steps"][t]["heads"])
    holds = " · ".join(
        f"<b>{html.escape(name)}</b> holds {html.escape(symbol) if symbol else 'nothing'}"
        for name, symbol in step["registers"].items()
    )
    current = trial["tuples"][t]
    verdict = "right" if step["right"] else "wrong"
    told = (
        f"<div>Before this tuple: {holds}</div><div>Asked: does <b>{html.escape(current[1])}</b> hold "
        f"<b>{html.escape(current[2])}</b>? The model says <b>{step['says']}</b> "
        f"(P = {max(step['same'], 1 - step['same']):.2f}), which is {verdict}.</div>"
    )
    head_row = "".join(f'<th style="padding:1px 6px;text-align:left">head 1.{h} looks at</th>' for h in range(heads))
    rows = []
    for s, (instruction, register, symbol, answer) in enumerate(trial["tuples"]):
        shown = "…" if s >= t else answer
        # Light enough to stand back, dark enough to read (4.5 to 1 on a white and on a grey ground).
        later = "opacity:.75;font-style:italic"
        style = later if s > t else "outline:2px solid currentColor;outline-offset:-2px" if s == t else ""
        cells = "".join(
            f'<td style="padding:1px 6px">{html.escape(word)}</td>' for word in (instruction, register, symbol, shown)
        )
        bars = "".join(_bar(step["heads"][h][s] if s <= t else 0.0, COLORS[h]) for h in range(heads))
        rows.append(f'<tr style="{style}"><td style="padding:1px 6px">{s + 1}</td>{cells}{bars}</tr>')
    columns = "".join(
        f'<th style="padding:1px 6px;text-align:left">{name}</th>'
        for name in ("", "instruction", "register", "symbol", "answer")
    )
    return (
        f'<div style="font:14px sans-serif">{told}'
        '<table style="border-collapse:collapse;margin-top:.5em;font-size:13px">'
        f"<thead><tr>{columns}{head_row}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


@dataclass(frozen=True)
class TrialStepper:
    """The live stepper: ``box`` is what a notebook shows; ``trial``, ``step`` and ``view`` are its parts."""

    box: object
    trial: object
    step: object
    view: object

    def _repr_mimebundle_(self, **kwargs):
        return self.box._repr_mimebundle_(**kwargs)


def trial_stepper(trials: Sequence[dict[str, Any]], start: int = 0) -> TrialStepper:
    """A slider over the tuples of one of several trials (from ``trial_steps``)."""
    import ipywidgets as widgets

    trial = widgets.Dropdown(options=[(str(i + 1), i) for i in range(len(trials))], description="stream")
    last = len(trials[0]["tuples"])
    step = widgets.IntSlider(value=start + 1, min=1, max=last, description="tuple")
    view = widgets.HTML()

    def redraw(_change: object = None) -> None:
        view.value = step_html(trials[trial.value], step.value - 1)

    for control in (trial, step):
        control.observe(redraw, names="value")
    redraw()
    return TrialStepper(widgets.VBox([widgets.HBox([trial, step]), view]), trial, step, view)


class Page:
    """HTML that works without a kernel and without the network."""

    def __init__(self, markup: str) -> None:
        self.markup = markup

    def _repr_html_(self) -> str:
        return self.markup


def trial_page(trials: Sequence[dict[str, Any]], title: str, start: int = 0) -> Page:
    """The stepper of a page: every step of every trial is drawn beforehand."""
    identity = f"trial{next(_numbers)}"
    views = [[step_html(trial, t) for t in range(len(trial["tuples"]))] for trial in trials]
    # "</" would end the script if a view ever held it; JSON may write it as "<\/"
    data = json.dumps(views).replace("</", "<\\/")
    options = "".join(f'<option value="{i}">{i + 1}</option>' for i in range(len(views)))
    last = len(views[0])
    script = f"""(function () {{
  const views = {data}, id = "{identity}", find = part => document.getElementById(id + part);
  function draw() {{
    const t = Number(find("-step").value);
    find("-view").innerHTML = views[Number(find("-trial").value)][t - 1];
    find("-place").textContent = "tuple " + t + " of {last}";
    find("-step").setAttribute("aria-valuetext", "tuple " + t);
  }}
  find("-step").addEventListener("input", draw);
  find("-trial").addEventListener("change", draw);
  find("-back").addEventListener("click", () => {{ find("-step").stepDown(); draw(); }});
  find("-on").addEventListener("click", () => {{ find("-step").stepUp(); draw(); }});
}})();"""
    return Page(
        f'<div style="margin:1em 0;overflow-x:auto"><div style="font:600 15px sans-serif">{html.escape(title)}</div>'
        f'<div style="font:14px sans-serif;margin:.4em 0"><label>stream '
        f'<select id="{identity}-trial">{options}</select></label> '
        f'<button type="button" id="{identity}-back">back</button> '
        f'<label>step <input id="{identity}-step" type="range" min="1" max="{last}" step="1" value="{start + 1}" '
        f'style="width:220px;vertical-align:middle"></label> <button type="button" id="{identity}-on">next</button> '
        f'<output id="{identity}-place">tuple {start + 1} of {last}</output></div>'
        f'<div id="{identity}-view" aria-live="polite">{views[0][start]}</div><script>{script}</script></div>'
    )
