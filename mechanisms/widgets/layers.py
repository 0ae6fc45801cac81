"""The residual stream of the last position, sublayer by sublayer: what it would say if the model stopped there.

- ``layer_steps``: everything that is shown, computed from a model and one prompt;
- ``layer_html``: one sublayer as HTML: the top words as bars, and the places of argument and answer;
- ``layer_slider`` is live (ipywidgets); ``layer_page`` needs no kernel: a few lines of JavaScript move the slider.
"""

from __future__ import annotations

import html
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mechanisms.widgets.trial import Page

ARGUMENT, ANSWER, REST = "#D55E00", "#0072B2", "#999999"
_numbers = itertools.count()


@torch.no_grad()
def layer_steps(
    model, prompt: torch.Tensor, argument: int, answer: int, names: Sequence[str], title: str, top: int = 5
) -> dict[str, Any]:
    """What one ``prompt`` [pos] shows, as plain data.

    "steps": after the embedding and after every attention and FFN, the ``top`` words with their probabilities, and the
    0-based ranks of argument and answer. ``names`` has a name for every token.
    """
    _, cache = model.run_with_cache(prompt[None])
    stream = cache["blocks.0.hook_resid_pre"][0, -1]
    streams = [("embedding", stream)]
    for layer in range(model.cfg.n_layers):
        for part, hook in (("attention", "attn"), ("FFN", "mlp")):
            name = f"blocks.{layer}.hook_{hook}_out"
            if name in model.hook_dict:
                stream = stream + cache[name][0, -1]
                streams.append((f"{part} {layer}", stream))
    steps = []
    for after, stream in streams:
        logits = model.unembed(model.ln_final(stream))
        best = logits.softmax(-1).topk(top)
        steps.append(
            {
                "after": after,
                "top": [
                    [names[t], round(p, 3)] for t, p in zip(best.indices.tolist(), best.values.tolist(), strict=True)
                ],
                "argument": int((logits > logits[argument]).sum()),
                "answer": int((logits > logits[answer]).sum()),
            }
        )
    return {
        "title": title,
        "prompt": [names[token] for token in prompt.tolist()],
        "argument": names[argument],
        "answer": names[answer],
        "steps": steps,
    }


def _place(rank: int) -> str:
    return "on top" if rank == 0 else f"{rank} word{'s' if rank > 1 else ''} above it"


def layer_html(shown: dict[str, Any], number: int) -> str:
    """Sublayer ``number`` of a prompt."""
    step, rows = shown["steps"][number], []
    for word, share in step["top"]:
        color = {shown["argument"]: ARGUMENT, shown["answer"]: ANSWER}.get(word, REST)
        role = {shown["argument"]: " (argument)", shown["answer"]: " (answer)"}.get(word, "")
        rows.append(
            f'<tr><td style="padding:1px 8px;text-align:right;min-width:130px">{html.escape(word)}{role}</td>'
            f'<td style="padding:1px 0;text-align:left;min-width:280px"><span style="display:inline-block;height:12px;'
            f'width:{round(220 * share) + 1}px;background:{color};vertical-align:middle"></span> '
            f'<span style="font-size:11px">{share:.0%}</span></td></tr>'
        )
    return (
        f'<div style="font:14px sans-serif"><div>Prompt: <b>{html.escape(" ".join(shown["prompt"]))}</b> …</div>'
        f"<div>If the model stopped after <b>{html.escape(step['after'])}</b>, it would say "
        f"<b>{html.escape(step['top'][0][0])}</b>.</div>"
        f'<table style="border-collapse:collapse;margin:.4em 0;font-size:13px"><tbody>{"".join(rows)}</tbody></table>'
        f'<div><span style="color:{ARGUMENT}">●</span> argument {html.escape(shown["argument"])}: '
        f'{_place(step["argument"])} · <span style="color:{ANSWER}">■</span> answer {html.escape(shown["answer"])}: '
        f"{_place(step['answer'])}</div></div>"
    )


@dataclass(frozen=True)
class LayerSlider:
    """The live slider: ``box`` is what a notebook shows; ``prompt``, ``layer`` and ``view`` are its parts."""

    box: object
    prompt: object
    layer: object
    view: object

    def _repr_mimebundle_(self, **kwargs):
        return self.box._repr_mimebundle_(**kwargs)


def layer_slider(prompts: Sequence[dict[str, Any]], start: int = 0) -> LayerSlider:
    """A slider over the sublayers of one of several prompts (from ``layer_steps``)."""
    import ipywidgets as widgets

    prompt = widgets.Dropdown(options=[(one["title"], i) for i, one in enumerate(prompts)], description="prompt")
    names = [step["after"] for step in prompts[0]["steps"]]
    layer = widgets.SelectionSlider(
        options=[(name, i) for i, name in enumerate(names)],
        value=start,
        description="after",
        layout=widgets.Layout(width="420px"),
    )
    view = widgets.HTML()

    def redraw(_change: object = None) -> None:
        view.value = layer_html(prompts[prompt.value], layer.value)

    for control in (prompt, layer):
        control.observe(redraw, names="value")
    redraw()
    return LayerSlider(widgets.VBox([widgets.HBox([prompt, layer]), view]), prompt, layer, view)


def layer_page(prompts: Sequence[dict[str, Any]], title: str, start: int = 0) -> Page:
    """The slider of a page: every sublayer of every prompt is drawn beforehand. All prompts come from one model."""
    identity = f"layers{next(_numbers)}"
    names = [step["after"] for step in prompts[0]["steps"]]
    views = [[layer_html(one, number) for number in range(len(names))] for one in prompts]
    # "</" would end the script if a view ever held it; JSON may write it as "<\/"
    data, told = (json.dumps(value).replace("</", "<\\/") for value in (views, names))
    options = "".join(f'<option value="{i}">{html.escape(one["title"])}</option>' for i, one in enumerate(prompts))
    script = f"""(function () {{
  const views = {data}, names = {told}, id = "{identity}", find = part => document.getElementById(id + part);
  function draw() {{
    const number = Number(find("-layer").value);
    find("-view").innerHTML = views[Number(find("-prompt").value)][number];
    find("-place").textContent = "after " + names[number];
    find("-layer").setAttribute("aria-valuetext", "after " + names[number]);
  }}
  find("-layer").addEventListener("input", draw);
  find("-prompt").addEventListener("change", draw);
}})();"""
    return Page(
        f'<div style="margin:1em 0;overflow-x:auto"><div style="font:600 15px sans-serif">{html.escape(title)}</div>'
        f'<div style="font:14px sans-serif;margin:.4em 0"><label>prompt '
        f'<select id="{identity}-prompt">{options}</select></label> '
        f'<label>layer <input id="{identity}-layer" type="range" min="0" max="{len(names) - 1}" step="1" '
        f'value="{start}" style="width:260px;vertical-align:middle"></label> '
        f'<output id="{identity}-place">after {html.escape(names[start])}</output></div>'
        f'<div id="{identity}-view" aria-live="polite" style="min-height:190px">{views[0][start]}</div>'
        f"<script>{script}</script></div>"
    )
