"""A scene, what each encoder's prompts make the language model say of it, and the words nearest to each prompt.

- ``caption_views``: everything that is shown, computed from a language model, scenes and soft prompts;
- ``view_html``: one scene as HTML;
- ``caption_picker`` is live (ipywidgets); ``caption_page`` needs no kernel: a few lines of JavaScript change the scene.
"""

from __future__ import annotations

import base64
import html
import io
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mechanisms.data import creature_text as text
from mechanisms.data.scenes import creatures
from mechanisms.data.scenes.creatures import CreatureScenes
from mechanisms.widgets.trial import Page

NEAREST = 2
PIXELS = 160
_numbers = itertools.count()


@torch.no_grad()
def caption_views(
    lm, scenes: CreatureScenes, prompts: Mapping[str, Float[Tensor, "batch k d_lm"]]
) -> list[dict[str, Any]]:
    """For each scene, as plain data: "truth", and for each encoder its caption, sound and words nearest to prompts.

    Nearest by cosine with the embeddings of the whole vocabulary: [word, cosine] pairs, ``NEAREST`` for each prompt.
    """
    from mechanisms.training.limber import continue_text

    table = torch.nn.functional.normalize(lm.get_input_embeddings().weight, dim=-1)
    truth = creatures.captions(scenes.labels)
    views: list[dict[str, Any]] = [{"truth": caption, "encoders": {}} for caption in truth]
    for name, vectors in prompts.items():
        said = continue_text(lm, vectors, text.STEM, 4)
        sound = continue_text(lm, vectors, text.SOUND_STEM, 1)
        best = (torch.nn.functional.normalize(vectors, dim=-1) @ table.T).topk(NEAREST, dim=-1)
        for i, view in enumerate(views):
            near = [
                [[text.WORDS[w], round(c, 2)] for w, c in zip(words, cosines, strict=True)]
                for words, cosines in zip(best.indices[i].tolist(), best.values[i].tolist(), strict=True)
            ]
            caption = f"{text.STEM} {text.decode(said[i])}"
            view["encoders"][name] = {"caption": caption, "sound": text.decode(sound[i]), "nearest": near}
    for view, image in zip(views, scenes.images, strict=True):
        view["image"] = _png(image)
    return views


def _png(image: Float[Tensor, "3 row column"]) -> str:
    from PIL import Image

    pixels = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _marked(said: str, truth: str) -> str:
    """The caption's words; a wrong one is struck out and said to be wrong, so that colour is not needed."""
    parts = []
    for word, right in itertools.zip_longest(said.split(), truth.split(), fillvalue=""):
        safe = html.escape(word)
        parts.append(safe if word == right else f'<s title="wrong" style="color:#B00020">{safe}</s>')
    return " ".join(parts)


def view_html(view: dict[str, Any]) -> str:
    """One scene: the image, its true caption, and a table row for each encoder."""
    look = "padding:2px 8px;text-align:left;vertical-align:top"
    cell, unbroken = f'style="{look}"', f'style="{look};white-space:nowrap"'
    rows = []
    for name, found in view["encoders"].items():
        near = " · ".join(", ".join(f"{html.escape(w)} {c:.2f}" for w, c in prompt) for prompt in found["nearest"])
        rows.append(
            f"<tr><td {unbroken}><b>{html.escape(name)}</b></td>"
            f"<td {unbroken}>{_marked(found['caption'], view['truth'])}</td>"
            f"<td {cell}>{html.escape(found['sound'])}</td><td {cell}>{near}</td></tr>"
        )
    heads = ("encoder", "caption", "it says …", "words nearest to each prompt (cosine)")
    head = "".join(f"<th {unbroken}>{name}</th>" for name in heads)
    truth = html.escape(view["truth"])
    return (
        '<div style="font:14px sans-serif;display:flex;gap:1em;flex-wrap:wrap;align-items:flex-start">'
        f'<figure style="margin:0"><img alt="{truth}" width="{PIXELS}" height="{PIXELS}" '
        f'style="image-rendering:pixelated" src="data:image/png;base64,{view["image"]}">'
        f"<figcaption>{truth}</figcaption></figure>"
        f'<table style="border-collapse:collapse;font-size:13px"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


@dataclass(frozen=True)
class CaptionPicker:
    """The live picker: ``box`` is what a notebook shows; ``scene`` and ``view`` are its parts."""

    box: object
    scene: object
    view: object

    def _repr_mimebundle_(self, **kwargs):
        return self.box._repr_mimebundle_(**kwargs)


def caption_picker(views: Sequence[dict[str, Any]]) -> CaptionPicker:
    """A list of scenes to choose from (views from ``caption_views``)."""
    import ipywidgets as widgets

    scene = widgets.Dropdown(
        options=[(f"scene {i + 1}: {view['truth']}", i) for i, view in enumerate(views)], description="scene"
    )
    view = widgets.HTML()

    def redraw(_change: object = None) -> None:
        view.value = view_html(views[scene.value])

    scene.observe(redraw, names="value")
    redraw()
    return CaptionPicker(widgets.VBox([scene, view]), scene, view)


def caption_page(views: Sequence[dict[str, Any]], title: str) -> Page:
    """The picker of a page: every scene is drawn beforehand."""
    identity = f"captions{next(_numbers)}"
    pages = [view_html(view) for view in views]
    # "</" would end the script if a view ever held it; JSON may write it as "<\/"
    data = json.dumps(pages).replace("</", "<\\/")
    options = "".join(
        f'<option value="{i}">scene {i + 1}: {html.escape(view["truth"])}</option>' for i, view in enumerate(views)
    )
    script = f"""(function () {{
  const pages = {data}, id = "{identity}", find = part => document.getElementById(id + part);
  find("-scene").addEventListener("change", () => {{
    find("-view").innerHTML = pages[Number(find("-scene").value)];
  }});
}})();"""
    return Page(
        f'<div style="margin:1em 0;overflow-x:auto"><div style="font:600 15px sans-serif">{html.escape(title)}</div>'
        f'<div style="font:14px sans-serif;margin:.4em 0"><label>scene <select id="{identity}-scene">{options}</select>'
        f'</label></div><div id="{identity}-view" aria-live="polite">{pages[0]}</div><script>{script}</script></div>'
    )
