"""Figures of chapter 06, dual process learning.

- ``plot_use``: how often each rank of a class is drawn;
- ``plot_sets``: one model's scores on the test sets, in words and bars;
- ``plot_training``: what several trainings go by, score by score, over their steps;
- ``plot_stops``: what is left at the end, by the step at which forgetting stopped, over seeds;
- ``plot_conditions``: several ways of forgetting side by side, means over seeds with intervals.

Functions take tensors or plain numbers and return a matplotlib figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mechanisms.plots.style import GOOD, INK, QUIET, new_figure

# Score: what it asks, its colour, its line.
SCORES = {
    "validation": ("ordinary sequences", INK, "-"),
    "random": ("never-trained tokens (structure)", GOOD, "--"),
    "switch": ("conflict, frequent tokens (by context)", "#0072B2", "-"),
    "tail switch": ("conflict, rare tokens (by context)", "#56B4E9", "-."),
    "no cue": ("no cue, frequent tokens (weights)", "#D55E00", ":"),
    "tail no cue": ("no cue, rare tokens (weights)", "#E69F00", ":"),
    "tail": ("ordinary sequences, rare tokens", QUIET, "-."),
    "random, whole vocabulary": ("never-trained tokens, whole vocabulary", "#CC79A7", ":"),
}
# A way of training has the same colour, line and marker in every figure, whatever stands beside it.
WAYS = {"vanilla": ("#D55E00", "-", "o"), "active": ("#0072B2", "--", "^"), "temporary": ("#009E73", "-.", "s")}
OTHERS = (("#CC79A7", ":", "D"), ("#F0E442", ":", "v"))


def _look(name: str, number: int = 0) -> tuple[str, str, str]:
    """Colour, line and marker of a training by the first word of its name; ``number`` picks one for other names."""
    return WAYS.get(name.replace(",", " ").split(" ")[0], OTHERS[number % len(OTHERS)])


def plot_use(ranks: torch.Tensor, n: int, alpha: float) -> Figure:
    """How often each of ``n`` ranks occurs in ``ranks`` [draws], beside Zipf's law, on logarithmic axes."""
    figure, [ax] = new_figure(5.4, 3.0)
    counts = torch.bincount(torch.as_tensor(ranks).flatten(), minlength=n).double()
    law = torch.arange(1, n + 1).double() ** -alpha
    places = range(1, n + 1)
    ax.plot(places, counts / counts.sum(), color="#0072B2", marker="o", markersize=3, linestyle="none", label="drawn")
    ax.plot(places, law / law.sum(), color=INK, linewidth=1, label=f"Zipf's law, exponent {alpha:g}")
    ax.set(xscale="log", yscale="log", xlabel="rank in its class", ylabel="share of all draws")
    ax.legend(frameon=False)
    return figure


def plot_sets(scores: Mapping[str, Mapping[str, float]], title: str = "") -> Figure:
    """One row for each score, one bar in it for each model: ``scores`` model -> score -> share.

    A model whose name ends on "just after" has a pale bar in the colour of its way of training.
    """
    names = [name for name in SCORES if name in next(iter(scores.values()))]
    names += [name for name in next(iter(scores.values())) if name not in SCORES]
    figure, [ax] = new_figure(7.6, 1.2 + 0.22 * len(names) * (len(scores) + 1))
    height = 0.8 / len(scores)
    for shift, (model, found) in enumerate(scores.items()):
        rows = torch.arange(len(names)) + height * (shift - (len(scores) - 1) / 2)
        bars = ax.barh(
            rows, [found[name] for name in names], height=0.9 * height, color=_look(model, shift)[0], label=model,
            alpha=0.45 if model.endswith("just after") else 1.0,
        )  # fmt: skip
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}  # so that no line crosses a number
        ax.bar_label(bars, [f"{found[name]:.0%}" for name in names], padding=3, fontsize=8, bbox=box)
    ax.set_yticks(range(len(names)), [SCORES[name][0] if name in SCORES else name for name in names])
    ax.invert_yaxis()
    ax.axvline(0.5, color=QUIET, linewidth=0.8, linestyle="--")
    ax.set_xlim(0, 1.12)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1])
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.set_title(title, loc="left", fontsize=10)
    if len(scores) > 1:
        figure.legend(ncols=len(scores), frameon=False, loc="outside upper center")
    return figure


