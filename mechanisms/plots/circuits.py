"""Figures of chapter 03, circuit reuse.

- ``plot_heads``: scores of all heads, one map for each task; heads may have names, pruned ones are grey, those not
  measured have a dash;
- ``plot_accuracies``: accuracies as bars with a line at chance;
- ``plot_rows``: where one position looks, before and after;
- ``plot_overlaps``: the heads that tasks share with indirect objects, one dot for each seed, with chance;
- ``plot_repairs``: every seed's accuracy before and after, with its controls.

Functions take tensors or nested lists of numbers and return a matplotlib figure.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mechanisms.plots.style import GOOD, INK, QUIET, TOWARDS, new_figure

PRUNED = "#D9D9D9"
BAD = "#B3261E"
MARKS = {
    "base": (INK, "o", "unchanged"),
    "repaired": (GOOD, "s", "repaired"),
    "objects": ("#0072B2", "^", "onto objects"),
    "bos": ("#56B4E9", "v", "onto the start"),
    "least_inhibiting": (BAD, "x", "least inhibiting heads"),
}
TASK_COLORS = {"laundry lists": "#0072B2", "coloured objects": "#D55E00", "capitals (control)": "#767676"}


def plot_heads(
    scores: Mapping[str, torch.Tensor],
    title: str,
    roles: Mapping[tuple[int, int], str] | None = None,
    live: Sequence[Sequence[int]] | None = None,
    before: int | None = None,
    columns: int | None = None,
) -> Figure:
    """One map [layer, head] for each entry of ``scores``. ``roles`` (layer, head) -> name is written into the cells;
    heads that are not in ``live`` are grey. With ``before``, heads from that layer on were not measured: they get a
    dash in place of a number. ``columns`` maps stand side by side (default: all)."""
    columns = columns or len(scores)
    rows = -(-len(scores) // columns)
    wide, high = (3.6, 3.0) if roles else (2.6, 2.5)
    figure, axes = new_figure(wide * columns + 0.9, high * rows, columns=columns, rows=rows)
    for ax in axes[len(scores) :]:
        ax.set_visible(False)
    axes = axes[: len(scores)]
    kept = None if live is None else {tuple(head) for head in live}
    top = max(max(float(torch.as_tensor(values).abs().max()) for values in scores.values()), 1e-6)
    for ax, (name, values) in zip(axes, scores.items(), strict=True):
        values = torch.as_tensor(values)
        shown = values.clone().float()
        if kept is not None:
            for layer in range(len(values)):
                for head in range(values.shape[1]):
                    if (layer, head) not in kept:
                        shown[layer, head] = float("nan")
        colors = ax.imshow(shown, cmap=TOWARDS, vmin=-top, vmax=top, aspect="auto")
        ax.set_facecolor(PRUNED)
        for layer in range(len(values)):
            for head in range(values.shape[1]):
                value = float(values[layer, head])
                if kept is not None and (layer, head) not in kept:
                    continue
                number = f"{value:.1f}" if top > 2 else f"{round(value, 2) + 0.0:.2f}"
                if before is not None and layer >= before:
                    number = "–"
                text = number if roles is None else f"{_short(roles.get((layer, head), ''))}\n{number}"
                ink = "white" if abs(value) > 0.6 * top else INK
                ax.text(head, layer, text, ha="center", va="center", fontsize=7 if roles else 9, color=ink)
        ax.set_xticks(range(values.shape[1]))
        ax.set_yticks(range(len(values)))
        ax.set_xlabel("head")
        ax.set_title(name, fontsize=10)
        ax.spines[:].set_visible(False)
    for ax in axes[::columns]:
        ax.set_ylabel("layer")
    figure.colorbar(colors, ax=axes, shrink=0.8, aspect=12 * rows)
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    return figure


def _short(role: str) -> str:
    return "\n".join(textwrap.wrap("" if role == "nothing" else role, 11))


def plot_accuracies(values: Mapping[str, float], title: str, chance: float | None = None) -> Figure:
    """One bar for each entry; the first is the model as it is. ``chance`` draws a dashed line."""
    figure, [ax] = new_figure(7.4, 1.0 + 0.42 * len(values))
    rows = range(len(values))
    controls = ("control", "least", "listed")
    colors = [QUIET] + ["#56B4E9" if any(word in name for word in controls) else GOOD for name in list(values)[1:]]
    bars = ax.barh(rows, list(values.values()), color=colors, height=0.7)
    labels = ax.bar_label(bars, [f"{value:.1%}" for value in values.values()], padding=3, fontsize=9)
    for label in labels:  # a line at chance must not cross a number
        label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})
        label.set_zorder(4)
    ax.set_yticks(rows, ["\n".join(textwrap.wrap(name, 34)) for name in values])
    ax.invert_yaxis()
    ax.set_xlim(0, 1.12)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1])
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    if chance is not None:
        ax.axvline(chance, color=INK, linestyle="--", linewidth=1)
        ax.annotate("chance", (chance, 1), xycoords=("data", "axes fraction"), xytext=(3, 1),
                    textcoords="offset points", fontsize=8, va="bottom")  # fmt: skip
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    return figure


def plot_rows(words: Sequence[str], rows: Mapping[str, torch.Tensor], title: str) -> Figure:
    """Attention of one position over the words of a prompt: one line for each entry of ``rows`` (name -> [pos])."""
    values = torch.stack([torch.as_tensor(row) for row in rows.values()])
    figure, [ax] = new_figure(8.0, 1.5 + 0.4 * len(values))
    ax.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for y, row in enumerate(values.tolist()):
        for x, value in enumerate(row):
            if value >= 0.05:
                ink = "white" if value > 0.55 else INK
                ax.text(x, y, f"{value:.0%}", ha="center", va="center", fontsize=8, color=ink)
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set_xticks(range(len(words)), words, rotation=45, ha="right", fontsize=9)
    ax.set_title(title, loc="left", fontsize=10)
    return figure


def plot_overlaps(sweep: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """One panel for each condition: shared heads by union (dot, one for each seed in which both tasks have a circuit),
    their mean (line) and what random sets of the same sizes would share on average (grey cross)."""
    figure, axes = new_figure(4.0 * len(sweep) + 0.6, 3.3, columns=len(sweep), sharey=True)
    for ax, (name, tried) in zip(axes, sweep.items(), strict=True):
        runs = _measured(tried)
        for place, (task, color) in enumerate(TASK_COLORS.items()):
            able = [run for run in runs if run["tasks"]["indirect objects"]["heads"] and run["tasks"][task]["heads"]]
            shares = [run["overlap"][task]["of_union"] for run in able]
            if not able:
                continue
            spread = torch.linspace(-0.16, 0.16, len(able)).tolist() if len(able) > 1 else [0.0]
            ax.scatter([place + s for s in spread], shares, color=color, s=28, zorder=3)
            mean = sum(shares) / len(shares)
            ax.plot([place - 0.26, place + 0.26], [mean, mean], color=color, linewidth=2)
            random = [by_union(run, task) for run in able]
            ax.scatter([place + 0.34], [sum(random) / len(random)], color=QUIET, marker="x", zorder=3)
        ax.set_xticks(range(len(TASK_COLORS)), [task.replace(" ", "\n", 1) for task in TASK_COLORS], fontsize=9)
        ax.set_xlim(-0.5, 2.6)
        ax.set_ylim(0, 1.05)
        ax.yaxis.set_major_formatter(PercentFormatter(1))
        ax.set_title(f"{name}: {len(runs)} seeds", loc="left", fontsize=10)
    axes[0].set_ylabel("heads shared with\nindirect objects, of the union")
    figure.suptitle("dot: one model · line: mean · ×: random sets of the same sizes", fontsize=9, x=0.01, ha="left")
    return figure


def _measured(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Without the seeds that were trained no further (``mechanisms.training.circuits_sweep``)."""
    return [run for run in runs if "repair" in run]


