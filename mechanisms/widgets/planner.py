"""A planner: pick a model, a GPU and how many, and see days and dollars beside the paper's points.

- ``estimate`` does the arithmetic: analytic days divided by an assumed utilisation, and the paper's prices;
- ``planner`` is live in a notebook (ipywidgets); ``planner_page`` needs no kernel: a few lines of JavaScript work
  on the same numbers.
"""

from __future__ import annotations

import html
import itertools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mechanisms.budgets import plan
from mechanisms.budgets.facts import GPUS, MACHINE_PRICE, MODELS, ORIGINAL_RUNS, PAPER_POINTS
from mechanisms.plots.style import INK, QUIET

LOW, HIGH = 0.3, 30_000.0  # days at the two ends of the scale
WIDTH, LEFT, RIGHT = 620, 20, 600
COUNTS = (1, 2, 4, 8)
CHOICES = [name for name, spec in MODELS.items() if not spec.lab]
_numbers = itertools.count()


def data() -> dict[str, Any]:
    """Everything the planner reckons with, as plain data: the page's script and ``estimate`` both read this."""
    return {
        "models": {name: plan.analytic_days(MODELS[name], 1.0) for name in CHOICES},
        "gpus": {
            key: {"name": gpu.name, "half": gpu.half, "price": gpu.price, "memory": gpu.memory_gb}
            for key, gpu in GPUS.items()
        },
        "base": {str(n): price for n, price in MACHINE_PRICE.items()},
        "state": {name: 16 * MODELS[name].parameters / 1e9 for name in CHOICES},
        "points": [
            {"model": point.model, "days": point.days, "label": f"paper: {point.n} × {GPUS[point.gpu].name}"}
            for point in PAPER_POINTS
        ]
        + [
            {"model": name, "days": days, "label": f"original: {gpus} GPUs"}
            for name, (gpus, days) in ORIGINAL_RUNS.items()
        ],
    }


def estimate(model: str, gpu: str, n: int, utilisation: float) -> dict[str, Any]:
    """{"days", "gpu_days", "dollars" or None, "training" or None, "tight"}; tight: weights, gradients and Adam's
    state (16 bytes a parameter) exceed the memory of one GPU, so that it needs sharding or offloading."""
    days = plan.analytic_days(MODELS[model], GPUS[gpu].half, n) / utilisation
    dollars = plan.dollars_of(GPUS[gpu], n)
    return {
        "days": days,
        "gpu_days": days * n,
        "dollars": dollars,
        "training": plan.price_of_time(dollars, days) if dollars else None,
        "tight": 16 * MODELS[model].parameters / 1e9 > GPUS[gpu].memory_gb,
    }


def words(found: Mapping[str, Any]) -> str:
    """An estimate in one line."""
    price = "no price in the paper"
    if found["dollars"]:
        price = f"${found['dollars']:,.0f} for the machine, ${found['training']:,.0f} of its five years"
    tight = " · does not fit on one GPU without sharding or offloading" if found["tight"] else ""
    return f"{_days(found['days'])} days · {_days(found['gpu_days'])} GPU-days · {price}{tight}"


