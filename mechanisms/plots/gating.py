"""Figures of chapter 05, working-memory gating.

- ``plot_rules``: how far short rules get, in answers and in whole sequences;
- ``plot_balance``: the share of "same" by place in the stream;
- ``plot_curve``: one training curve against the rules;
- ``plot_attention``: where one query of the second layer looks;
- ``plot_gates``: the share of each edit's effect that keys, queries and values carry;
- ``plot_seeds``: the curves of many seeds, those that never made it included;
- ``plot_controls``: effects through keys and queries in the controls, means over seeds with intervals.

Functions take tensors or nested lists of numbers and return a matplotlib figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mechanisms.plots.style import GOOD, INK, QUIET, new_figure

KINDS = {"keys": ("#0072B2", ""), "queries": ("#D55E00", "//"), "values": ("#999999", "..")}
EDITS = {
    "instruction": "store ↔ ignore\nin an earlier tuple",
    "role": "register\nof an earlier tuple",
    "query": "register\nof the last tuple",
}
HEADS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


def plot_rules(scores: Mapping[str, tuple[float, float]]) -> Figure:
    """One pair of bars for each rule: ``scores`` name -> (share of answers, share of whole sequences)."""
    figure, [ax] = new_figure(7.0, 0.9 + 0.5 * len(scores))
    rows = torch.arange(len(scores)).float()
    for shift, (name, color, hatch) in enumerate((("answers", GOOD, ""), ("whole sequences", QUIET, "//"))):
        values = [score[shift] for score in scores.values()]
        bars = ax.barh(rows + 0.38 * shift - 0.19, values, height=0.36, color=color, hatch=hatch, edgecolor="white")
        ax.bar_label(bars, [f"{value:.1%}" for value in values], padding=3, fontsize=8)
        bars.set_label(name)
    ax.set_yticks(rows, list(scores))
    ax.invert_yaxis()
    ax.set_xlim(0, 1.12)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1])
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    figure.legend(ncols=2, frameon=False, loc="outside upper center")
    return figure


def plot_balance(same: torch.Tensor, filled: torch.Tensor) -> Figure:
    """Share of "same" among all tuples, and among those whose register holds something, by place in the stream.

    ``same`` and ``filled`` [stream, tuple] bool.
    """
    same, filled = torch.as_tensor(same).float(), torch.as_tensor(filled).float()
    figure, [ax] = new_figure(6.4, 2.8)
    places = range(1, same.shape[1] + 1)
    ax.plot(places, same.mean(0), color=QUIET, marker="s", label="all tuples")
    among = (same * filled).sum(0) / filled.sum(0).clamp(min=1)
    among[filled.sum(0) == 0] = float("nan")
    ax.plot(places, among, color=GOOD, marker="o", label="register holds something")
    ax.axhline(0.5, color=INK, linewidth=0.8)
    ax.set_ylim(0, 0.8)
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set(xlabel="place of the tuple in its stream", ylabel="answer is “same”")
    figure.legend(frameon=False, loc="outside right center")
    return figure


def _rule_lines(ax, rules: Mapping[str, float], label: bool = True) -> None:
    """Dashed lines for the rules within the axis' limits, named beside its right end."""
    low, high = ax.get_ylim()
    for name, value in rules.items():
        if not low <= value <= high:
            continue
        ax.axhline(value, color=QUIET, linestyle="--", linewidth=1)
        if label:
            ax.annotate(
                f"{name}\n{value:.1%}", (1, value), xycoords=("axes fraction", "data"), xytext=(4, 0),
                textcoords="offset points", ha="left", va="center", fontsize=8, color=QUIET,
            )  # fmt: skip


def plot_curve(curve: Sequence[Mapping[str, float]], rules: Mapping[str, float], title: str = "") -> Figure:
    """Accuracy on ordinary and on adversarial items, and the loss, by training step; ``rules`` as dashed lines."""
    steps = [row["step"] for row in curve]
    figure, [left, right] = new_figure(8.2, 3.2, columns=2, width_ratios=[1.9, 1])
    left.plot(steps, [row["accuracy"] for row in curve], color=GOOD, label="ordinary sequences, every answer")
    if curve and "adversarial" in curve[0]:
        left.plot(steps, [row["adversarial"] for row in curve], color=HEADS[1], linestyle="-.", label="adversarial")
    left.set_ylim(0.45, 1.02)
    _rule_lines(left, rules)
    left.yaxis.set_major_formatter(PercentFormatter(1))
    left.set(xlabel="training step", ylabel="accuracy")
    left.set_title(title, loc="left", fontsize=10)
    left.legend(frameon=False, fontsize=8, loc="lower right")
    right.plot(steps, [row["loss"] for row in curve], color=INK)
    right.set_yscale("log")
    right.set(xlabel="training step", ylabel="loss at the answers (log scale)")
    return figure


