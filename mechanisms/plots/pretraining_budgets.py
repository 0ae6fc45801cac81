"""Figures of chapter 09, pre-training budgets.

- ``plot_steps``: a step's time by micro batch, the optimizer's part set off;
- ``plot_memory``: the memory model's parts by micro batch, with the GPU's limit;
- ``plot_search``: every setting, fastest first;
- ``plot_prediction``: predicted against real steps;  ``plot_checkpointing``: what it saves and costs;
- ``plot_gpu_days``: two trainings as areas;  ``plot_utilisation``: shares of the peak, with the line at 100%;
- ``plot_frontier``: price against days, with the machines that nothing dominates.

Functions take plain numbers and return a matplotlib figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, PercentFormatter

from mechanisms.budgets.facts import GPUS, Point
from mechanisms.plots.style import GOOD, INK, QUIET, new_figure

BLUE, ORANGE, RED = "#0072B2", "#E69F00", "#D55E00"
PARTS = {
    "weights": ("#0072B2", ""),
    "gradients": ("#56B4E9", ""),
    "optimizer": ("#E69F00", "//"),
    "activations": ("#009E73", ""),
    "logits": ("#CC79A7", ".."),
    "reserved": ("#BBBBBB", ""),
}
MARKERS = {"rtx3090": "o", "a6000": "s", "a100": "^", "h100": "D", "t4": "v"}
COLORS = {"rtx3090": "#009E73", "a6000": "#56B4E9", "a100": "#0072B2", "h100": "#E69F00", "t4": "#767676"}


def plot_steps(steps: Mapping[int, float], update: Mapping[int, float]) -> Figure:
    """``steps``: micro batch -> seconds of a step; ``update``: the optimizer's seconds in it."""
    figure, [ax] = new_figure(6.4, 1.4 + 0.45 * len(steps))
    for row, (micro, seconds) in enumerate(steps.items()):
        work = seconds - update[micro]
        ax.barh(row, work, color=BLUE, label="micro batches" if row == 0 else None)
        ax.barh(row, update[micro], left=work, color=ORANGE, label="optimizer, once" if row == 0 else None)
        ax.text(seconds, row, f" {seconds:.1f} s", va="center", fontsize=9)
    ax.set_yticks(range(len(steps)), [f"micro batch {micro}" for micro in steps])
    ax.invert_yaxis()
    ax.set_xlim(0, 1.15 * max(steps.values()))
    ax.set_xlabel("seconds of a step")
    figure.legend(ncols=2, frameon=False, loc="outside upper center")
    return figure


def plot_memory(parts: Mapping[int, Mapping[str, float]], limit_gb: float) -> Figure:
    """``parts``: micro batch -> part -> bytes, as ``memory_parts`` gives them; ``limit_gb``: the GPU's memory."""
    figure, [ax] = new_figure(7.0, 3.4)
    for column, found in enumerate(parts.values()):
        bottom = 0.0
        for name, (color, hatch) in PARTS.items():
            label = name if column == 0 else None
            height = found[name] / 1e9
            ax.bar(column, height, bottom=bottom, color=color, hatch=hatch, edgecolor="white", label=label)
            bottom += height
        ax.text(column, bottom, f"{bottom:.0f}", ha="center", va="bottom", fontsize=9)
    ax.axhline(limit_gb, color=RED, linestyle="--", label=f"{limit_gb:g} GB")
    ax.set_xticks(range(len(parts)), [str(micro) for micro in parts])
    ax.set(xlabel="sequences in a micro batch", ylabel="GB on one GPU (model)")
    figure.legend(frameon=False, loc="outside right center")
    return figure


def plot_search(days: Mapping[str, float], title: str) -> Figure:
    """``days``: name of a setting -> seconds of a step, drawn fastest first."""
    rows = sorted(days.items(), key=lambda item: item[1])
    figure, [ax] = new_figure(8.6, 0.9 + 0.24 * len(rows))
    ax.barh(range(len(rows)), [value for _, value in rows], color=[GOOD, *[BLUE] * (len(rows) - 1)])
    for row, (_, value) in enumerate(rows):
        ax.text(value, row, f" {value:.1f}", va="center", fontsize=8)
    ax.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)
    ax.set_xlim(0, 1.08 * rows[-1][1])
    ax.invert_yaxis()
    ax.set_xlabel("seconds of a step")
    ax.set_title(title, loc="left", fontsize=10)
    return figure


def plot_prediction(results: Mapping[int, Mapping[str, float]]) -> Figure:
    """``results``: micro batch -> {"predicted", "real"} seconds of a step."""
    figure, [ax] = new_figure(4.8, 4.0)
    real = [found["real"] for found in results.values()]
    predicted = [found["predicted"] for found in results.values()]
    low, high = 0.85 * min(real + predicted), 1.15 * max(real + predicted)
    ax.plot([low, high], [low, high], color=QUIET, linewidth=1, label="exact")
    ax.fill_between([low, high], [0.75 * low, 0.75 * high], [1.25 * low, 1.25 * high], color=QUIET, alpha=0.15)
    ax.scatter(real, predicted, color=BLUE, edgecolor=INK, zorder=3)
    for number, (micro, x, y) in enumerate(zip(results, real, predicted, strict=True)):
        # On alternating sides of the line: large micro batches take nearly the same time.
        place = {"xytext": (7, -9), "ha": "left"} if number % 2 else {"xytext": (-7, 4), "ha": "right"}
        ax.annotate(str(micro), (x, y), textcoords="offset points", fontsize=9, **place)
    ax.set(xlim=(low, high), ylim=(low, high), xlabel="real step, seconds", ylabel="predicted, seconds")
    ax.set_title("Number: micro batch. Grey: within 25%", loc="left", fontsize=10)
    return figure


