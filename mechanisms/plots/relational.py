"""Figures of chapter 01, relational tasks.

- ``plot_curves``: reciprocal rank of argument and answer by stage, the three stages of the paper marked;
- ``plot_shares``: what each sublayer adds to the answer over the argument, in logits;
- ``plot_injection``: how often the injected vector puts its target on top, beside its controls;
- ``plot_reach``: the same for words that were trained with the relation, and for words that were not;
- ``plot_removal``: accuracy of the twins with FFNs removed from the top;
- ``plot_seeds``: the injection of every training of the sweep.

Functions take tensors or nested lists of numbers and return a matplotlib figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mechanisms.plots.style import GOOD, INK, QUIET, new_figure

ARGUMENT, ANSWER = ("#D55E00", "o"), ("#0072B2", "s")
STAGES = {"formation": ":", "application": "-", "saturation": "--"}  # how the line of each stage is drawn
KINDS = {
    "own": ("own vector", GOOD, ""),
    "other": ("another relation's", "#E69F00", "//"),
    "random": ("random", QUIET, ".."),
}


def _draw_curves(ax, names: Sequence[str], argument, answer, found: Mapping[str, object] | None) -> None:
    places = range(len(names))
    for values, (color, marker), label in ((argument, ARGUMENT, "argument"), (answer, ANSWER, "answer")):
        ax.plot(places, [float(value) for value in values], color=color, marker=marker, label=label)
    for key, style in STAGES.items():
        where = (found or {}).get(key)
        if where is not None:
            beside = (
                0.12 if key == "saturation" and where == found.get("application") else 0
            )  # or one line hides the other
            ax.axvline(where + beside, color=QUIET, linewidth=1, linestyle=style, zorder=0, label=key)
    ax.set_xticks(places, names, rotation=35, ha="right", fontsize=8)
    ax.set_ylim(-0.03, 1.05)


def plot_curves(
    names: Sequence[str],
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    found: Mapping[str, Mapping[str, object]] | None = None,
) -> Figure:
    """One panel for each entry of ``curves``, title -> (argument, answer), over the stages ``names``.

    ``found``: title -> {"formation", "application", "saturation"}, places in ``names`` or None.
    """
    figure, axes = new_figure(2.6 * len(curves) + 1.4, 3.1, columns=len(curves), sharey=True)
    for ax, (title, (argument, answer)) in zip(axes, curves.items(), strict=True):
        _draw_curves(ax, names, argument, answer, (found or {}).get(title))
        ax.set_title(title, loc="left", fontsize=10)
    axes[0].set_ylabel("mean reciprocal rank")
    handles = {}
    for ax in axes:
        handles |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    order = [key for key in ("argument", "answer", *STAGES) if key in handles]
    figure.legend([handles[key] for key in order], order, frameon=False, loc="outside right center")
    return figure


def plot_shares(parts: Mapping[str, Sequence[float]], groups: Sequence[str]) -> Figure:
    """Bars: what each sublayer (key) adds to answer − argument, one bar for each of ``groups``."""
    figure, [ax] = new_figure(7.4, 3.0)
    width = 0.8 / len(groups)
    for number, group in enumerate(groups):
        places = [i + width * (number - (len(groups) - 1) / 2) for i in range(len(parts))]
        values = [float(row[number]) for row in parts.values()]
        color = ("#0072B2", "#56B4E9", "#009E73", "#CC79A7")[number % 4]
        ax.bar(places, values, width=0.92 * width, color=color, hatch=("", "//", "..", "xx")[number % 4],
               edgecolor="white", label=group)  # fmt: skip
    ax.axhline(0, color=INK, linewidth=0.8)
    ax.set_xticks(range(len(parts)), list(parts))
    ax.set_ylabel("added to answer − argument\n(logits)")
    figure.legend(frameon=False, loc="outside right center")
    return figure


def plot_injection(results: Mapping[str, Mapping[str, float]], title: str = "") -> Figure:
    """Three bars for each row of ``results``: name -> {"own", "other", "random"}, shares of contexts."""
    figure, [ax] = new_figure(7.4, 2.9)
    for shift, (key, (label, color, hatch)) in enumerate(KINDS.items()):
        places = [i + 0.27 * (shift - 1) for i in range(len(results))]
        values = [float(row[key]) for row in results.values()]
        bars = ax.bar(places, values, width=0.25, color=color, hatch=hatch, edgecolor="white", label=label)
        ax.bar_label(bars, [f"{value:.0%}" for value in values], padding=2, fontsize=8)
    ax.set_xticks(range(len(results)), list(results))
    ax.set_ylim(0, 1.1)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set_ylabel("target on top")
    ax.set_title(title, loc="left", fontsize=10)
    figure.legend(title="injected", frameon=False, loc="outside right center")
    return figure


def plot_reach(found: Mapping[str, Mapping[str, float]]) -> Figure:
    """Hits with the own and with a random vector, and mean ranks before and after, for each kind of word."""
    figure, [left, right] = new_figure(8.2, 2.8, columns=2)
    places = range(len(found))
    for shift, (key, label, color, hatch) in enumerate(
        (("hits", "own vector", GOOD, ""), ("random", "random", QUIET, ".."))
    ):
        values = [row[key] for row in found.values()]
        bars = left.bar([i + 0.36 * shift - 0.18 for i in places], values, width=0.34, color=color, hatch=hatch,
                        edgecolor="white", label=label)  # fmt: skip
        left.bar_label(bars, [f"{value:.0%}" for value in values], padding=2, fontsize=8)
    left.set_ylim(0, 1.1)
    left.yaxis.set_major_formatter(PercentFormatter(1))
    left.set_ylabel("target on top")
    left.legend(frameon=False, fontsize=8)
    for i, row in enumerate(found.values()):
        right.annotate(
            "", (i, row["rank after"]), (i, row["rank before"]), arrowprops={"arrowstyle": "->", "color": INK}
        )
        right.plot([i], [row["rank before"]], "o", color=QUIET, label="before" if i == 0 else None)
        right.plot([i], [row["rank after"]], "s", color=GOOD, label="after" if i == 0 else None)
    right.set_ylim(bottom=-0.5)
    right.invert_yaxis()
    right.set_ylabel("mean rank of the target\n(0: on top)")
    right.legend(frameon=False, fontsize=8)
    for ax in (left, right):
        ax.set_xticks(list(places), [name.replace(" ", "\n") for name in found], fontsize=9)
        ax.set_xlim(-0.6, len(found) - 0.4)
    return figure


def plot_removal(rows: Sequence[tuple[str, Mapping[str, float]]], title: str = "") -> Figure:
    """Lines over ``rows`` (label, {twin: accuracy}), the FFNs removed from the top growing from left to right."""
    figure, [ax] = new_figure(6.8, 2.9)
    styles = (ARGUMENT, ANSWER, ("#767676", "^"))
    for number, name in enumerate(rows[0][1]):
        color, marker = styles[number % 3]
        ax.plot(range(len(rows)), [row[name] for _, row in rows], color=color, marker=marker, label=name)
    ax.set_xticks(range(len(rows)), [label for label, _ in rows])
    ax.set_xlabel("FFNs removed from the top")
    ax.set_ylim(-0.03, 1.05)
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set_ylabel("right answers")
    ax.set_title(title, loc="left", fontsize=10)
    figure.legend(frameon=False, loc="outside right center")
    return figure


def plot_seeds(runs: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """One row for each condition, one mark for each training: hits of the own, the other and a random vector."""
    figure, [ax] = new_figure(7.4, 0.9 + 0.55 * len(runs))
    for row, trainings in enumerate(runs.values()):
        for shift, (key, (label, color, _)) in enumerate(KINDS.items()):
            values = torch.tensor([float(run[key]) for run in trainings])
            ax.plot(values, [row + 0.2 * (shift - 1)] * len(values), "os^"[shift], color=color, alpha=0.75,
                    linestyle="none", label=label if row == 0 else None)  # fmt: skip
    ax.set_yticks(range(len(runs)), [f"{name} ({len(trainings)})" for name, trainings in runs.items()])
    ax.invert_yaxis()
    ax.set_xlim(-0.02, 1)
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.set_xlabel("target on top after the injection, mean over three relations")
    figure.legend(title="injected", frameon=False, loc="outside right center")
    return figure
