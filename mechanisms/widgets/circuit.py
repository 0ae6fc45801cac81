"""A circuit as a graph: heads as nodes, path-patching scores as edges, a threshold that hides the weak ones.

- ``circuit_graph``: edges from the scores of a task, as plain data;
- ``graph_svg``: the graph at one threshold, as an SVG that also says in words what it shows;
- ``circuit_slider`` is live (ipywidgets); ``circuit_page`` needs no kernel: a few lines of JavaScript hide edges.
"""

from __future__ import annotations

import html
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mechanisms.plots.style import QUIET
from mechanisms.widgets.trial import Page

KINDS = {"logits": "#0072B2", "queries": "#D55E00", "values": "#009E73"}
_WIDTH, _ROW, _TOP, _LEFT = 640, 92, 44, 90
_numbers = itertools.count()
Graph = dict[str, Any]


def circuit_graph(
    direct: torch.Tensor,
    movers: Sequence[Sequence[int]],
    queries: torch.Tensor,
    feeders: Sequence[Sequence[int]] = (),
    values: torch.Tensor | None = None,
) -> Graph:
    """The graph of one task: ``direct`` [layer, head] to the logits, ``queries`` [layer, head] into the queries of
    ``movers``, ``values`` into the values of ``feeders``. Edges below 0.005 in size are left out.

    Returns {"layers", "heads", "edges": [[from, to, kind, score], ...]}; nodes are "layer.head" or "logits". An effect
    into several receivers at once is one edge, to the first of them.
    """
    edges = []
    stages = [("logits", direct, ["logits"])]
    stages.append(("queries", queries, [f"{layer}.{head}" for layer, head in movers][:1]))
    if values is not None:
        stages.append(("values", values, [f"{layer}.{head}" for layer, head in feeders][:1]))
    for kind, scores, targets in stages:
        for layer, row in enumerate(torch.as_tensor(scores).tolist()):
            for head, score in enumerate(row):
                if abs(score) >= 0.005:
                    edges += [[f"{layer}.{head}", target, kind, round(score, 3)] for target in targets]
    return {"layers": len(direct), "heads": direct.shape[1], "edges": edges}


def _place(node: str, graph: Graph) -> tuple[float, float]:
    """Where a node is drawn: layers from bottom to top, the logits above them."""
    if node == "logits":
        return _LEFT + (_WIDTH - _LEFT) / 2, _TOP - 16
    layer, head = (int(part) for part in node.split("."))
    step = (_WIDTH - _LEFT) / graph["heads"]
    return _LEFT + step * (head + 0.5), _TOP + _ROW * (graph["layers"] - layer) - 26


def told(graph: Graph, threshold: float) -> str:
    """The graph in words."""
    kept = [edge for edge in graph["edges"] if abs(edge[3]) >= threshold]
    heads = sorted({edge[0] for edge in kept})
    sources = ", ".join(heads) or "none"
    return f"paths of size {threshold:.2f} or more: {len(kept)}; heads that they come from: {sources}"


def graph_svg(graph: Graph, threshold: float, identity: str = "graph") -> str:
    """The graph with edges of at least ``threshold`` in size; dashed edges have a negative score."""
    height = _TOP + _ROW * graph["layers"]
    parts = []
    for number, (source, target, kind, score) in enumerate(graph["edges"]):
        (x1, y1), (x2, y2) = _place(source, graph), _place(target, graph)
        shown = "inline" if abs(score) >= threshold else "none"
        dash = ' stroke-dasharray="5 4"' if score < 0 else ""
        width = 1.2 + 7 * min(abs(score), 1)
        parts.append(
            f'<g id="{identity}-{number}" style="display:{shown}"><line x1="{x1:.0f}" y1="{y1 - 13:.0f}" x2="{x2:.0f}" '
            f'y2="{y2 + 13:.0f}" stroke="{KINDS[kind]}" stroke-width="{width:.1f}" opacity="0.75"{dash}/>'
            f'<text x="{x1 + 0.3 * (x2 - x1) + 4:.0f}" y="{y1 - 13 + 0.3 * (y2 - y1 + 26):.0f}" font-size="11" '
            f'fill="#222222" stroke="#FFFFFF" stroke-width="4" paint-order="stroke">{score:+.2f}</text></g>'
        )
    used = {edge[0] for edge in graph["edges"] if abs(edge[3]) >= threshold}
    nodes = [f"{layer}.{head}" for layer in range(graph["layers"]) for head in range(graph["heads"])]
    for node in [*nodes, "logits"]:
        x, y = _place(node, graph)
        strong = node == "logits" or node in used
        wide = 58 if node == "logits" else 40
        parts.append(
            f'<g class="{identity}-node" data-node="{node}" opacity="{1 if strong else 0.35}">'
            f'<rect x="{x - wide / 2:.0f}" y="{y - 13:.0f}" width="{wide}" height="26" rx="6" fill="#F2F2F2" '
            f'stroke="{QUIET}"/>'
            f'<text x="{x:.0f}" y="{y + 4:.0f}" text-anchor="middle" fill="#222222">{node}</text></g>'
        )
    for layer in range(graph["layers"]):
        y = _place(f"{layer}.0", graph)[1]
        parts.append(f'<text x="4" y="{y + 4:.0f}" fill="currentColor">layer {layer}</text>')
    return (
        f'<svg id="{identity}-svg" role="img" aria-label="{html.escape(told(graph, threshold))}" '
        f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'style="max-width:100%;font:13px sans-serif">{"".join(parts)}</svg>'
    )


