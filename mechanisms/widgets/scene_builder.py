"""Build a scene of two objects, and see which captions a CLIP can tell apart.

- ``scene_views``: everything that is shown, computed from a model with open_clip's interface and drawn scenes;
- ``scene_html``: one scene as HTML;
- ``scene_builder`` is live (ipywidgets); ``scene_page`` needs no kernel: a few lines of JavaScript choose the scene.

A scene is drawn many times, with other places, sizes, clutter and noise. For a false caption the table says in how many
of these drawings the true caption beside it scores higher: one half means that the model cannot tell the two apart.
"""

from __future__ import annotations

import html
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mechanisms.data.binding import AND, FIRST_SHAPE, LEFT, text
from mechanisms.data.scenes import objects
from mechanisms.data.scenes.objects import COLOURS, SHAPES
from mechanisms.widgets.captions import PIXELS, _png
from mechanisms.widgets.trial import Page

PALETTE = (0, 1, 2, 3)  # red, green, blue, yellow: few enough that every scene fits on a page
PARTS = ("left colour", "left shape", "right colour", "right shape")
SAME_COLOUR = "Choose two different colours: the world has no scene with the same one twice."
SAME_SHAPE = "Choose two different shapes: the world has no scene with the same one twice."
APART = 0.75  # from this share of the drawings on, two captions are called told apart
_numbers = itertools.count()


def _comparisons(colours: tuple[int, int], shapes: tuple[int, int]) -> list[tuple[str, list[int], list[int]]]:
    """(group, true caption, false caption) of a scene, captions as word ids."""
    (c0, c1), (s0, s1) = colours, tuple(FIRST_SHAPE + s for s in shapes)
    absent_shape = FIRST_SHAPE + sum(range(len(SHAPES))) - sum(shapes)
    absent_colour = next(c for c in PALETTE if c not in colours)
    return [
        ("a word that is absent", [c0, s0], [absent_colour, s0]),
        ("a word that is absent", [c0, s0], [c0, absent_shape]),
        ("the words are there, crossed", [c0, s0], [c0, s1]),
        ("the words are there, crossed", [c0, s0], [c1, s0]),
        ("the words are there, crossed", [c1, s1], [c0, s1]),
        ("the words are there, crossed", [c1, s1], [c1, s0]),
        ("both objects named, nouns exchanged", [c0, s0, AND, c1, s1], [c0, s1, AND, c1, s0]),
        ("both objects named, sides exchanged", [c0, s0, LEFT, c1, s1], [c1, s1, LEFT, c0, s0]),
    ]


def every_scene() -> list[tuple[int, int, int, int]]:
    """Left colour, left shape, right colour, right shape of every scene that can be built."""
    both = itertools.product(PALETTE, range(len(SHAPES)), PALETTE, range(len(SHAPES)))
    return [(a, b, c, d) for a, b, c, d in both if a != c and b != d]


@torch.no_grad()
def scene_views(
    model: Any, drawings: int = 24, seed: int = 5, scenes: Sequence[tuple[int, int, int, int]] | None = None
) -> dict[str, dict[str, Any]]:
    """For every scene, by its four numbers joined with "-": an image, and rows [group, true, false, cosine of the true
    caption, cosine of the false one, share of drawings where the true one wins]. ``scenes``: these alone."""
    from mechanisms.models.scene_clip import tokens
    from mechanisms.training.binding import image_vectors

    generator = torch.Generator().manual_seed(seed)
    views = {}
    for scene in every_scene() if scenes is None else scenes:
        colours, shapes = (scene[0], scene[2]), (scene[1], scene[3])
        many = torch.tensor([colours] * drawings), torch.tensor([shapes] * drawings)
        images = objects.paint(*many, generator)
        vectors = image_vectors(model, images)
        rows = []
        for group, *pair in _comparisons(colours, shapes):
            both = model.encode_text(torch.cat([tokens(torch.tensor([caption])) for caption in pair]), normalize=True)
            true, false = (vectors @ both.T).T
            wins = (true > false).double().mean().item()
            names = [text(torch.tensor(caption)) for caption in pair]
            rows.append([group, *names, round(true.mean().item(), 3), round(false.mean().item(), 3), round(wins, 3)])
        views["-".join(map(str, scene))] = {"image": _png(images[0]), "rows": rows}
    return views


