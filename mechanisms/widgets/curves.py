"""Training curves of many seeds on a page: choose a run, see it against the rules.

- ``curves_page``: an SVG with one line for each run and a list to choose from; no kernel, no network.
"""

from __future__ import annotations

import html
import itertools
import json
from collections.abc import Mapping, Sequence

from mechanisms.plots.style import GOOD, QUIET
from mechanisms.widgets.trial import Page

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _BOTTOM = 700, 280, 50, 150, 36
_numbers = itertools.count()


def curves_page(
    runs: Sequence[Mapping[str, object]], rules: Mapping[str, float], title: str, low: float = 0.65, start: int = 0
) -> Page:
    """``runs``: {"name", "steps", "accuracy", "told"} each; ``rules`` as dashed lines; run ``start`` is marked first.

    ``told`` is the sentence that stands under the figure when the run is chosen.
    """
    identity = f"curves{next(_numbers)}"
    last = max(max(run["steps"]) for run in runs)

    def x(step: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * step / last

    def y(value: float) -> float:
        return 10 + (_HEIGHT - 10 - _BOTTOM) * (1 - (max(value, low) - low) / (1.0 - low))

    parts = []
    for name, value in rules.items():
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="{QUIET}" '
            f'stroke-dasharray="4 3"/><text x="{_WIDTH - _RIGHT + 6}" y="{y(value) + 4:.1f}" font-size="11" '
            f'fill="{QUIET}">{html.escape(name)} {value:.1%}</text>'
        )
    for number, run in enumerate(runs):
        points = " ".join(f"{x(s):.1f},{y(a):.1f}" for s, a in zip(run["steps"], run["accuracy"], strict=True))
        chosen = number == start
        parts.append(
            f'<polyline id="{identity}-{number}" points="{points}" fill="none" '
            f'stroke="{GOOD if chosen else QUIET}" stroke-width="{2.5 if chosen else 0.8}" '
            f'opacity="{1 if chosen else 0.35}"/>'
        )
    for value in (0.7, 0.8, 0.9, 1.0):
        parts.append(
            f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end" font-size="11" fill="currentColor">'
            f"{value:.0%}</text>"
        )
    for step in range(0, int(last) + 1, max(1000, int(last) // 4000 * 1000)):
        parts.append(
            f'<text x="{x(step):.1f}" y="{_HEIGHT - 18}" text-anchor="middle" font-size="11" fill="currentColor">'
            f"{step:,}</text>"
        )
    parts.append(
        f'<text x="{(_WIDTH - _RIGHT + _LEFT) / 2}" y="{_HEIGHT - 3}" text-anchor="middle" font-size="12" '
        'fill="currentColor">training step</text>'
    )
    options = "".join(
        f'<option value="{i}"{" selected" if i == start else ""}>{html.escape(str(run["name"]))}</option>'
        for i, run in enumerate(runs)
    )
    told = json.dumps([str(run["told"]) for run in runs]).replace("</", "<\\/")
    script = f"""(function () {{
  const told = {told}, id = "{identity}", find = part => document.getElementById(id + part);
  function draw() {{
    const chosen = Number(find("-run").value);
    told.forEach((_, i) => {{
      const line = find("-" + i), on = i === chosen;
      line.setAttribute("stroke", on ? "{GOOD}" : "{QUIET}");
      line.setAttribute("stroke-width", on ? 2.5 : 0.8);
      line.setAttribute("opacity", on ? 1 : 0.35);
      if (on) line.parentNode.appendChild(line);
    }});
    find("-told").textContent = told[chosen];
  }}
  find("-run").addEventListener("change", draw);
  draw();
}})();"""
    return Page(
        f'<div style="margin:1em 0"><div style="font:600 15px sans-serif">{html.escape(title)}</div>'
        f'<label style="font:14px sans-serif">run <select id="{identity}-run">{options}</select></label>'
        f'<div><svg role="img" aria-label="{html.escape(title, quote=True)}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" style="max-width:100%;font-family:sans-serif">{"".join(parts)}</svg></div>'
        f'<div id="{identity}-told" aria-live="polite" style="font:14px sans-serif">'
        f"{html.escape(str(runs[start]['told']))}</div><script>{script}</script></div>"
    )
