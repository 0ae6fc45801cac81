"""Figures of chapter 08, binding in CLIP.

- ``plot_levels``: right answers in the three settings beside chance and the level of an answer without binding;
- ``plot_two_ways``: comparisons of two captions, where 1/2 is a coin;
- ``plot_gaps``: order gaps of the five compositions on random vectors;
- ``plot_heads``: trained heads on seen pairs, held-out pairs, and with images exchanged;
- ``plot_cures``: the two-object setting under changed recipes, every seed a dot.

Functions take dictionaries of numbers and return a matplotlib figure.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from mechanisms.plots.style import GOOD, INK, QUIET, new_figure
from mechanisms.training.binding import HELD, MIXED, SEEN
from mechanisms.training.gating_sweep import mean_interval

ROUNDING = 1e-6
CLIP, LEVEL, CHANCE = "#0072B2", "#D55E00", "#767676"
SETTING_NAMES = {"single": "one object", "two": "one of two objects", "relation": "left or right of"}
SPLITS = {SEEN: ("#0072B2", ""), HELD: ("#E69F00", "//"), MIXED: ("#BBBBBB", "..")}


def _percent(ax) -> None:
    ax.set_ylim(0, 1.08)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
    ax.yaxis.set_major_formatter(PercentFormatter(1))


def plot_levels(accuracy: Mapping[str, float], levels: Mapping[str, float], chance: float = 0.2) -> Figure:
    """Bars of ``accuracy`` [setting]; a thick line at its ``levels`` without binding, a thin one at chance."""
    figure, [ax] = new_figure(6.4, 3.3)
    for i, (setting, value) in enumerate(accuracy.items()):
        ax.bar(i, value, width=0.5, color=CLIP, label="CLIP, zero-shot" if i == 0 else None)
        inside = abs(value + 0.04 - levels[setting]) < 0.08  # the number must not lie on the line
        ax.text(
            i,
            value - 0.04 if inside else value + 0.02,
            f"{value:.2f}",
            ha="center",
            va="top" if inside else "bottom",
            fontsize=9,
            color="white" if inside else INK,
        )
        label = "attributes known, binding not" if i == 0 else None
        ax.plot([i - 0.38, i + 0.38], [levels[setting]] * 2, color=LEVEL, linewidth=3, label=label)
    ax.axhline(chance, color=CHANCE, linestyle="--", linewidth=1, zorder=0, label="chance, one in five")
    ax.set_xticks(range(len(accuracy)), [SETTING_NAMES[s] for s in accuracy])
    _percent(ax)
    ax.set_ylabel("right answers")
    figure.legend(ncols=3, frameon=False, loc="outside lower center", fontsize=9)
    return figure


def plot_two_ways(shares: Mapping[str, float]) -> Figure:
    """Horizontal bars from 1/2: how often the first caption of each comparison wins."""
    figure, [ax] = new_figure(7.2, 0.9 + 0.42 * len(shares))
    for row, value in enumerate(shares.values()):
        ax.barh(row, value - 0.5, left=0.5, height=0.6, color=CLIP)
        ax.text(max(value, 0.5) + 0.012, row, f"{value:.2f}", va="center", fontsize=9, color=INK)
    ax.axvline(0.5, color=QUIET, linewidth=1)
    ax.set_yticks(range(len(shares)), list(shares))
    ax.invert_yaxis()
    ax.set_xlim(0.3, 1.06)
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.set_xlabel("how often the true caption wins (a coin: 50%)")
    return figure


def plot_gaps(gaps: Mapping[str, Float[Tensor, "n 2"]]) -> Figure:
    """One panel a kind, one dot a scene with a left of b: right answers for "left" are to the right, for "right" up.

    Each panel has its own scale, since signs alone matter; gaps of rounding size are drawn at the origin.
    """
    figure, axes = new_figure(9.6, 2.4, columns=len(gaps))
    for ax, (kind, found) in zip(axes, gaps.items(), strict=True):
        largest = float(found.abs().max())
        reach = 1.1 * largest if largest > ROUNDING else 1.0
        ax.axhline(0, color=QUIET, linewidth=0.8)
        ax.axvline(0, color=QUIET, linewidth=0.8)
        ax.add_patch(Rectangle((0, 0), reach, reach, color=GOOD, alpha=0.12, linewidth=0))
        ax.scatter(found[:, 0].tolist(), (-found[:, 1]).tolist(), s=14, color=CLIP, zorder=3)
        ax.set_title(kind, fontsize=11)
        ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        ax.set_xticks([0])
        ax.set_yticks([0])
    axes[0].set_ylabel("b right a above\na right b", fontsize=9)
    axes[len(axes) // 2].set_xlabel("a left b above b left a", fontsize=9)
    return figure


def plot_heads(report: Mapping[str, Mapping[str, Mapping[str, float]]], level: Mapping[str, float]) -> Figure:
    """``report`` [setting][kind][split] right answers; a line at each setting's ``level`` without binding."""
    figure, axes = new_figure(7.2, 3.4, columns=len(report), sharey=True)
    for ax, (setting, kinds) in zip(axes, report.items(), strict=True):
        splits = list(next(iter(kinds.values())))
        width = 0.8 / len(splits)
        for j, split in enumerate(splits):
            color, hatch = SPLITS[split]
            places = [i + (j - (len(splits) - 1) / 2) * width for i in range(len(kinds))]
            heights = [found[split] for found in kinds.values()]
            ax.bar(places, heights, width=0.9 * width, color=color, hatch=hatch, edgecolor="white", label=split)
            for x, height in zip(places, heights, strict=True):
                if height < 0.005:
                    ax.text(x, 0.01, "0", ha="center", fontsize=7, color=INK)
        ax.axhline(0.2, color=CHANCE, linestyle="--", linewidth=1, zorder=0, label="chance")
        if level[setting] < 1:
            ax.axhline(level[setting], color=LEVEL, linewidth=1.5, zorder=0, label="without binding")
        ax.set_xticks(range(len(kinds)), list(kinds), fontsize=8.5)
        ax.set_title(SETTING_NAMES[setting], fontsize=10)
        _percent(ax)
    axes[0].set_ylabel("right answers")
    known = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(known.values(), known.keys(), ncols=3, frameon=False, loc="outside lower center", fontsize=9)
    return figure