def plot_training(
    curves: Mapping[str, Sequence[Mapping[str, float]]], shown: Sequence[str] = ("validation", "random", "switch")
) -> Figure:
    """One panel for each score in ``shown``, one line in it for each training: name -> rows {"step", score, ...}."""
    figure, axes = new_figure(3.0 * len(shown) + 0.6, 3.3, columns=len(shown), sharey=True)
    for ax, score in zip(axes, shown, strict=True):
        for number, (name, rows) in enumerate(curves.items()):
            color, line, _ = _look(name, number)
            ax.plot(
                [row["step"] for row in rows], [row[score] for row in rows], color=color, linestyle=line,
                label=name if ax is axes[0] else None,
            )  # fmt: skip
        ax.set_title(SCORES[score][0].replace(" (", "\n("), fontsize=9)
        ax.set_ylim(-0.03, 1.03)
        ax.yaxis.set_major_formatter(PercentFormatter(1))
        ax.set_xlabel("training step")
    figure.legend(ncols=len(curves), frameon=False, loc="outside upper center")
    return figure


def plot_stops(
    stops: Mapping[str, Mapping[str, Mapping[str, float]]], shown: Sequence[str] = ("switch", "random")
) -> Figure:
    """Score at the end of training, by when forgetting stopped: ``stops`` label -> score -> {"mean", "low", "high",
    "least", "most", "n"}; dots are extremes."""
    figure, [ax] = new_figure(7.2, 3.5)
    for shift, score in enumerate(shown):
        places = torch.arange(len(stops)) + 0.12 * (shift - (len(shown) - 1) / 2)
        means = torch.tensor([found[score]["mean"] for found in stops.values()])
        low = torch.tensor([found[score]["low"] for found in stops.values()]).clamp(min=0)
        high = torch.tensor([found[score]["high"] for found in stops.values()]).clamp(max=1)
        words, color, line = SCORES[score]
        errors = torch.stack([(means - low).clamp(min=0), (high - means).clamp(min=0)])
        ax.errorbar(places, means, errors, color=color, linestyle=line, marker="os^"[shift], capsize=3, label=words)
        for end in ("least", "most"):
            ax.plot(places, [found[score][end] for found in stops.values()], ".", color=color, markersize=4, alpha=0.6)
    ax.set_xticks(range(len(stops)), list(stops))
    ax.set_ylim(0, 1.05)
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set_xlabel("forgetting stops at step")
    _say_intervals(figure, next(iter(stops.values()))[shown[0]]["n"])
    figure.legend(ncols=len(shown), frameon=False, loc="outside upper center")
    return figure


def plot_conditions(
    conditions: Mapping[str, Mapping[str, Mapping[str, float]]],
    shown: Sequence[str] = ("no cue", "tail no cue", "random", "switch", "tail switch", "random, whole vocabulary"),
) -> Figure:
    """Ways of forgetting side by side: name -> score -> {"mean", "low", "high", "least", "most", "n"}; dots are
    extremes."""
    figure, [ax] = new_figure(7.6, 1.6 + 0.5 * len(shown))
    for shift, (name, found) in enumerate(conditions.items()):
        rows = torch.arange(len(shown)) + 0.2 * (shift - (len(conditions) - 1) / 2)
        means = torch.tensor([found[score]["mean"] for score in shown])
        low = torch.tensor([found[score]["low"] for score in shown]).clamp(min=0)
        high = torch.tensor([found[score]["high"] for score in shown]).clamp(max=1)
        errors = torch.stack([(means - low).clamp(min=0), (high - means).clamp(min=0)])
        color, _, marker = _look(name, shift)
        ax.errorbar(means, rows, xerr=errors, color=color, marker=marker, linestyle="none", capsize=3, label=name)
        for end in ("least", "most"):
            ax.plot([found[score][end] for score in shown], rows, ".", color=color, markersize=4, alpha=0.6)
    ax.set_yticks(range(len(shown)), [SCORES[score][0] for score in shown])
    ax.invert_yaxis()
    ax.set_xlim(-0.03, 1.05)
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.axvline(0.5, color=QUIET, linewidth=0.8, linestyle="--")
    _say_intervals(figure, next(iter(conditions.values()))[shown[0]]["n"])
    figure.legend(ncols=len(conditions), frameon=False, loc="outside upper center")
    return figure


def _say_intervals(figure: Figure, seeds: int) -> None:
    figure.supxlabel(
        f"Bars: Student's 95% interval of the mean over {seeds} seeds, cut at 0 and 100%. Dots: least and most.",
        fontsize=8,
    )
