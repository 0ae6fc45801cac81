"""A point to drag in a two-dimensional channel, and the mover's attention over the list that follows.

- ``channel_views``: attention on a grid of coordinates, computed from a model and some prompts, as plain data;
- ``channel_pad`` is live (ipywidgets); ``channel_page`` needs no kernel: a few lines of JavaScript move the point.

Both show the same: a map of which thing wins where, the point, the model's own place, and one bar for each thing.
"""

from __future__ import annotations

import html
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mechanisms.data.missing_item import Lists, Task, words
from mechanisms.models.mover import Mover
from mechanisms.widgets.trial import Page

COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999", "#6A51A3")
_PAD = 300
_numbers = itertools.count()


@torch.no_grad()
def channel_views(
    model, task: Task, at: tuple[int, int], directions: Tensor, lists: Lists, prompts: int = 3, side: int = 21
) -> dict[str, Any]:
    """Attention over the things of a list when the coordinates along two directions are set.

    ``directions`` [k >= 2, d_model] are made orthonormal; the first two are set at the last position, where the mover
    ``at`` makes its query. The grid has ``side`` values each way over the natural range of the coordinates and half as
    much again. Returns {"low": [2], "high": [2], "side", "prompts": [{"things", "missing", "own": [2], "grid":
    [y][x][thing]}]}; attention is a share of that on all things of the list.
    """
    basis = torch.linalg.qr(directions.T)[0].T[:2]
    mover = Mover(model, lists.prompts, *at)
    own = mover.resid[:, -1] @ basis.T
    low, high = own.quantile(0.01, 0), own.quantile(0.99, 0)
    low, high = low - (high - low) / 4, high + (high - low) / 4
    lines = [torch.linspace(a, b, side) for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    names, views = words(task), []
    for n in range(prompts):
        one = Mover(model, lists.prompts[n : n + 1], *at)
        grid = []
        for y in lines[1].tolist():
            resid = one.resid.repeat(side, 1, 1)
            resid[:, -1] += (torch.stack([lines[0], torch.full((side,), y)], 1) - own[n]) @ basis
            looks = one.pattern(queries_from=resid)[:, -1, lists.places[n]]
            looks = looks / looks.sum(1, keepdim=True)
            grid.append([[round(value, 3) for value in row] for row in looks.tolist()])
        views.append(
            {
                "things": [names[token] for token in lists.items[n].tolist()],
                "missing": int(lists.missing[n]),
                "own": [round(value, 3) for value in own[n].tolist()],
                "grid": grid,
            }
        )
    return {"low": low.tolist(), "high": high.tolist(), "side": side, "prompts": views}


def _cell(views: Mapping[str, Any], point: Sequence[float]) -> tuple[int, int]:
    """Column and row of the grid point that is nearest to ``point``."""
    shares = [(p - a) / (b - a) for p, a, b in zip(point, views["low"], views["high"], strict=True)]
    column, row = (min(max(round(share * (views["side"] - 1)), 0), views["side"] - 1) for share in shares)
    return column, row


def _xy(views: Mapping[str, Any], point: Sequence[float]) -> tuple[float, float]:
    shares = [(p - a) / (b - a) for p, a, b in zip(point, views["low"], views["high"], strict=True)]
    return _PAD * shares[0], _PAD * (1 - shares[1])


def _map(views: Mapping[str, Any], prompt: Mapping[str, Any]) -> str:
    """SVG rectangles: each cell in the colour of the thing that wins there, the stronger the more it gets."""
    size, cells = _PAD / views["side"], []
    for row, line in enumerate(prompt["grid"]):
        for column, looks in enumerate(line):
            winner = max(range(len(looks)), key=looks.__getitem__)
            cells.append(
                f'<rect x="{column * size:.1f}" y="{_PAD - (row + 1) * size:.1f}" '
                f'width="{size:.2f}" height="{size:.2f}" '
                f'fill="{COLORS[winner % len(COLORS)]}" opacity="{0.15 + 0.6 * looks[winner]:.2f}"/>'
            )
    x, y = _xy(views, prompt["own"])
    cross = f"M{x - 6:.1f} {y - 6:.1f}l12 12m0 -12l-12 12"
    return "".join(cells) + f'<path d="{cross}" stroke="currentColor" stroke-width="2.5" fill="none"/>'


def _bars(prompt: Mapping[str, Any], looks: Sequence[float]) -> str:
    rows = []
    for i, (thing, share) in enumerate(zip(prompt["things"], looks, strict=True)):
        mark = " (missing)" if i == prompt["missing"] else ""
        rows.append(
            f'<tr><td style="padding:2px 8px;text-align:left">{html.escape(thing)}{mark}</td>'
            '<td style="padding:2px 8px;text-align:left;min-width:190px">'
            f'<span style="display:inline-block;height:12px;width:{round(130 * share)}px;'
            f'background:{COLORS[i % len(COLORS)]};vertical-align:middle"></span> '
            f"{share:.0%}</td></tr>"
        )
    return f'<table style="border-collapse:collapse;font:13px sans-serif">{"".join(rows)}</table>'


def view_html(views: Mapping[str, Any], number: int, point: Sequence[float]) -> str:
    """The map with the point, and the bars, for prompt ``number``."""
    prompt = views["prompts"][number]
    column, row = _cell(views, point)
    x, y = _xy(views, point)
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:18px;align-items:center">'
        f'<svg viewBox="0 0 {_PAD} {_PAD}" width="{_PAD}" height="{_PAD}" role="img" '
        f'aria-label="which thing wins at which coordinates">{_map(views, prompt)}'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="white" stroke="black" stroke-width="2"/></svg>'
        f"<div>{_bars(prompt, prompt['grid'][row][column])}</div></div>"
    )


