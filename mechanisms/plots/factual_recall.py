"""Figures of chapter 02, factual recall.

- ``plot_recall``: what the model remembers, by how often it met the country;
- ``plot_outcomes``: the three classes of answers as stacked bars;
- ``plot_parts``: the logit difference taken apart, heads as a map, the rest as bars;
- ``plot_alpha``: the three rates against one head's scale;
- ``plot_choice``: every setting on development and held-out prompts, with the one that was chosen;
- ``plot_frequency``: in-context share against log-frequency, with equal-count bins.

Functions take tensors or nested lists of numbers and return a matplotlib figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mechanisms.plots.style import GOOD, INK, OUTCOMES, QUIET, TOWARDS, new_figure

CLASSES = tuple(OUTCOMES)


def plot_recall(recalled: torch.Tensor, bands: int = 6) -> Figure:
    """Share of countries recalled without context, in ``bands`` bands of equal size.

    ``recalled`` [country] bool, most frequent country first.
    """
    shares = [band.float().mean().item() for band in torch.as_tensor(recalled).tensor_split(bands)]
    figure, [ax] = new_figure(6.0, 2.6)
    bars = ax.bar(range(bands), shares, color=GOOD)
    ax.bar_label(bars, [f"{share:.0%}" for share in shares], padding=2, fontsize=9)
    middle = [""] * (bands - 2)
    ax.set_xticks(range(bands), ["most frequent\ncountries", *middle, "rarest\ncountries"])
    ax.set_ylim(0, 1.15)
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set_ylabel("capital recalled")
    ax.set_title("The question alone: what the model remembers", loc="left")
    return figure


def plot_outcomes(rates: Mapping[str, Mapping[str, float]]) -> Figure:
    """One stacked bar for each entry of ``rates``: name -> {in_context, memorised, other}, shares of 1."""
    figure, [ax] = new_figure(7.0, 1.3 + 0.55 * len(rates))
    for row, shares in enumerate(rates.values()):
        left = 0.0
        for key, mark in OUTCOMES.items():
            width = float(shares[key])
            label = mark.name if row == 0 else None
            ax.barh(
                row, width, left=left, color=mark.color, hatch=mark.hatch, edgecolor="white", label=label, height=0.7
            )
            if width > 0.06:
                box = {"facecolor": mark.color, "edgecolor": "none", "pad": 1.5}
                ax.text(left + width / 2, row, f"{width:.0%}", ha="center", va="center", color=mark.ink, bbox=box)
            left += width
    ax.set_yticks(range(len(rates)), list(rates))
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    figure.legend(ncols=3, frameon=False, loc="outside upper center")
    return figure


def plot_parts(parts: Mapping[str, torch.Tensor], difference: torch.Tensor | None = None) -> Figure:
    """The mean over prompts of each part of the logit difference (in-context minus memorised).

    ``parts``: heads [batch, layer, head], mlps [batch, layer], embed [batch], bias [batch].
    ``difference`` [batch]: the model's own logit difference, drawn as a line beside the sum of the parts.
    """
    heads = torch.as_tensor(parts["heads"]).float().mean(0)
    mlps = torch.as_tensor(parts["mlps"]).float().mean(0)
    layers, count = heads.shape
    figure, [left, right] = new_figure(9.0, 3.4, columns=2, width_ratios=[1.15, 1])

    limit = max(heads.abs().max().item(), 1e-9)
    image = left.imshow(heads, cmap=TOWARDS, vmin=-limit, vmax=limit, aspect="auto")
    if layers * count <= 64:
        for layer in range(layers):
            for head in range(count):
                value = heads[layer, head].item()
                ink = "white" if abs(value) > 0.6 * limit else INK
                left.text(head, layer, f"{value:+.2f}", ha="center", va="center", color=ink, fontsize=8)
        left.set_xticks(range(count))
        left.set_yticks(range(layers))
    left.set(xlabel="head", ylabel="layer")
    left.set_title("Heads: blue → in-context, red → memorised", loc="left", fontsize=10)
    figure.colorbar(image, ax=left, label="logits")

    names = ["embed", "heads", *(f"MLP {layer}" for layer in range(layers)), "bias"]
    values = [_mean(parts["embed"]), heads.sum().item(), *mlps.tolist(), _mean(parts["bias"])]
    total = sum(values)
    colors = [OUTCOMES["in_context"].color if value > 0 else OUTCOMES["memorised"].color for value in values]
    right.barh([*names, "sum"], [*values, total], color=[*colors, QUIET])
    right.axvline(0, color=INK, linewidth=0.8)
    if difference is not None:
        right.axvline(_mean(difference), color=INK, linestyle="--", linewidth=1.2, label="the model's own")
        right.legend(frameon=False, fontsize=8, loc="best")
    right.invert_yaxis()
    right.set_title("All parts: do they add up?", loc="left", fontsize=10)
    right.set_xlabel("logits, in-context − memorised")
    if layers > 12:
        right.tick_params(axis="y", labelsize=6)
    return figure


def plot_alpha(
    alphas: Sequence[float], rates: torch.Tensor, title: str = "", unrelated: Sequence[float] | None = None
) -> Figure:
    """The three rates [alpha, 3] of one head against its scale; ``unrelated``: accuracy elsewhere, as a dotted line."""
    rates = torch.as_tensor(rates)
    figure, [ax] = new_figure(7.0, 3.2)
    for i, mark in enumerate(OUTCOMES.values()):
        ax.plot(alphas, rates[:, i], color=mark.color, marker=mark.marker, markeredgecolor=INK, label=mark.name)
    if unrelated is not None:
        ax.plot(alphas, unrelated, color=GOOD, linestyle=":", marker="x", label="unrelated prompts right")
    ax.axvline(1, color=QUIET, linewidth=1)
    ax.annotate(
        "unchanged\nmodel", (1, 1.0), xytext=(4, -2), textcoords="offset points", va="top", fontsize=8, color=QUIET
    )
    ax.set_ylim(-0.03, 1.05)
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set(xlabel="α, the factor on the head's value vectors", ylabel="share of answers")
    ax.set_title(title, loc="left")
    figure.legend(frameon=False, loc="outside right center")
    return figure


def plot_choice(
    dev: torch.Tensor,
    held_out: torch.Tensor,
    unrelated: torch.Tensor,
    alphas: Sequence[float],
    max_loss: float,
    choice: Mapping,
) -> Figure:
    """Every setting of head and α as a dot: in-context rate on development prompts against the held-out ones.

    ``dev``, ``held_out`` [layer, head, alpha, 3]; ``unrelated`` [layer, head, alpha]; ``choice``: the answer of
    ``choose_head``. Settings that lose more than ``max_loss`` elsewhere are crosses.
    """
    dev, held_out, unrelated = (torch.as_tensor(x) for x in (dev, held_out, unrelated))
    baseline = unrelated[:, :, list(alphas).index(1.0)][..., None]
    allowed = baseline - unrelated <= max_loss
    figure, [ax] = new_figure(5.2, 4.2)
    ax.plot([0, 1], [0, 1], color=QUIET, linewidth=1)
    for keep, marker, color, label in (
        (~allowed, "x", OUTCOMES["memorised"].color, "breaks too much elsewhere"),
        (allowed, "o", OUTCOMES["in_context"].color, "within the budget"),
    ):
        ax.scatter(dev[..., 0][keep], held_out[..., 0][keep], s=22, marker=marker, color=color, label=label, alpha=0.7)
    unchanged = [split[0, 0, list(alphas).index(1.0), 0] for split in (dev, held_out)]
    ax.scatter(*unchanged, s=110, marker="*", color=INK, label="unchanged model", zorder=3)
    ax.scatter(choice["dev"], choice["held_out"], s=170, facecolors="none", edgecolors=INK, linewidths=1.8)
    name = f"head {choice['layer']}.{choice['head']}, α = {choice['alpha']:g}"
    ax.annotate(
        name, (choice["dev"], choice["held_out"]), xytext=(-10, 12), textcoords="offset points", ha="right", va="bottom"
    )
    ax.set(
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        xlabel="in-context rate, development",
        ylabel="in-context rate, held out",
    )
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.legend(frameon=False, loc="lower right", fontsize=9)
    return figure


def plot_frequency(
    log_frequency: torch.Tensor, share: torch.Tensor, effect: Mapping, xlabel: str, dot: str = "one country"
) -> Figure:
    """One dot per country (or what ``dot`` says), the bins of ``frequency_effect`` as a line, ρ with its interval."""
    figure, [ax] = new_figure(7.0, 3.2)
    mark = OUTCOMES["in_context"]
    ax.scatter(log_frequency, share, s=14, color=QUIET, alpha=0.45, label=dot)
    ax.plot(effect["bin_frequency"], effect["bin_share"], color=mark.color, marker="o", label="mean of a bin")
    ax.set_ylim(-0.04, 1.04)
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set(xlabel=xlabel, ylabel="in-context share")
    interval = f"{effect['low']:+.2f} to {effect['high']:+.2f}"
    ax.set_title(f"Spearman ρ = {effect['rho']:+.2f}, 95% interval {interval}", loc="left")
    ax.legend(frameon=False, loc="best", fontsize=9)
    return figure


def _mean(values: torch.Tensor) -> float:
    return torch.as_tensor(values).float().mean().item()