def plot_cures(columns: Mapping[str, Mapping[str, Sequence[float]]], references: Mapping[str, float]) -> Figure:
    """One panel a quantity, one row a recipe: ``columns`` [quantity][recipe] the values of all seeds.

    A dot for each seed, a line for Student's 95% interval of the mean; ``references`` [quantity] is the level without
    binding.
    """
    recipes = list(next(iter(columns.values())))
    figure, axes = new_figure(7.2, 1.2 + 0.42 * len(recipes), columns=len(columns), sharey=True)
    for ax, (quantity, values) in zip(axes, columns.items(), strict=True):
        ax.axvline(references[quantity], color=LEVEL, linewidth=1.5)
        for row, recipe in enumerate(recipes):
            if len(values[recipe]) > 1:
                found = mean_interval(list(values[recipe]))
                ax.plot([max(0, found["low"]), min(1, found["high"])], [row, row], color=CLIP, linewidth=2.5, alpha=0.6)
            ax.scatter(values[recipe], [row] * len(values[recipe]), s=13, color=INK, zorder=3)
        ax.set_title(textwrap.fill(quantity, 11), fontsize=9.5)
        ax.set_xlim(-0.05, 1.05)
        ax.set_xticks([0, 0.5, 1], ["0", "½", "1"])
    axes[0].set_yticks(range(len(recipes)), [recipe.replace(", ", ",\n") for recipe in recipes], fontsize=9)
    axes[0].invert_yaxis()
    figure.supxlabel("share of right answers", fontsize=9.5)
    return figure


def conditions(table: Mapping[str, Sequence[Mapping[str, Any]]], *keys: str) -> dict[str, list[float]]:
    """One zero-shot number of every seed, for every recipe: ``conditions(table, "two", SEEN, "five-way")``."""
    from mechanisms.training.binding_sweep import MAIN, value

    names = {MAIN: "main recipe"}
    return {names.get(n, n): [value(found, "zero-shot", *keys) for found in runs] for n, runs in table.items()}