def by_union(run: Mapping[str, Any], task: str) -> float:
    """Expected shared heads of random sets, as a share of the union that they would have on average."""
    expected = run["overlap"][task]["expected"]
    sizes = len(run["tasks"]["indirect objects"]["heads"]) + len(run["tasks"][task]["heads"])
    return expected / (sizes - expected)


def plot_repairs(runs: Sequence[Mapping[str, Any]], kind: str, chosen_on: int) -> Figure:
    """An arrow from unchanged to repaired for every seed that was measured, and the accuracies under the controls."""
    runs = _measured(runs)
    figure, [ax] = new_figure(7.4, 1.3 + 0.45 * len(runs))
    for row, run in enumerate(runs):
        found = run["repair"][kind]
        arrow = {"arrowstyle": "-|>", "color": GOOD, "linewidth": 2, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", (found["repaired"], row), (found["base"], row), arrowprops=arrow)
        for key, (color, marker, label) in MARKS.items():
            ax.scatter(found[key], row, color=color, marker=marker, s=34, zorder=3, label=label if row == 0 else None)
    names = [f"seed {run['seed']}" + (" (rule chosen here)" if run["seed"] == chosen_on else "") for run in runs]
    ax.set_yticks(range(len(runs)), names)
    ax.invert_yaxis()
    ax.axvline(1 / 3, color=INK, linestyle="--", linewidth=0.8)
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.set_xlabel("accuracy on coloured objects that were never asked about (dashed: chance among three)")
    figure.legend(frameon=False, loc="outside upper center", ncols=5, fontsize=8)
    return figure