def plot_attention(words: Sequence[str], pattern: torch.Tensor, title: str = "") -> Figure:
    """Attention of the last position to every position, ``pattern`` [head, pos], over the words of the stream."""
    pattern = torch.as_tensor(pattern)
    figure, [ax] = new_figure(8.4, 1.1 + 0.45 * len(pattern))
    shown = ax.imshow(pattern, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    bar = figure.colorbar(shown, ax=ax, pad=0.01, fraction=0.03, ticks=[0, 0.5, 1])
    bar.set_label("attention", fontsize=8)
    ax.set_yticks(range(len(pattern)), [f"head 1.{head}" for head in range(len(pattern))])
    ax.set_xticks(range(len(words)), words, rotation=90, fontsize=8)
    for start in range(4, len(words), 4):
        ax.axvline(start - 0.5, color=QUIET, linewidth=0.6)
    ax.set_title(title, loc="left", fontsize=10)
    return figure


def plot_gates(effects: Mapping[str, Mapping[str, float]], title: str = "") -> Figure:
    """For every edit three bars: the share of its effect that patching keys, queries or values carries."""
    figure, [ax] = new_figure(7.4, 3.2)
    for shift, (kind, (color, hatch)) in enumerate(KINDS.items()):
        places = [i + 0.27 * (shift - 1) for i in range(len(effects))]
        values = [
            max(float(found[kind]), 0.0) if abs(found[kind]) < 0.005 else found[kind] for found in effects.values()
        ]
        bars = ax.bar(places, values, width=0.25, color=color, hatch=hatch, edgecolor="white", label=kind)
        ax.bar_label(bars, [f"{round(value, 2) + 0.0:.2f}" for value in values], padding=2, fontsize=8)
    ax.axhline(0, color=INK, linewidth=0.8)
    ax.set_xticks(range(len(effects)), [EDITS.get(edit, edit) for edit in effects])
    ax.set_ylim(min(-0.05, ax.get_ylim()[0]), 1.15)
    ax.set_ylabel("share of the edit's effect")
    ax.set_title(title, loc="left")
    figure.legend(title="patched", frameon=False, loc="outside right center")
    return figure


def plot_seeds(
    curves: Mapping[str, Sequence[Sequence[Mapping[str, float]]]], rules: Mapping[str, float], level: float = 0.99
) -> Figure:
    """One panel for each condition, one line for each seed; seeds below ``level`` in the end are dashed and red."""
    figure, axes = new_figure(2.5 * len(curves) + 0.8, 2.9, columns=len(curves))
    longest = max(curve[-1]["step"] for runs in curves.values() for curve in runs)
    for ax, (name, runs) in zip(axes, curves.items(), strict=True):
        failed = 0
        for curve in runs:
            made_it = curve[-1]["accuracy"] >= level
            failed += not made_it
            style = {"color": GOOD, "alpha": 0.75} if made_it else {"color": "#B3261E", "linestyle": "--"}
            ax.plot([row["step"] for row in curve], [row["accuracy"] for row in curve], linewidth=1.2, **style)
        ax.set_ylim(0.8, 1.005)
        ax.set_xlim(0, longest)  # the same for all, or half of the steps would look like all of them
        _rule_lines(ax, rules, label=ax is axes[-1])
        ax.set_yticks([0.8, 0.85, 0.9, 0.95, 1.0])
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        ax.set_xlabel("training step")
        ax.set_title(f"{name}\n{len(runs) - failed} of {len(runs)} end at {level:.0%} or above", loc="left", fontsize=9)
    axes[0].set_ylabel("accuracy, ordinary sequences")
    return figure


def plot_controls(effects: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Figure:
    """Effects with intervals: ``effects`` condition -> label -> {"mean", "low", "high"}; 1 is a full turn."""
    figure, [ax] = new_figure(7.4, 0.9 + 0.75 * len(effects))
    labels = list(next(iter(effects.values())))
    for shift, label in enumerate(labels):
        color = HEADS[shift]
        for row, found in enumerate(effects.values()):
            value, y = found[label], row + 0.24 * (shift - (len(labels) - 1) / 2)
            error = [[value["mean"] - value["low"]], [value["high"] - value["mean"]]]
            ax.errorbar(
                value["mean"], y, xerr=error, color=color, marker="os^D"[shift], capsize=3, linestyle="none",
                label=label if row == 0 else None,
            )  # fmt: skip
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.axvline(1, color=QUIET, linewidth=0.8, linestyle="--")
    ax.set_yticks(range(len(effects)), list(effects))
    ax.invert_yaxis()
    ax.set_xlabel("effect of the patch (1 = turns the model's usual answer round)")
    figure.legend(frameon=False, loc="outside upper center", ncols=2)
    return figure
