"""A slider for α, the factor on one head's value vectors, that redraws the three outcome rates.

- ``rates_svg`` draws three bars with their names and percentages as an SVG;
- ``alpha_slider`` is live: every new value runs a function (results are kept, so going back is instant);
- ``alpha_page`` needs no kernel: a few lines of JavaScript move the bars between rates computed beforehand.
"""

from __future__ import annotations

import html
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mechanisms.plots.style import OUTCOMES, QUIET

_WIDTH, _LEFT, _ROW, _BAR = 460, 100, 34, 280
_numbers = itertools.count()


def rates_svg(rates: Mapping[str, float], identity: str = "rates") -> str:
    """Three horizontal bars for {in_context, memorised, other}, shares of 1; ids start with ``identity``."""
    told = ", ".join(f"{mark.name} {rates[key]:.0%}" for key, mark in OUTCOMES.items())
    rows = []
    for i, (key, mark) in enumerate(OUTCOMES.items()):
        y, length = 6 + i * _ROW, _BAR * float(rates[key])
        frame, name = f'x="{_LEFT}" y="{y}" height="24"', f"{identity}-{key}"
        rows += [
            f'<text x="{_LEFT - 8}" y="{y + 17}" text-anchor="end" fill="currentColor">{mark.name}</text>',
            f'<rect {frame} width="{_BAR}" fill="none" stroke="{QUIET}" stroke-width="0.5"/>',
            f'<rect {frame} width="{length:.1f}" fill="{mark.color}" id="{name}-bar"/>',
            f'<text x="{_LEFT + _BAR + 10}" y="{y + 17}" fill="currentColor" id="{name}-text">{rates[key]:.0%}</text>',
        ]
    height = 6 + len(OUTCOMES) * _ROW
    return (
        f'<svg id="{identity}-svg" role="img" aria-label="{told}" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'style="max-width:100%;font:14px sans-serif">{"".join(rows)}</svg>'
    )


@dataclass(frozen=True)
class AlphaSlider:
    """The live slider: ``box`` is what a notebook shows; ``alpha``, ``layer``, ``head`` and ``bars`` are its parts."""

    box: object
    alpha: object
    layer: object
    head: object
    bars: object

    def _repr_mimebundle_(self, **kwargs):
        return self.box._repr_mimebundle_(**kwargs)


def alpha_slider(
    rates_at: Callable[[int, int, float], Mapping[str, float]],
    n_layers: int,
    n_heads: int,
    layer: int = 0,
    head: int = 0,
    low: float = -4.0,
    high: float = 8.0,
    step: float = 0.5,
) -> AlphaSlider:
    """A slider for α with a choice of layer and head; ``rates_at(layer, head, alpha)`` gives the three rates."""
    import ipywidgets as widgets

    seen: dict[tuple[int, int, float], Mapping[str, float]] = {}
    identity = f"alpha{next(_numbers)}"
    alpha = widgets.FloatSlider(value=1.0, min=low, max=high, step=step, description="α", continuous_update=False)
    layers = widgets.Dropdown(options=range(n_layers), value=layer, description="layer")
    heads = widgets.Dropdown(options=range(n_heads), value=head, description="head")
    bars = widgets.HTML()

    def redraw(_change: object = None) -> None:
        key = (layers.value, heads.value, alpha.value)
        if key not in seen:
            try:
                seen[key] = dict(rates_at(*key))
            except Exception as error:  # a widget's callback has no cell in which to show a traceback
                bars.value = html.escape(f"No rates at {key}: {type(error).__name__}: {error}")
                return
        bars.value = rates_svg(seen[key], identity)

    for control in (alpha, layers, heads):
        control.observe(redraw, names="value")
    redraw()
    box = widgets.VBox([widgets.HBox([layers, heads]), alpha, bars])
    return AlphaSlider(box, alpha, layers, heads, bars)


class AlphaPage:
    """The slider of a page: HTML that works without a kernel and without the network."""

    def __init__(self, markup: str) -> None:
        self.markup = markup

    def _repr_html_(self) -> str:
        return self.markup


def alpha_page(alphas: Sequence[float], rates: Sequence[Sequence[float]], title: str) -> AlphaPage:
    """A slider over ``alphas`` with their ``rates`` [alpha, 3] (in-context, memorised, other), starting at α = 1."""
    identity = f"alpha{next(_numbers)}"
    table = [{key: float(value) for key, value in zip(OUTCOMES, row, strict=True)} for row in rates]
    start = list(alphas).index(1.0)
    data = json.dumps({"alphas": [float(alpha) for alpha in alphas], "rates": table})
    names = json.dumps({key: mark.name for key, mark in OUTCOMES.items()})
    script = f"""(function () {{
  const data = {data}, names = {names}, id = "{identity}";
  const find = part => document.getElementById(id + part);
  function draw() {{
    const i = Number(find("-range").value), rate = data.rates[i], told = [];
    find("-value").textContent = "α = " + data.alphas[i];
    for (const key in names) {{
      const percent = Math.round(100 * rate[key]) + "%";
      find("-" + key + "-bar").setAttribute("width", {_BAR} * rate[key]);
      find("-" + key + "-text").textContent = percent;
      told.push(names[key] + " " + percent);
    }}
    find("-svg").setAttribute("aria-label", told.join(", "));
    find("-range").setAttribute("aria-valuetext", "α = " + data.alphas[i] + ": " + told.join(", "));
  }}
  find("-range").addEventListener("input", draw);
  draw();
}})();"""
    return AlphaPage(
        f'<div style="margin:1em 0"><div style="font:600 15px sans-serif">{html.escape(title)}</div>'
        f'<label style="font:14px sans-serif">α '
        f'<input id="{identity}-range" type="range" min="0" max="{len(table) - 1}" step="1" value="{start}" '
        f'style="width:{_BAR}px;vertical-align:middle"> <output id="{identity}-value">α = 1</output></label>'
        f"<div>{rates_svg(table[start], identity)}</div><script>{script}</script></div>"
    )
