"""A slider over the step at which forgetting stops, and what the model then goes by.

- ``stop_frames``: what is shown at every place of the slider, from the sweep's runs;
- ``frame_html``: one place: curves of the scores over training, means over seeds, and a sentence;
- ``stop_slider`` is live (ipywidgets); ``stop_page`` needs no kernel: a few lines of JavaScript change the frame.
"""

from __future__ import annotations

import html
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mechanisms.plots.dual_process import SCORES
from mechanisms.plots.style import QUIET
from mechanisms.widgets.trial import Page

SHOWN = ("validation", "random", "switch", "no cue")
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 700, 290, 46, 16, 12, 38
_DASHES = {"-": "", "--": "7 4", "-.": "8 3 2 3", ":": "2 3"}
_numbers = itertools.count()


def stop_frames(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], stops: Mapping[str, int | None]
) -> list[dict[str, Any]]:
    """One frame for each of ``stops`` (condition -> step at which its resets end; 0: there are none; None: never).

    "curves": score -> mean over seeds at each of "steps"; "end": score -> (least, mean, most) over seeds at the end.
    """
    frames = []
    for condition, stop in stops.items():
        found = runs[condition]
        steps = [row["step"] for row in found[0]["curve"]]
        curves, end = {}, {}
        for score in SHOWN:
            columns = [[run["curve"][i][score] for run in found] for i in range(len(steps))]
            curves[score] = [round(sum(column) / len(column), 4) for column in columns]
            last = [run[score] for run in found]
            end[score] = [min(last), sum(last) / len(last), max(last)]
        every = found[0]["recipe"]["every"]
        frames.append({"stop": stop, "every": every, "steps": steps, "curves": curves, "end": end, "seeds": len(found)})
    return frames


def stop_name(frame: Mapping[str, Any]) -> str:
    """The place of the slider in words."""
    if frame["stop"] == 0:
        return "no forgetting (vanilla)"
    return "forgetting never stops (active)" if frame["stop"] is None else f"forgetting stops at step {frame['stop']:,}"


def frame_html(frame: Mapping[str, Any]) -> str:
    """One place of the slider: a figure and a sentence."""
    steps, last = frame["steps"], frame["steps"][-1]

    def x(step: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * step / last

    def y(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - value)

    parts = []
    forgets = last if frame["stop"] is None else frame["stop"]
    if forgets:
        parts.append(
            f'<rect x="{x(0):.1f}" y="{y(1):.1f}" width="{x(forgets) - x(0):.1f}" height="{y(0) - y(1):.1f}" '
            f'fill="{QUIET}" opacity="0.15"/><text x="{x(0) + 6:.1f}" y="{y(0) - 6:.1f}" font-size="11" '
            'fill="currentColor">a reset every '
            f"{frame['every']} steps</text>"
        )
    for value in (0.0, 0.5, 1.0):
        parts.append(
            f'<line x1="{x(0):.1f}" x2="{x(last):.1f}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="{QUIET}" '
            f'stroke-width="0.5"/><text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end" font-size="11" '
            f'fill="currentColor">{value:.0%}</text>'
        )
    for step in range(0, int(last) + 1, 600):
        parts.append(
            f'<text x="{x(step):.1f}" y="{_HEIGHT - 20}" text-anchor="middle" font-size="11" fill="currentColor">'
            f"{step:,}</text>"
        )
    parts.append(
        f'<text x="{x(last / 2):.1f}" y="{_HEIGHT - 4}" text-anchor="middle" font-size="12" fill="currentColor">'
        "training step</text>"
    )
    keys = []
    for score in SHOWN:
        words, color, line = SCORES[score]
        color = "currentColor" if score == "validation" else color
        points = " ".join(f"{x(s):.1f},{y(v):.1f}" for s, v in zip(steps, frame["curves"][score], strict=True))
        dash = f' stroke-dasharray="{_DASHES[line]}"' if _DASHES[line] else ""
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"{dash}/>')
        keys.append(
            f'<span style="white-space:nowrap;margin-right:1.2em"><svg width="34" height="10" aria-hidden="true">'
            f'<line x1="0" x2="34" y1="5" y2="5" stroke="{color}" stroke-width="2"{dash}/></svg> '
            f"{html.escape(words)}</span>"
        )
    told = "; ".join(
        "{} {:.0%} ({:.0%} to {:.0%})".format(SCORES[score][0], *(frame["end"][score][i] for i in (1, 0, 2)))
        for score in SHOWN
    )
    label = html.escape(f"{stop_name(frame)}. At the end: {told}.", quote=True)
    return (
        f'<div style="font:12px sans-serif">{"".join(keys)}</div>'
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'style="max-width:100%;font-family:sans-serif">{"".join(parts)}</svg>'
        f'<div style="font:14px sans-serif">At the end, means over {frame["seeds"]} seeds (least to most): '
        f"{html.escape(told)}. The curves are measured on fewer sequences than the end, so they may end a few "
        "per cent away from it.</div>"
    )


@dataclass(frozen=True)
class StopSlider:
    """The live slider: ``box`` is what a notebook shows; ``place`` and ``view`` are its parts."""

    box: object
    place: object
    view: object

    def _repr_mimebundle_(self, **kwargs):
        return self.box._repr_mimebundle_(**kwargs)


def stop_slider(frames: Sequence[Mapping[str, Any]], start: int = 0) -> StopSlider:
    """The slider of a notebook."""
    import ipywidgets as widgets

    options = [(stop_name(frame), number) for number, frame in enumerate(frames)]
    place = widgets.SelectionSlider(
        options=options, value=start, description="stop", continuous_update=True, layout=widgets.Layout(width="520px")
    )
    view = widgets.HTML(frame_html(frames[start]))

    def redraw(change: Mapping[str, Any]) -> None:
        view.value = frame_html(frames[change["new"]])

    place.observe(redraw, names="value")
    return StopSlider(widgets.VBox([place, view]), place, view)


def stop_page(frames: Sequence[Mapping[str, Any]], title: str, start: int = 0) -> Page:
    """The slider of a page: HTML that works without a kernel and without the network."""
    identity = f"stops{next(_numbers)}"
    views, names = [frame_html(frame) for frame in frames], [stop_name(frame) for frame in frames]
    data = json.dumps({"views": views, "names": names}).replace("</", "<\\/")
    script = f"""(function () {{
  const data = {data}, id = "{identity}", find = part => document.getElementById(id + part);
  function draw() {{
    const i = Number(find("-range").value);
    find("-view").innerHTML = data.views[i];
    find("-name").textContent = data.names[i];
    find("-range").setAttribute("aria-valuetext", data.names[i]);
  }}
  find("-range").addEventListener("input", draw);
  draw();
}})();"""
    return Page(
        f'<div style="margin:1em 0"><div style="font:600 15px sans-serif">{html.escape(title)}</div>'
        f'<label style="font:14px sans-serif">when forgetting stops '
        f'<input id="{identity}-range" type="range" min="0" max="{len(frames) - 1}" step="1" value="{start}" '
        f'style="width:260px;vertical-align:middle"> <output id="{identity}-name">{html.escape(names[start])}</output>'
        f'</label><div id="{identity}-view" aria-live="polite">{views[start]}</div><script>{script}</script></div>'
    )