def _days(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _place(days: float) -> float:
    share = (math.log10(min(max(days, LOW), HIGH)) - math.log10(LOW)) / (math.log10(HIGH) - math.log10(LOW))
    return LEFT + share * (RIGHT - LEFT)


def scale_svg(model: str, days: float, identity: str = "planner") -> str:
    """A logarithmic scale of days: a diamond for the estimate, ticks with names for what the paper reports."""
    told = ", ".join(f"{p['label']} {p['days']:g} days" for p in data()["points"] if p["model"] == model)
    parts = [f'<line x1="{LEFT}" x2="{RIGHT}" y1="60" y2="60" stroke="currentColor"/>']
    for tick in (1, 10, 100, 1_000, 10_000):
        x = _place(tick)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="55" y2="65" stroke="currentColor"/>')
        parts.append(f'<text x="{x:.1f}" y="82" text-anchor="middle" fill="currentColor">{tick:,}</text>')
    parts.append(f'<text x="{RIGHT}" y="100" text-anchor="end" fill="currentColor">days</text>')
    parts.append(f'<g id="{identity}-points">{_points_svg(model)}</g>')
    x = _place(days)
    parts.append(
        f'<path id="{identity}-mark" transform="translate({x:.1f},60)" d="M0,-11 L9,0 L0,11 L-9,0 Z" fill="#E69F00" '
        f'stroke="{INK}"/>'
    )
    height = 112 + 18 * max(sum(p["model"] == name for p in data()["points"]) for name in CHOICES)
    return (
        f'<svg id="{identity}-svg" role="img" aria-label="estimate {_days(days)} days; {html.escape(told)}" '
        f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" style="max-width:100%;font:13px sans-serif">'
        f"{''.join(parts)}</svg>"
    )


def _points_svg(model: str) -> str:
    """The reported trainings of a model: a tick above the scale and a line of text below it."""
    drawn = []
    for row, point in enumerate(p for p in data()["points"] if p["model"] == model):
        x = _place(point["days"])
        drawn.append(f'<circle cx="{x:.1f}" cy="60" r="5" fill="#0072B2" stroke="{QUIET}"/>')
        drawn.append(f'<text x="{x:.1f}" y="46" text-anchor="middle" fill="currentColor">{row + 1}</text>')
        label = html.escape(f"{row + 1}  {point['label']}, {point['days']:.4g} days")
        drawn.append(f'<text x="{LEFT}" y="{112 + 18 * row}" fill="currentColor">{label}</text>')
    return "".join(drawn)


@dataclass(frozen=True)
class Planner:
    """The live planner: ``box`` is what a notebook shows; the rest are its parts."""

    box: object
    model: object
    gpu: object
    n: object
    utilisation: object
    answer: object

    def _repr_mimebundle_(self, **kwargs):
        return self.box._repr_mimebundle_(**kwargs)


def planner(model: str = "pythia-1b", gpu: str = "a100", n: int = 4, utilisation: float = 0.4) -> Planner:
    """The planner as ipywidgets."""
    import ipywidgets as widgets

    identity = f"planner{next(_numbers)}"
    models = widgets.Dropdown(options=CHOICES, value=model, description="model")
    gpus = widgets.Dropdown(options=[(spec.name, key) for key, spec in GPUS.items()], value=gpu, description="GPU")
    counts = widgets.Dropdown(options=COUNTS, value=n, description="how many")
    busy = widgets.IntSlider(value=round(100 * utilisation), min=5, max=100, description="% busy")
    answer = widgets.HTML()

    def redraw(_change: object = None) -> None:
        found = estimate(models.value, gpus.value, counts.value, busy.value / 100)
        svg = scale_svg(models.value, found["days"], identity)
        answer.value = f"<div><b>{html.escape(words(found))}</b></div>{svg}"

    for control in (models, gpus, counts, busy):
        control.observe(redraw, names="value")
    redraw()
    box = widgets.VBox([widgets.HBox([models, gpus]), widgets.HBox([counts, busy]), answer])
    return Planner(box, models, gpus, counts, busy, answer)


class PlannerPage:
    """The planner of a page: HTML that works without a kernel and without the network."""

    def __init__(self, markup: str) -> None:
        self.markup = markup

    def _repr_html_(self) -> str:
        return self.markup


def planner_page(model: str = "pythia-1b", gpu: str = "a100", n: int = 4, utilisation: float = 0.4) -> PlannerPage:
    """The planner with its own script, starting at the given choice."""
    identity = f"planner{next(_numbers)}"
    found = estimate(model, gpu, n, utilisation)

    def select(name: str, label: str, options: Mapping[str, str], chosen: str) -> str:
        inner = "".join(
            f'<option value="{key}"{" selected" if key == chosen else ""}>{html.escape(text)}</option>'
            for key, text in options.items()
        )
        return f'<label>{label} <select id="{identity}-{name}">{inner}</select></label> '

    controls = (
        select("model", "model", {name: name for name in CHOICES}, model)
        + select("gpu", "GPU", {key: spec.name for key, spec in GPUS.items()}, gpu)
        + select("n", "how many", {str(count): str(count) for count in COUNTS}, str(n))
        + f'<label>busy <input id="{identity}-busy" type="range" min="5" max="100" value="{round(100 * utilisation)}" '
        f'style="vertical-align:middle"> <output id="{identity}-share">{utilisation:.0%}</output></label>'
    )
    drawn = json.dumps({name: _points_svg(name) for name in CHOICES}, ensure_ascii=True).replace("</", "<\\/")
    script = f"""(function () {{
  const data = {json.dumps(data())}, drawn = {drawn}, id = "{identity}";
  const find = part => document.getElementById(id + "-" + part);
  const told = days => days >= 100 ? Math.round(days).toLocaleString("en-US") : Number(days.toPrecision(3)).toString();
  const money = dollars => "$" + Math.round(dollars).toLocaleString("en-US");
  function draw() {{
    const model = find("model").value, gpu = data.gpus[find("gpu").value], n = Number(find("n").value);
    const busy = Number(find("busy").value) / 100;
    const days = data.models[model] / (n * gpu.half) / busy;
    let text = told(days) + " days · " + told(days * n) + " GPU-days · ";
    if (gpu.price === null) text += "no price in the paper";
    else {{
      const dollars = data.base[n] + n * gpu.price;
      text += money(dollars) + " for the machine, " + money(dollars * days / 1825) + " of its five years";
    }}
    if (data.state[model] > gpu.memory) text += " · does not fit on one GPU without sharding or offloading";
    find("answer").textContent = text;
    find("share").textContent = Math.round(100 * busy) + "%";
    const log = Math.log10, kept = Math.min(Math.max(days, {LOW}), {HIGH});
    const x = {LEFT} + (log(kept) - log({LOW})) / (log({HIGH}) - log({LOW})) * {RIGHT - LEFT};
    find("mark").setAttribute("transform", "translate(" + x.toFixed(1) + ",60)");
    find("points").innerHTML = drawn[model];
    const points = data.points.filter(p => p.model === model).map(p => p.label + " " + p.days + " days");
    find("svg").setAttribute("aria-label", "estimate " + told(days) + " days; " + points.join(", "));
  }}
  for (const part of ["model", "gpu", "n", "busy"]) find(part).addEventListener("input", draw);
  draw();
}})();"""
    return PlannerPage(
        f'<div style="margin:1em 0;font:14px sans-serif"><div style="display:flex;flex-wrap:wrap;gap:.5em 1.2em">'
        f'{controls}</div><div id="{identity}-answer" aria-live="polite" style="font-weight:600;margin:.6em 0">'
        f"{html.escape(words(found))}</div>{scale_svg(model, found['days'], identity)}<script>{script}</script></div>"
    )