def scene_html(view: dict[str, Any], alt: str) -> str:
    """One scene: a drawing of it, and a table row for each pair of captions."""
    cell = 'style="padding:2px 8px;text-align:left;vertical-align:top"'
    wins_cell = cell.replace('style="', 'style="white-space:nowrap;')  # the number stays beside its bar
    rows, last = [], ""
    for group, true, false, high, low, wins in view["rows"]:
        if group != last:
            rows.append(
                f'<tr><th colspan="5" style="padding:6px 8px 2px;text-align:left;font-weight:600">{html.escape(group)}'
                "</th></tr>"
            )
            last = group
        bar = (
            '<span style="display:inline-block;width:56px;height:9px;background:#ddd;vertical-align:middle">'
            f'<span style="display:block;width:{56 * wins:.0f}px;height:9px;background:#0072B2"></span></span>'
        )
        said = "told apart" if wins >= APART else "confused" if wins > 1 - APART else "the false one wins"
        rows.append(
            f"<tr><td {cell}>{html.escape(true)}</td><td {cell}>{html.escape(false)}</td>"
            f"<td {cell}>{_number(high)} / {_number(low)}</td><td {wins_cell}>{bar} {wins:.0%}</td>"
            f"<td {cell}>{said}</td></tr>"
        )
    heads = ("true", "false", "mean cosines", "the true one wins", "")
    head = "".join(f"<th {cell}>{name}</th>" for name in heads)
    return (
        '<div style="font:14px sans-serif;display:flex;gap:1em;flex-wrap:wrap;align-items:flex-start">'
        f'<figure style="margin:0"><img alt="{html.escape(alt)}" width="{PIXELS}" height="{PIXELS}" '
        f'style="image-rendering:pixelated" src="data:image/png;base64,{view["image"]}">'
        f"<figcaption>one drawing of the scene</figcaption></figure>"
        f'<table style="border-collapse:collapse;font-size:13px"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _alt(scene: tuple[int, int, int, int]) -> str:
    left, right = objects.noun(scene[0], scene[1]), objects.noun(scene[2], scene[3])
    return f"a {left} on the left, a {right} on the right"


def _choices() -> list[list[tuple[str, int]]]:
    colours = [(COLOURS[c], c) for c in PALETTE]
    shapes = [(name, i) for i, name in enumerate(SHAPES)]
    return [colours, shapes, colours, shapes]


def _problem(scene: Sequence[int]) -> str:
    return SAME_COLOUR if scene[0] == scene[2] else SAME_SHAPE if scene[1] == scene[3] else ""


@dataclass(frozen=True)
class SceneBuilder:
    """The live builder: ``box`` is what a notebook shows; ``parts`` are its four lists, ``view`` its picture."""

    box: object
    parts: tuple[Any, ...]
    view: object

    def _repr_mimebundle_(self, **kwargs):
        return self.box._repr_mimebundle_(**kwargs)


def scene_builder(views: dict[str, dict[str, Any]]) -> SceneBuilder:
    """Four lists to choose a scene from (views from ``scene_views``)."""
    import ipywidgets as widgets

    first = (0, 0, 2, 1)
    parts = tuple(
        widgets.Dropdown(options=options, value=value, description=name, layout=widgets.Layout(width="14em"))
        for options, value, name in zip(_choices(), first, PARTS, strict=True)
    )
    view = widgets.HTML()

    def redraw(_change: object = None) -> None:
        scene = tuple(part.value for part in parts)
        problem = _problem(scene)
        view.value = problem or scene_html(views["-".join(map(str, scene))], _alt(scene))

    for part in parts:
        part.observe(redraw, names="value")
    redraw()
    return SceneBuilder(widgets.VBox([widgets.HBox(parts[:2]), widgets.HBox(parts[2:]), view]), parts, view)


def scene_page(views: dict[str, dict[str, Any]], title: str) -> Page:
    """The builder of a page: every scene is drawn beforehand."""
    identity = f"scene{next(_numbers)}"
    pages = {key: scene_html(view, _alt(tuple(map(int, key.split("-"))))) for key, view in views.items()}
    # "</" would end the script if a view ever held it; JSON may write it as "<\/"
    data = json.dumps(pages).replace("</", "<\\/")
    first = (0, 0, 2, 1)
    lists = []
    for i, (options, value, name) in enumerate(zip(_choices(), first, PARTS, strict=True)):
        inside = "".join(
            f'<option value="{v}"{" selected" if v == value else ""}>{html.escape(label)}</option>'
            for label, v in options
        )
        lists.append(f'<label>{name} <select id="{identity}-{i}">{inside}</select></label>')
    script = f"""(function () {{
  const pages = {data}, id = "{identity}", find = part => document.getElementById(id + "-" + part);
  const redraw = () => {{
    const scene = [0, 1, 2, 3].map(i => find(i).value);
    find("view").innerHTML = scene[0] === scene[2] ? {json.dumps(SAME_COLOUR)}
      : scene[1] === scene[3] ? {json.dumps(SAME_SHAPE)} : pages[scene.join("-")];
  }};
  [0, 1, 2, 3].forEach(i => find(i).addEventListener("change", redraw));
  redraw();
}})();"""
    return Page(
        f'<div style="margin:1em 0;overflow-x:auto"><div style="font:600 15px sans-serif">{html.escape(title)}</div>'
        f'<div style="font:14px sans-serif;margin:.4em 0;display:flex;gap:.8em;flex-wrap:wrap">{"".join(lists)}</div>'
        f'<div id="{identity}-view" aria-live="polite">{pages["-".join(map(str, first))]}</div>'
        f"<script>{script}</script></div>"
    )
