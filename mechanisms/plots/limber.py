"""Figures of chapter 07, image to text by one linear map.

- ``plot_descent``: the loss along the gradient, beside the straight line that the gradient foretells;
- ``plot_learning``: the loss on new scenes while maps are trained, with the floor of a map that sees nothing;
- ``plot_scores``: right words for size, colour and category, by encoder, with the shuffled baseline as marks;
- ``plot_sounds``: right sounds beside right categories;
- ``plot_differences``: paired differences with their intervals;
- ``plot_seeds``: means over seeds with intervals, and every seed as a dot.

Functions take dictionaries of numbers and return a matplotlib figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mechanisms.data.scenes.creatures import ATTRIBUTES, CATEGORIES
from mechanisms.plots.style import INK, QUIET, new_figure

LOOKS = {
    "blind": ("#999999", ".."),
    "random": ("#56B4E9", ""),
    "self-supervised": ("#0072B2", "//"),
    "labels": ("#E69F00", ""),
    "captions": ("#D55E00", "\\\\"),
}


def _bars(ax, values: Mapping[str, Mapping[str, float]], what: Sequence[str], numbers: bool = True) -> float:
    width = 0.82 / len(values)
    for i, (name, scores) in enumerate(values.items()):
        color, hatch = LOOKS[name]
        places = [j + (i - (len(values) - 1) / 2) * width for j in range(len(what))]
        heights = [scores[w] for w in what]
        ax.bar(places, heights, width=0.92 * width, color=color, hatch=hatch, edgecolor="white", label=name)
        for x, y in zip(places, heights, strict=True) if numbers else ():
            ax.text(x, y + 0.012, f"{y:.2f}".lstrip("0"), ha="center", va="bottom", fontsize=7, color=INK)
    ax.set_xticks(range(len(what)), what)
    ax.set_ylim(0, 1.1)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    return width


def plot_descent(lengths: Sequence[float], losses: Sequence[float], slope: float) -> Figure:
    """``losses`` after steps of ``lengths`` times the negative gradient; ``slope`` is the gradient's squared norm."""
    figure, [ax] = new_figure(5.6, 3.0)
    foretold = [losses[0] - slope * length for length in lengths]
    ax.plot(lengths, foretold, "--", color=QUIET, label="what the gradient says")
    ax.plot(lengths, losses, "o-", color="#D55E00", markersize=4, label="the loss there")
    ax.set_ylim(min(losses) - 0.15 * (max(losses) - min(losses)), None)
    ax.set_xlabel("length of the step (times the gradient)")
    ax.set_ylabel("loss, nats a word")
    ax.legend(frameon=False, fontsize=9)
    return figure


def plot_learning(curves: Mapping[str, Mapping[int, float]], floor: float) -> Figure:
    """``curves`` [encoder or "blind"][steps of training]: loss on new scenes; ``floor``: the least without an image."""
    figure, [ax] = new_figure(6.4, 3.2)
    for name, losses in curves.items():
        ax.plot(list(losses), list(losses.values()), "o-", color=LOOKS[name][0], markersize=4, label=name)
    ax.axhline(floor, color=QUIET, linestyle="--", linewidth=1, zorder=0, label="least without an image")
    ax.set_xscale("log")
    ticks = sorted({steps for losses in curves.values() for steps in losses})
    ax.set_xticks(ticks, [str(steps) for steps in ticks])
    ax.minorticks_off()
    ax.set_xlabel("steps of training")
    ax.set_ylabel("loss on new scenes, nats a word")
    ax.set_ylim(0, None)
    figure.legend(ncols=3, frameon=False, loc="outside lower center", fontsize=9)
    return figure


def plot_scores(
    scores: Mapping[str, Mapping[str, float]], shuffled: Mapping[str, Mapping[str, float]], title: str
) -> Figure:
    """Grouped bars: ``scores`` [encoder or "blind"][attribute]; ``shuffled`` likewise, drawn as white diamonds."""
    figure, [ax] = new_figure(7.6, 3.6)
    width = _bars(ax, scores, ATTRIBUTES)
    names = list(scores)
    for k, (name, values) in enumerate(shuffled.items()):
        places = [j + (names.index(name) - (len(names) - 1) / 2) * width for j in range(len(ATTRIBUTES))]
        label = "shuffled images" if k == 0 else None
        marks = {"marker": "D", "s": 22, "color": "white", "edgecolor": INK, "zorder": 3}
        ax.scatter(places, [values[w] for w in ATTRIBUTES], label=label, **marks)
    ax.set_ylabel("right words")
    ax.set_title(title, fontsize=11)
    figure.legend(ncols=3, frameon=False, loc="outside lower center", fontsize=9)
    return figure


def plot_sounds(sounds: Mapping[str, float], categories: Mapping[str, float]) -> Figure:
    """Right sounds and right categories of each encoder; a line marks chance, one in twelve."""
    figure, [ax] = new_figure(6.6, 3.2)
    values = {name: {"category": categories[name], "sound": sounds[name]} for name in sounds}
    _bars(ax, values, ("category", "sound"))
    ax.axhline(1 / len(CATEGORIES), color=QUIET, linestyle="--", linewidth=1, zorder=0, label="chance")
    ax.set_ylabel("right words")
    ax.set_xticks([0, 1], ["category\n(in the captions)", "sound\n(in text alone)"])
    figure.legend(ncols=6, columnspacing=1.2, frameon=False, loc="outside lower center", fontsize=9)
    return figure


def plot_differences(gaps: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Figure:
    """``gaps`` [pair][attribute] {"difference", "low", "high"}: a dot and its interval, one panel an attribute."""
    figure, axes = new_figure(8.4, 0.9 + 0.34 * len(gaps), columns=len(ATTRIBUTES), sharey=True, sharex=True)
    names = list(gaps)
    for ax, what in zip(axes, ATTRIBUTES, strict=True):
        ax.axvline(0, color=QUIET, linewidth=1)
        ax.grid(axis="y", color="#E5E5E5", linewidth=0.8)
        ax.set_axisbelow(True)
        for row, name in enumerate(names):
            found = gaps[name][what]
            ax.plot([found["low"], found["high"]], [row, row], color="#0072B2", linewidth=2.5)
            ax.plot(found["difference"], row, "o", color="#0072B2", markersize=3)
        ax.set_title(what, fontsize=10)
        ax.set_xlim(-0.3, 1.0)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    axes[1].set_xlabel("difference in right words, 95% interval over scenes")
    return figure


def plot_seeds(
    runs: Sequence[Mapping[str, Mapping[str, Mapping[str, float]]]],
    means: Mapping[str, Mapping[str, Mapping[str, float]]],
) -> Figure:
    """Means over seeds with Student's 95% intervals as bars, every seed of ``runs`` as a dot."""
    figure, [ax] = new_figure(7.8, 3.6)
    what = (*ATTRIBUTES, "sound")
    width = _bars(ax, {name: {w: found[w]["mean"] for w in what} for name, found in means.items()}, what, numbers=False)
    for i, name in enumerate(means):
        for j, w in enumerate(what):
            x = j + (i - (len(means) - 1) / 2) * width
            ax.plot([x, x], [means[name][w]["low"], means[name][w]["high"]], color=INK, linewidth=1.2)
            ax.scatter([x] * len(runs), [run[name]["seen"][w] for run in runs], s=7, color=INK, zorder=3)
    figure.legend(ncols=5, frameon=False, loc="outside lower center", fontsize=9)
    return figure