def plot_checkpointing(kept: Mapping[str, float], seconds: Mapping[str, float]) -> Figure:
    """Bytes kept for the backward pass and seconds of a micro batch, with checkpointing "off" and "on"."""
    figure, axes = new_figure(6.4, 2.6, columns=2)
    rows = ((kept, 1e6, "MB kept for the backward pass"), (seconds, 1e-3, "ms for a micro batch"))
    for ax, (found, unit, label) in zip(axes, rows, strict=True):
        bars = ax.bar(list(found), [value / unit for value in found.values()], color=[BLUE, ORANGE], width=0.6)
        ax.bar_label(bars, [f"{value / unit:.3g}" for value in found.values()], padding=2, fontsize=9)
        ax.margins(y=0.15)
        ax.set_title(label, loc="left", fontsize=10)
        ax.set_xlabel("checkpointing")
    return figure


def plot_gpu_days(original: tuple[float, float], ours: tuple[float, float]) -> Figure:
    """Two trainings, each (GPUs, days), as rectangles whose areas are GPU-days."""
    figure, [ax] = new_figure(6.4, 3.0)
    for (gpus, days), color, name in ((original, BLUE, "original"), (ours, ORANGE, "on 4 A100")):
        ax.add_patch(Rectangle((0, 0), days, gpus, facecolor=color, alpha=0.75, edgecolor=INK))
        # The original's rectangle is too narrow for its label, which stands beside it.
        place = (days + 0.3, gpus / 2) if days < 6 else (days / 2, gpus + 2)
        align = {"ha": "left", "va": "center"} if days < 6 else {"ha": "center", "va": "bottom"}
        ax.text(*place, f"{name}\n{gpus * days:.0f} GPU-days", **align)
    ax.set(xlim=(0, 1.1 * max(original[1], ours[1])), ylim=(0, 1.1 * max(original[0], ours[0])))
    ax.set(xlabel="days", ylabel="GPUs")
    return figure


def plot_utilisation(shares: Mapping[str, float]) -> Figure:
    """``shares``: name of a run -> share of the peak."""
    figure, [ax] = new_figure(7.4, 1.0 + 0.45 * len(shares))
    colors = [RED if share > 0.8 else BLUE for share in shares.values()]
    bars = ax.barh(list(shares), list(shares.values()), color=colors)
    labels = ax.bar_label(bars, [f"{share:.0%}" for share in shares.values()], padding=3)
    for label in labels:
        label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})  # the line at 100% ends behind it
    ax.axvline(1, color=INK, linestyle="--", linewidth=1, label="the peak: 100%", zorder=0)
    ax.axvspan(0.4, 0.6, color=GOOD, alpha=0.18, label="well-tuned code")
    ax.invert_yaxis()
    ax.set_xlim(0, max(1.15, 1.12 * max(shares.values())))
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.set_xlabel("share of the theoretical peak")
    figure.legend(frameon=False, loc="outside upper right", fontsize=9, ncols=2)
    return figure


def plot_frontier(machines: Sequence[Mapping], frontier: Sequence[int], points: Sequence[Point] = ()) -> Figure:
    """``machines``: {"gpu", "n", "days", "dollars"} each; ``frontier``: indices; ``points``: as crosses."""
    from mechanisms.budgets.plan import dollars_of

    figure, [ax] = new_figure(7.6, 4.4)
    for key in dict.fromkeys(machine["gpu"] for machine in machines):
        own = [machine for machine in machines if machine["gpu"] == key]
        ax.scatter(
            [machine["dollars"] for machine in own],
            [machine["days"] for machine in own],
            marker=MARKERS[key], color=COLORS[key], edgecolor=INK, s=46, label=GPUS[key].name, zorder=3,
        )  # fmt: skip
    for machine in machines:
        place = (machine["dollars"], machine["days"])
        ax.annotate(str(machine["n"]), place, xytext=(5, 4), textcoords="offset points", fontsize=8, zorder=5)
    line = sorted((machines[i]["dollars"], machines[i]["days"]) for i in frontier)
    ax.plot([x for x, _ in line], [y for _, y in line], color=INK, linewidth=1.2, label="frontier")
    crosses = [(dollars_of(GPUS[point.gpu], point.n), point.days) for point in points]
    if crosses:
        style = {"marker": "x", "color": RED, "s": 70, "linewidths": 2, "zorder": 4}
        ax.scatter(*zip(*crosses, strict=True), label="the paper's own points", **style)
        for point, place in zip(points, crosses, strict=True):
            name = f"{point.n} × {GPUS[point.gpu].name}"
            ax.annotate(name, place, xytext=(0, -15), textcoords="offset points", fontsize=8, color=RED, ha="center")
    ax.set(xscale="log", yscale="log", xlabel="price of the machine", ylabel="days for Pythia-1B")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"${value:,.0f}"))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    every = [machine["days"] for machine in machines] + [point.days for point in points]
    ax.set_ylim(0.5 * min(every), 1.6 * max(every))
    figure.legend(frameon=False, loc="outside right center", fontsize=9)
    return figure