@dataclass(frozen=True)
class ChannelPad:
    """The live pad: ``box`` is what a notebook shows; ``prompt``, ``x``, ``y`` and ``view`` are its parts."""

    box: object
    prompt: object
    x: object
    y: object
    view: object

    def _repr_mimebundle_(self, **kwargs):
        return self.box._repr_mimebundle_(**kwargs)


def channel_pad(views: Mapping[str, Any]) -> ChannelPad:
    """Two sliders that move the point over the map of one of the prompts."""
    import ipywidgets as widgets

    prompt = widgets.Dropdown(options=[(f"list {i + 1}", i) for i in range(len(views["prompts"]))], description="list")
    start = views["prompts"][0]["own"]
    x, y = (
        widgets.FloatSlider(
            value=start[i], min=views["low"][i], max=views["high"][i], step=0.05, description=f"direction {i + 1}"
        )
        for i in range(2)
    )
    view = widgets.HTML()

    def redraw(_change: object = None) -> None:
        view.value = view_html(views, prompt.value, (x.value, y.value))

    for control in (prompt, x, y):
        control.observe(redraw, names="value")
    redraw()
    return ChannelPad(widgets.VBox([widgets.HBox([prompt, x, y]), view]), prompt, x, y, view)


def channel_page(views: Mapping[str, Any], title: str) -> Page:
    """The pad of a page: the point is dragged, or moved with the arrow keys."""
    identity = f"channel{next(_numbers)}"
    maps = [_map(views, prompt) for prompt in views["prompts"]]
    data = json.dumps({**views, "maps": maps, "colors": COLORS}).replace("</", "<\\/")
    options = "".join(f'<option value="{i}">list {i + 1}</option>' for i in range(len(maps)))
    script = f"""(function () {{
  const data = {data}, id = "{identity}", find = part => document.getElementById(id + part), size = {_PAD};
  let at = data.prompts[0].own.slice();
  function share(i) {{ return (at[i] - data.low[i]) / (data.high[i] - data.low[i]); }}
  function draw() {{
    const prompt = data.prompts[Number(find("-prompt").value)], n = data.side - 1;
    const looks = prompt.grid[Math.round(share(1) * n)][Math.round(share(0) * n)];
    find("-point").setAttribute("cx", size * share(0));
    find("-point").setAttribute("cy", size * (1 - share(1)));
    const rows = prompt.things.map((thing, i) => {{
      const row = document.createElement("tr"), name = document.createElement("td"), bar = document.createElement("td");
      name.textContent = thing + (i === prompt.missing ? " (missing)" : "");
      const mark = document.createElement("span");
      mark.style.cssText = "display:inline-block;height:12px;vertical-align:middle;margin-right:6px;width:" +
        Math.round(130 * looks[i]) + "px;background:" + data.colors[i % data.colors.length];
      bar.append(mark, Math.round(100 * looks[i]) + "%");
      name.style.cssText = "padding:2px 8px;text-align:left";
      bar.style.cssText = "padding:2px 8px;text-align:left;min-width:190px";
      row.append(name, bar);
      return row;
    }});
    find("-bars").replaceChildren(...rows);
    let best = 0;
    looks.forEach((value, i) => {{ if (value > looks[best]) best = i; }});
    find("-said").textContent = "The mover looks most at " + prompt.things[best] + ".";
  }}
  function put(event) {{
    const box = find("-svg").getBoundingClientRect();
    const part = [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height];
    at = part.map((p, i) => data.low[i] + Math.min(1, Math.max(0, p)) * (data.high[i] - data.low[i]));
    draw();
  }}
  const svg = find("-svg");
  svg.addEventListener("pointerdown", event => {{ svg.setPointerCapture(event.pointerId); put(event); }});
  svg.addEventListener("pointermove", event => {{ if (event.buttons) put(event); }});
  svg.addEventListener("keydown", event => {{
    const step = {{ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowDown: [1, -1], ArrowUp: [1, 1]}}[event.key];
    if (!step) return;
    event.preventDefault();
    const i = step[0], width = (data.high[i] - data.low[i]) / (data.side - 1);
    at[i] = Math.min(data.high[i], Math.max(data.low[i], at[i] + step[1] * width));
    draw();
  }});
  find("-prompt").addEventListener("change", () => {{
    const chosen = Number(find("-prompt").value);
    find("-map").innerHTML = data.maps[chosen];
    at = data.prompts[chosen].own.slice();
    draw();
  }});
  draw();
}})();"""
    first = views["prompts"][0]
    x, y = _xy(views, first["own"])
    column, row = _cell(views, first["own"])
    return Page(
        f'<div style="margin:1em 0;overflow-x:auto"><div style="font:600 15px sans-serif">{html.escape(title)}</div>'
        f'<div style="font:14px sans-serif;margin:.4em 0"><label>list <select id="{identity}-prompt">{options}</select>'
        "</label> Drag the point, or move it with the arrow keys. The cross is where the model itself stands.</div>"
        '<div style="display:flex;flex-wrap:wrap;gap:18px;align-items:center">'
        f'<svg id="{identity}-svg" tabindex="0" role="application" aria-label="{html.escape(title, quote=True)}" '
        f'viewBox="0 0 {_PAD} {_PAD}" width="{_PAD}" height="{_PAD}" style="touch-action:none;cursor:crosshair">'
        f'<g id="{identity}-map">{maps[0]}</g><circle id="{identity}-point" cx="{x:.1f}" cy="{y:.1f}" r="7" '
        'fill="white" stroke="black" stroke-width="2"/></svg>'
        f'<div><div id="{identity}-bars">{_bars(first, first["grid"][row][column])}</div>'
        f'<div id="{identity}-said" aria-live="polite" style="font:14px sans-serif;margin-top:.5em"></div></div></div>'
        f"<script>{script}</script></div>"
    )
