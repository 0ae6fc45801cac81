"""Figures of chapter 04, talking heads.

- ``plot_strengths``: the singular values of some heads, component by component;
- ``plot_whole_and_parts``: whole-head scores beside the scores of the same heads' components;
- ``plot_recall``: accuracy by length, and by length and place in the list;
- ``plot_against``: predictors from weights against a measured effect, one point for each component;
- ``plot_correlations``: rank correlations, means over seeds with intervals;
- ``plot_reach``: how many things a channel reaches, beside random directions;
- ``plot_edit``: accuracy by length before and after an edit.

Functions take tensors or nested lists of numbers and return a matplotlib figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mechanisms.plots.style import GOOD, INK, QUIET, new_figure

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKS = "os^Dv*"


def plot_strengths(strengths: Mapping[str, Sequence[float]], title: str = "") -> Figure:
    """Singular values of heads by component, from the strongest: ``strengths`` head -> values."""
    figure, [ax] = new_figure(6.6, 2.8)
    for i, (name, values) in enumerate(strengths.items()):
        ax.plot(range(len(values)), [float(v) for v in values], color=COLORS[i], marker=MARKS[i], label=name)
    ax.set_ylim(bottom=0)
    ax.set(xlabel="component", ylabel="strength (singular value)")
    ax.set_title(title, loc="left", fontsize=10)
    figure.legend(frameon=False, loc="outside right center")
    return figure


def plot_whole_and_parts(whole: Mapping[str, float], parts: Mapping[str, Sequence[float]], planted: int) -> Figure:
    """Left: one score for each head. Right: a score for each of its components, the ``planted`` one marked."""
    figure, [left, right] = new_figure(8.2, 3.0, columns=2, width_ratios=[1, 2.2])
    names = list(whole)
    bars = left.bar(range(len(names)), list(whole.values()), width=0.6, color=COLORS[: len(names)])
    left.bar_label(bars, [f"{value:.2f}" for value in whole.values()], padding=2, fontsize=8)
    left.set_xticks(range(len(names)), names)
    left.set_ylabel("composition score")
    left.set_title("whole head", loc="left", fontsize=10)
    for i, name in enumerate(names):
        values = [float(v) for v in parts[name]]
        places = [k + 0.38 * i - 0.19 for k in range(len(values))]
        right.bar(
            places, values, width=0.36, color=COLORS[i], hatch="" if i == 0 else "//", edgecolor="white", label=name
        )
    top = float(parts[names[0]][planted])
    right.annotate(
        "planted", (planted - 0.19, top), xytext=(-34, -8), textcoords="offset points", ha="right", fontsize=8,
        arrowprops={"arrowstyle": "->", "color": INK},
    )  # fmt: skip
    right.set_xticks(range(len(parts[names[0]])))
    right.set_xlabel("component")
    right.set_title("its components", loc="left", fontsize=10)
    right.legend(frameon=False, fontsize=8, loc="upper left")
    return figure


def _mark_trained(ax: Axes, trained: int) -> None:
    """A line between lengths that were in training and longer ones."""
    ax.axvline(trained + 0.5, color=QUIET, linestyle="--", linewidth=1)
    ax.annotate(
        "longer than\nin training", (trained + 0.5, 0), xycoords=("data", "axes fraction"), xytext=(4, 6),
        textcoords="offset points", fontsize=8, color=QUIET,
    )  # fmt: skip


def plot_recall(by_length: Sequence[float], by_place: Sequence[Sequence[float]], trained: int = 0) -> Figure:
    """Accuracy by length (index = length, NaN where there is none), and for each length by place in the list.

    Lengths above ``trained`` were not in training; 0 draws no line.
    """
    by_length, by_place = torch.as_tensor(by_length).double(), torch.as_tensor(by_place).double()
    lengths = [n for n in range(len(by_length)) if not by_length[n].isnan()]
    figure, [left, right] = new_figure(8.4, 3.2, columns=2, width_ratios=[1, 1.35])
    left.plot(lengths, by_length[lengths], color=GOOD, marker="o")
    if trained:
        _mark_trained(left, trained)
    left.set_ylim(0, 1.04)
    left.set_xticks(lengths)
    left.yaxis.set_major_formatter(PercentFormatter(1))
    left.set(xlabel="length of the list", ylabel="missing thing found")
    shown = by_place[lengths, : max(lengths)]
    image = right.imshow(shown, cmap="viridis", vmin=0, vmax=1, aspect="auto")
    right.set_yticks(range(len(lengths)), lengths)
    right.set_xticks(range(max(lengths)), range(1, max(lengths) + 1))
    right.set(xlabel="place of the missing thing", ylabel="length")
    right.spines[:].set_visible(False)
    figure.colorbar(image, ax=right, format=PercentFormatter(1))
    return figure


def plot_against(
    effect: Sequence[float],
    predictors: Mapping[str, Sequence[float]],
    groups: Sequence[int],
    ylabel: str,
    names: Sequence[str] | None = None,
) -> Figure:
    """One panel for each predictor, one point for each component; four panels stand in two rows.

    ``groups`` get colours and marks; their ``names`` are "layer 0", "layer 1", ... if none are given.
    """
    from scipy.stats import spearmanr

    effect, groups = torch.as_tensor(effect), torch.as_tensor(groups)
    rows = 2 if len(predictors) == 4 else 1  # four in a row are too small to read on a phone
    columns = len(predictors) // rows
    figure, axes = new_figure(2.2 * columns + 0.7 * rows, 2.6 * rows + 0.5, columns=columns, rows=rows, sharey=True)
    for ax, (name, values) in zip(axes, predictors.items(), strict=True):
        values = torch.as_tensor(values)
        for group in groups.unique().tolist():
            here = groups == group
            ax.scatter(
                values[here], effect[here], s=16, color=COLORS[group], marker=MARKS[group], alpha=0.7,
                label=names[group] if names else f"layer {group}",
            )  # fmt: skip
        ax.axhline(0, color=INK, linewidth=0.8)
        ax.set_xlabel(name)
        rank = f"{spearmanr(values, effect).statistic:+.2f}".replace("-", "−")
        ax.set_title(f"rank correlation {rank}", loc="left", fontsize=9)
    for ax in axes[::columns]:
        ax.set_ylabel(ylabel)
    figure.legend(*axes[0].get_legend_handles_labels(), frameon=False, loc="outside upper center", ncols=4)
    return figure


def plot_correlations(rows: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Figure:
    """Rank correlations with intervals: ``rows`` predictor -> effect -> {"mean", "low", "high", "values"}."""
    figure, [ax] = new_figure(7.4, 1.0 + 0.55 * len(rows))
    effects = list(next(iter(rows.values())))
    for shift, effect in enumerate(effects):
        for row, found in enumerate(rows.values()):
            value, y = found[effect], row + 0.24 * (shift - (len(effects) - 1) / 2)
            error = [[value["mean"] - value["low"]], [value["high"] - value["mean"]]]
            ax.errorbar(
                value["mean"], y, xerr=error, color=COLORS[shift], marker=MARKS[shift], capsize=3, linestyle="none",
                label=effect if row == 0 else None,
            )  # fmt: skip
            ax.scatter(value["values"], [y] * len(value["values"]), s=9, color=COLORS[shift], alpha=0.35)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_yticks(range(len(rows)), list(rows))
    ax.invert_yaxis()
    ax.set_xlabel("Spearman's rank correlation over components")
    figure.legend(frameon=False, loc="outside upper center", ncols=2)
    return figure


def plot_reach(shares: Mapping[str, float], random: Mapping[str, float], title: str = "") -> Figure:
    """Bars for the share of things reached by named channels; the range of random draws as a band."""
    figure, [ax] = new_figure(6.8, 0.9 + 0.5 * len(shares))
    ax.axvspan(random["low"], random["high"], color=QUIET, alpha=0.25, label="random directions: lowest to highest")
    ax.axvline(random["mean"], color=QUIET, linestyle="--", label="their mean")
    ax.barh(range(len(shares)), list(shares.values()), height=0.55, color=COLORS[0])
    for row, value in enumerate(shares.values()):  # beside the bar, and beside the band where the bar is short
        ax.text(max(value, random["high"]) + 0.01, row, f"{value:.0%}", va="center", fontsize=8)
    ax.set_yticks(range(len(shares)), list(shares))
    ax.invert_yaxis()
    ax.set_xlim(0, 1.1)
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.set_xlabel("things of the list that the mover can be turned to")
    ax.set_title(title, loc="left", fontsize=10)
    figure.legend(frameon=False, fontsize=8, loc="outside upper center", ncols=2)
    return figure


def plot_edit(lengths: Sequence[int], accuracies: Mapping[str, Sequence[float]], trained: int = 0) -> Figure:
    """Accuracy by length for each named model."""
    figure, [ax] = new_figure(6.8, 3.0)
    for i, (name, values) in enumerate(accuracies.items()):
        style = ["-", "--", "-.", ":"][i % 4]
        ax.plot(lengths, values, color=COLORS[i], marker=MARKS[i], linestyle=style, label=name)
    if trained:
        _mark_trained(ax, trained)
    ax.set_ylim(0, 1.04)
    ax.set_xticks(list(lengths))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set(xlabel="length of the list", ylabel="missing thing found")
    figure.legend(frameon=False, loc="outside right center", fontsize=8)
    return figure