def _legend() -> str:
    names = {"logits": "to the logits", "queries": "into the mover's queries", "values": "into the feeder's values"}
    return (
        " ".join(f'<span style="color:{color}">■</span> {names[kind]}&nbsp;' for kind, color in KINDS.items())
        + " dashed: the patch makes the model surer"
    )


@dataclass(frozen=True)
class CircuitSlider:
    """The live graph: ``box`` is what a notebook shows; ``task``, ``threshold`` and ``view`` are its parts."""

    box: object
    task: object
    threshold: object
    view: object

    def _repr_mimebundle_(self, **kwargs):
        return self.box._repr_mimebundle_(**kwargs)


def circuit_slider(graphs: Mapping[str, Graph], threshold: float = 0.05) -> CircuitSlider:
    """A choice of tasks and a slider for the threshold."""
    import ipywidgets as widgets

    identity = f"circuit{next(_numbers)}"
    task = widgets.Dropdown(options=list(graphs), description="task")
    level = widgets.FloatSlider(value=threshold, min=0.01, max=0.6, step=0.01, description="threshold")
    view = widgets.HTML()

    def redraw(_change: object = None) -> None:
        graph = graphs[task.value]
        view.value = (
            f"{graph_svg(graph, level.value, identity)}<div>{_legend()}</div><div>{told(graph, level.value)}</div>"
        )

    for control in (task, level):
        control.observe(redraw, names="value")
    redraw()
    return CircuitSlider(widgets.VBox([widgets.HBox([task, level]), view]), task, level, view)


def circuit_page(graphs: Mapping[str, Graph], title: str, threshold: float = 0.05) -> Page:
    """The graph of a page: all edges are drawn beforehand, and shown or hidden."""
    identity = f"circuit{next(_numbers)}"
    names = list(graphs)
    views = "".join(
        f'<div id="{identity}-{i}" style="display:{"block" if i == 0 else "none"}">'
        f"{graph_svg(graph, threshold, f'{identity}-{i}')}</div>"
        for i, graph in enumerate(graphs.values())
    )
    data = json.dumps([[[edge[0], edge[3]] for edge in graph["edges"]] for graph in graphs.values()])
    options = "".join(f'<option value="{i}">{html.escape(name)}</option>' for i, name in enumerate(names))
    script = f"""(function () {{
  const data = {data}, id = "{identity}", find = part => document.getElementById(id + part);
  function draw() {{
    const chosen = Number(find("-task").value), level = Number(find("-level").value) / 100;
    for (let i = 0; i < data.length; i++) find("-" + i).style.display = i === chosen ? "block" : "none";
    const heads = new Set();
    let kept = 0;
    data[chosen].forEach((edge, n) => {{
      const on = Math.abs(edge[1]) >= level;
      find("-" + chosen + "-" + n).style.display = on ? "inline" : "none";
      if (on) {{ kept += 1; heads.add(edge[0]); }}
    }});
    document.querySelectorAll("." + id + "-" + chosen + "-node").forEach(node => {{
      const name = node.dataset.node;
      node.setAttribute("opacity", name === "logits" || heads.has(name) ? 1 : 0.35);
    }});
    const told = "paths of size " + level.toFixed(2) + " or more: " + kept + "; heads that they come from: "
      + (Array.from(heads).sort().join(", ") || "none");
    find("-told").textContent = told;
    find("-" + chosen + "-svg").setAttribute("aria-label", told);
    find("-value").textContent = level.toFixed(2);
    find("-level").setAttribute("aria-valuetext", level.toFixed(2));
  }}
  find("-task").addEventListener("change", draw);
  find("-level").addEventListener("input", draw);
}})();"""
    first = next(iter(graphs.values()))
    return Page(
        f'<div style="margin:1em 0;overflow-x:auto"><div style="font:600 15px sans-serif">{html.escape(title)}</div>'
        f'<div style="font:14px sans-serif;margin:.4em 0"><label>task '
        f'<select id="{identity}-task">{options}</select></label> '
        f'<label>threshold <input id="{identity}-level" type="range" min="1" max="60" step="1" '
        f'value="{round(100 * threshold)}" style="width:220px;vertical-align:middle"></label> '
        f'<output id="{identity}-value">{threshold:.2f}</output></div>{views}'
        f'<div style="font:13px sans-serif">{_legend()}</div>'
        f'<div id="{identity}-told" style="font:13px sans-serif" aria-live="polite">{told(first, threshold)}</div>'
        f"<script>{script}</script></div>"
    )
