"""A point to drag in a three-dimensional channel, and the mover's attention over the list that follows.

- ``channel_views``: attention on a grid of coordinates, computed from a model and some prompts, as plain data;
- ``channel_pad`` is live (ipywidgets); ``channel_page`` needs no kernel: a few lines of JavaScript move the point.

Both show the same: a map of which thing wins where (two coordinates; a slider sets the third), a frame around the
coordinates' natural range, the point, the model's own place, and one bar for each thing.
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
    model,
    task: Task,
    at: tuple[int, int],
    directions: Tensor,
    lists: Lists,
    prompts: int = 3,
    of: int = 20,
    side: int = 15,
    slices: int = 9,
) -> dict[str, Any]:
    """Attention over the things of a list when the coordinates in the span of three directions are set.

    ``directions`` [3, d_model] span the channel. Its axes are turned so that the query of the mover ``at`` reads the
    first most, the third least. Coordinates are set at the last position, where the query is made. The grid has
    ``side`` values for the first two and ``slices`` for the third; it is twice as wide as their natural range (1st to
    99th percentile over ``lists``), which is told as "natural". Shown are the ``prompts`` lists, ``of`` the first in
    ``lists``, in which most things win somewhere.
    Returns {"low": [3], "high": [3], "natural": {"low", "high"}, "winners": the mean number of things that win
    somewhere, over all those looked at, "prompts": [{"things", "missing", "own": [3], "grid": [z][y][x][thing]}]};
    attention is a share of that on all things of the list.
    """
    basis = torch.linalg.qr(directions.T)[0].T
    reads = model.W_Q[at] @ model.W_K[at].T
    basis = torch.linalg.svd(basis @ reads, full_matrices=False)[0].T @ basis
    own = Mover(model, lists.prompts, *at).resid[:, -1] @ basis.T
    natural = own.quantile(0.01, 0), own.quantile(0.99, 0)
    reach = (natural[1] - natural[0]) / 2
    low, high = natural[0] - reach, natural[1] + reach
    lines = [torch.linspace(low[i].item(), high[i].item(), n) for i, n in enumerate((side, side, slices))]
    points = torch.cartesian_prod(*lines[::-1]).flip(1)  # x runs fastest
    names, views = words(task), []
    for n in range(of):
        one = Mover(model, lists.prompts[n : n + 1], *at)
        looks = []
        for some in (points - own[n]).split(side * side):
            resid = one.resid.repeat(len(some), 1, 1)
            resid[:, -1] += some @ basis
            looks.append(one.pattern(queries_from=resid)[:, -1, lists.places[n]])
        grid = torch.cat(looks)
        grid = grid / grid.sum(1, keepdim=True)
        view = {
            "things": [names[token] for token in lists.items[n].tolist()],
            "missing": int(lists.missing[n]),
            "own": [round(value, 3) for value in own[n].tolist()],
        }
        views.append((len(grid.argmax(1).unique()), view, grid.view(slices, side, side, -1)))
    best = sorted(views, key=lambda view: -view[0])[:prompts]
    rounded = [[round(value, 3) for value in edge.tolist()] for edge in (low, high, *natural)]
    return {
        "low": rounded[0],
        "high": rounded[1],
        "natural": {"low": rounded[2], "high": rounded[3]},
        "winners": sum(count for count, _, _ in views) / of,
        "prompts": [{**view, "grid": _rounded(grid.tolist())} for _, view, grid in best],
    }


def _rounded(values: Any) -> Any:
    """Numbers in nested lists with two digits."""
    return [_rounded(value) for value in values] if isinstance(values, list) else round(values, 2)


def _counts(views: Mapping[str, Any]) -> tuple[int, int, int]:
    """How many grid points there are along x, y and z."""
    grid = views["prompts"][0]["grid"]
    return len(grid[0][0]), len(grid[0]), len(grid)


def _cell(views: Mapping[str, Any], point: Sequence[float]) -> tuple[int, int, int]:
    """The grid point (x, y, z) that is nearest to ``point``."""
    shares = [(p - a) / (b - a) for p, a, b in zip(point, views["low"], views["high"], strict=True)]
    x, y, z = (min(max(round(share * (n - 1)), 0), n - 1) for share, n in zip(shares, _counts(views), strict=True))
    return x, y, z


def _xy(views: Mapping[str, Any], point: Sequence[float]) -> tuple[float, float]:
    x, y = ((p - a) / (b - a) for p, a, b in list(zip(point, views["low"], views["high"], strict=True))[:2])
    return _PAD * x, _PAD * (1 - y)


def _frame(views: Mapping[str, Any]) -> str:
    """The natural range as a dashed frame."""
    (left, bottom), (right, top) = (_xy(views, views["natural"][edge]) for edge in ("low", "high"))
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" fill="none" '
        'stroke="black" stroke-width="1.2" stroke-dasharray="5 4"/>'
    )


def _cross(views: Mapping[str, Any], prompt: Mapping[str, Any]) -> str:
    x, y = _xy(views, prompt["own"])
    path = f"M{x - 6:.1f} {y - 6:.1f}l12 12m0 -12l-12 12"
    return f'<path d="{path}" stroke="black" stroke-width="2.5" fill="none"/>'


def _map(plane: Sequence[Sequence[Sequence[float]]]) -> str:
    """SVG rectangles: each cell in the colour of the thing that wins there, the stronger the more it gets."""
    size, cells = _PAD / len(plane), []
    for row, line in enumerate(plane):
        for column, looks in enumerate(line):
            winner = max(range(len(looks)), key=looks.__getitem__)
            cells.append(
                f'<rect x="{column * size:.1f}" y="{_PAD - (row + 1) * size:.1f}" '
                f'width="{size:.1f}" height="{size:.1f}" '
                f'fill="{COLORS[winner % len(COLORS)]}" opacity="{0.15 + 0.75 * looks[winner]:.2f}"/>'
            )
    return f'<g shape-rendering="crispEdges">{"".join(cells)}</g>'


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
    """The map at the height of the point [3], the point, and the bars, for prompt ``number``."""
    prompt = views["prompts"][number]
    column, row, height = _cell(views, point)
    plane = prompt["grid"][height]
    x, y = _xy(views, point)
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:18px;align-items:center">'
        f'<svg viewBox="0 0 {_PAD} {_PAD}" width="{_PAD}" height="{_PAD}" role="img" style="background:white" '
        f'aria-label="which thing wins at which coordinates">{_map(plane)}{_frame(views)}{_cross(views, prompt)}'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="white" stroke="black" stroke-width="2"/></svg>'
        f"<div>{_bars(prompt, plane[row][column])}</div></div>"
    )


@dataclass(frozen=True)
class ChannelPad:
    """The live pad: ``box`` is what a notebook shows; ``prompt``, ``sliders`` (x, y, z) and ``view`` are its parts."""

    box: object
    prompt: object
    sliders: tuple[object, object, object]
    view: object

    def _repr_mimebundle_(self, **kwargs):
        return self.box._repr_mimebundle_(**kwargs)


def channel_pad(views: Mapping[str, Any]) -> ChannelPad:
    """Three sliders that move the point over the map of one of the prompts."""
    import ipywidgets as widgets

    prompt = widgets.Dropdown(options=[(f"list {i + 1}", i) for i in range(len(views["prompts"]))], description="list")
    start = views["prompts"][0]["own"]
    sliders = tuple(
        widgets.FloatSlider(
            value=min(max(start[i], views["low"][i]), views["high"][i]), min=views["low"][i], max=views["high"][i],
            step=0.05, description=name,
        )
        for i, name in enumerate(("across", "up", "third"))
    )  # fmt: skip
    view = widgets.HTML()

    def redraw(_change: object = None) -> None:
        view.value = view_html(views, prompt.value, [slider.value for slider in sliders])

    for control in (prompt, *sliders):
        control.observe(redraw, names="value")
    redraw()
    return ChannelPad(widgets.VBox([prompt, widgets.HBox(sliders), view]), prompt, sliders, view)


def channel_page(views: Mapping[str, Any], title: str) -> Page:
    """The pad of a page: the point is dragged, or moved with the arrow keys; a slider sets the third coordinate."""
    identity = f"channel{next(_numbers)}"
    data = json.dumps({**views, "colors": COLORS}, separators=(",", ":")).replace("</", "<\\/")
    options = "".join(f'<option value="{i}">list {i + 1}</option>' for i in range(len(views["prompts"])))
    first = views["prompts"][0]
    column, row, height = _cell(views, first["own"])
    x, y = _xy(views, first["own"])
    script = f"""(function () {{
  const data = {data}, id = "{identity}", find = part => document.getElementById(id + part), size = {_PAD};
  const counts = [data.prompts[0].grid[0][0].length, data.prompts[0].grid[0].length, data.prompts[0].grid.length];
  let at = data.prompts[0].own.slice(), drawn = "";
  const chosen = () => data.prompts[Number(find("-prompt").value)];
  const share = (i, value) => (value - data.low[i]) / (data.high[i] - data.low[i]);
  const cell = i => Math.min(counts[i] - 1, Math.max(0, Math.round(share(i, at[i]) * (counts[i] - 1))));
  const winner = looks => looks.indexOf(Math.max(...looks));
  const place = (shape, values) => Object.entries(values).forEach(([name, value]) => shape.setAttribute(name, value));
  function map(plane) {{
    const step = size / plane.length, cells = [];
    plane.forEach((line, y) => line.forEach((looks, x) => {{
      const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect"), best = winner(looks);
      place(rect, {{x: x * step, y: size - (y + 1) * step, width: step, height: step,
        fill: data.colors[best % data.colors.length], opacity: 0.15 + 0.75 * looks[best]}});
      cells.push(rect);
    }}));
    find("-map").replaceChildren(...cells);
  }}
  function draw() {{
    const prompt = chosen(), [x, y, z] = [cell(0), cell(1), cell(2)];
    if (drawn !== find("-prompt").value + "," + z) map(prompt.grid[z]);
    drawn = find("-prompt").value + "," + z;
    const looks = prompt.grid[z][y][x];
    place(find("-point"), {{cx: size * share(0, at[0]), cy: size * (1 - share(1, at[1]))}});
    const left = size * share(0, prompt.own[0]) - 6, top = size * (1 - share(1, prompt.own[1])) - 6;
    find("-cross").setAttribute("d", `M${{left}} ${{top}}l12 12m0 -12l-12 12`);
    find("-third").value = at[2];
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
    const table = document.createElement("table");
    table.style.cssText = "border-collapse:collapse;font:13px sans-serif";
    table.append(...rows);
    find("-bars").replaceChildren(table);
    find("-said").textContent = "The mover looks most at " + prompt.things[winner(looks)] + ".";
  }}
  function put(event) {{
    const box = find("-svg").getBoundingClientRect();
    const part = [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height];
    part.forEach((p, i) => {{ at[i] = data.low[i] + Math.min(1, Math.max(0, p)) * (data.high[i] - data.low[i]); }});
    draw();
  }}
  const svg = find("-svg");
  svg.addEventListener("pointerdown", event => {{ svg.setPointerCapture(event.pointerId); put(event); }});
  svg.addEventListener("pointermove", event => {{ if (event.buttons) put(event); }});
  svg.addEventListener("keydown", event => {{
    const step = {{ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowDown: [1, -1], ArrowUp: [1, 1]}}[event.key];
    if (!step) return;
    event.preventDefault();
    const i = step[0], width = (data.high[i] - data.low[i]) / (counts[i] - 1);
    at[i] = Math.min(data.high[i], Math.max(data.low[i], at[i] + step[1] * width));
    draw();
  }});
  find("-third").addEventListener("input", () => {{ at[2] = Number(find("-third").value); draw(); }});
  find("-prompt").addEventListener("change", () => {{ at = chosen().own.slice(); draw(); }});
  draw();
}})();"""
    return Page(
        f'<div style="margin:1em 0;overflow-x:auto"><div style="font:600 15px sans-serif">{html.escape(title)}</div>'
        f'<div style="font:14px sans-serif;margin:.4em 0"><label>list <select id="{identity}-prompt">{options}</select>'
        f'</label> &nbsp; <label>third coordinate <input type="range" id="{identity}-third" step="any" '
        f'style="vertical-align:middle" min="{views["low"][2]}" max="{views["high"][2]}" value="{first["own"][2]}">'
        "</label></div>"
        '<div style="font:13px sans-serif;margin:.4em 0">Drag the point, or move it with the arrow keys. The cross is '
        "where the model itself stands; the dashed frame is the coordinates' natural range.</div>"
        '<div style="display:flex;flex-wrap:wrap;gap:18px;align-items:center">'
        f'<svg id="{identity}-svg" tabindex="0" role="application" aria-label="{html.escape(title, quote=True)}" '
        f'viewBox="0 0 {_PAD} {_PAD}" width="{_PAD}" height="{_PAD}" '
        'style="touch-action:none;cursor:crosshair;background:white">'
        f'<g id="{identity}-map" shape-rendering="crispEdges">{_map(first["grid"][height])}</g>{_frame(views)}'
        f'<path id="{identity}-cross" d="" stroke="black" stroke-width="2.5" fill="none"/>'
        f'<circle id="{identity}-point" cx="{x:.1f}" cy="{y:.1f}" r="7" fill="white" stroke="black" stroke-width="2"/>'
        f'</svg><div><div id="{identity}-bars">{_bars(first, first["grid"][height][row][column])}</div>'
        f'<div id="{identity}-said" aria-live="polite" style="font:14px sans-serif;margin-top:.5em"></div></div></div>'
        f"<script>{script}</script></div>"
    )
