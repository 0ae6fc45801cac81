"""Exercise 2.6, ``frequency_effect``: bins of equal count, Spearman and a bootstrap interval.

- drawn shares that fall with frequency, with and without ties; bins, correlation and interval earn points apart.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw_frequency(rng: Rng, parts: list[str], ties: bool = True) -> dict[str, Any]:
    n, bins, boots = int(rng.integers(23, 38)), int(rng.integers(3, 6)), 60
    log_frequency = rng.permutation(-1.3 * np.log(np.arange(1, n + 1)) + 0.001 * rng.random(n))
    noise = rng.normal(scale=0.25, size=n)
    share = 1 / (1 + np.exp(0.8 * (log_frequency - log_frequency.mean()))) + noise
    share = np.clip(share, 0, 1)
    if ties:  # a share of few prompts takes few values
        share = np.round(share * 6) / 6
        log_frequency[rng.permutation(n)[:5]] = log_frequency[0]
    return {
        "log_frequency": torch.tensor(log_frequency, dtype=torch.float32),
        "in_context_share": torch.tensor(share, dtype=torch.float32),
        "resamples": torch.tensor(rng.integers(0, n, size=(boots, n))),
        "n_bins": bins,
        "parts": parts,
    }


def uses_pearson(log_frequency, in_context_share, resamples, n_bins):
    def pearson(x, y):
        return torch.corrcoef(torch.stack([x, y]).double())[0, 1]

    bins = log_frequency.argsort(stable=True).tensor_split(n_bins)
    boot = torch.stack([pearson(log_frequency[rows], in_context_share[rows]) for rows in resamples])
    return {
        "bin_frequency": torch.stack([log_frequency[rows].mean() for rows in bins]),
        "bin_share": torch.stack([in_context_share[rows].mean() for rows in bins]),
        "rho": pearson(log_frequency, in_context_share).item(),
        "low": boot.quantile(0.025).item(),
        "high": boot.quantile(0.975).item(),
    }


def takes_argsort_for_ranks(log_frequency, in_context_share, resamples, n_bins):
    def spearman(x, y):
        return torch.corrcoef(torch.stack([x.argsort(stable=True), y.argsort(stable=True)]).double())[0, 1]

    bins = log_frequency.argsort(stable=True).tensor_split(n_bins)
    boot = torch.stack([spearman(log_frequency[rows], in_context_share[rows]) for rows in resamples])
    return {
        "bin_frequency": torch.stack([log_frequency[rows].mean() for rows in bins]),
        "bin_share": torch.stack([in_context_share[rows].mean() for rows in bins]),
        "rho": spearman(log_frequency, in_context_share).item(),
        "low": boot.quantile(0.025).item(),
        "high": boot.quantile(0.975).item(),
    }


def breaks_ties_by_order(log_frequency, in_context_share, resamples, n_bins):
    def ranks(x):
        return x.argsort(stable=True).argsort()

    def spearman(x, y):
        return torch.corrcoef(torch.stack([ranks(x), ranks(y)]).double())[0, 1]

    bins = log_frequency.argsort(stable=True).tensor_split(n_bins)
    boot = torch.stack([spearman(log_frequency[rows], in_context_share[rows]) for rows in resamples])
    return {
        "bin_frequency": torch.stack([log_frequency[rows].mean() for rows in bins]),
        "bin_share": torch.stack([in_context_share[rows].mean() for rows in bins]),
        "rho": spearman(log_frequency, in_context_share).item(),
        "low": boot.quantile(0.025).item(),
        "high": boot.quantile(0.975).item(),
    }


def makes_bins_of_equal_width(log_frequency, in_context_share, resamples, n_bins):
    from scipy.stats import spearmanr

    edges = torch.linspace(log_frequency.min().item(), log_frequency.max().item(), n_bins + 1)
    index = torch.bucketize(log_frequency, edges[1:-1])
    frequency, share = torch.zeros(n_bins), torch.zeros(n_bins)
    for i in range(n_bins):
        if (index == i).any():
            frequency[i] = log_frequency[index == i].mean()
            share[i] = in_context_share[index == i].mean()
    boot = torch.tensor([spearmanr(log_frequency[rows], in_context_share[rows]).statistic for rows in resamples])
    return {
        "bin_frequency": frequency,
        "bin_share": share,
        "rho": float(spearmanr(log_frequency, in_context_share).statistic),
        "low": boot.quantile(0.025).item(),
        "high": boot.quantile(0.975).item(),
    }


def resamples_one_side_only(log_frequency, in_context_share, resamples, n_bins):
    from scipy.stats import spearmanr

    bins = log_frequency.argsort(stable=True).tensor_split(n_bins)
    boot = torch.tensor([spearmanr(log_frequency, in_context_share[rows]).statistic for rows in resamples])
    return {
        "bin_frequency": torch.stack([log_frequency[rows].mean() for rows in bins]),
        "bin_share": torch.stack([in_context_share[rows].mean() for rows in bins]),
        "rho": float(spearmanr(log_frequency, in_context_share).statistic),
        "low": boot.quantile(0.025).item(),
        "high": boot.quantile(0.975).item(),
    }


def gives_the_range_of_the_bootstrap(log_frequency, in_context_share, resamples, n_bins):
    from scipy.stats import spearmanr

    bins = log_frequency.argsort(stable=True).tensor_split(n_bins)
    boot = torch.tensor([spearmanr(log_frequency[rows], in_context_share[rows]).statistic for rows in resamples])
    return {
        "bin_frequency": torch.stack([log_frequency[rows].mean() for rows in bins]),
        "bin_share": torch.stack([in_context_share[rows].mean() for rows in bins]),
        "rho": float(spearmanr(log_frequency, in_context_share).statistic),
        "low": boot.min().item(),
        "high": boot.max().item(),
    }


def effect_with_scipy(log_frequency, in_context_share, resamples, n_bins):
    from scipy.stats import spearmanr

    x, y = log_frequency.double().numpy(), in_context_share.double().numpy()
    order = np.argsort(x, kind="stable")
    boot = [spearmanr(x[rows], y[rows]).statistic for rows in resamples.numpy()]
    low, high = np.percentile(boot, [2.5, 97.5])
    return {
        "bin_frequency": torch.tensor([x[rows].mean() for rows in np.array_split(order, n_bins)]),
        "bin_share": torch.tensor([y[rows].mean() for rows in np.array_split(order, n_bins)]),
        "rho": spearmanr(x, y).statistic,
        "low": low,
        "high": high,
    }


def effect_all_at_once(log_frequency, in_context_share, resamples, n_bins):
    def ranks(x):  # [..., n]
        less = (x[..., None, :] < x[..., :, None]).sum(-1)
        same = (x[..., None, :] == x[..., :, None]).sum(-1)
        return (less + 0.5 * same).double()

    def correlation(a, b):
        a, b = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
        return (a * b).sum(-1) / (a.square().sum(-1) * b.square().sum(-1)).sqrt()

    rho = correlation(ranks(log_frequency), ranks(in_context_share))
    boot = correlation(ranks(log_frequency[resamples]), ranks(in_context_share[resamples]))
    x, order = log_frequency.sort(stable=True)
    y = in_context_share[order]
    low, high = torch.quantile(boot, torch.tensor([0.025, 0.975], dtype=torch.double)).tolist()
    return {
        "bin_frequency": torch.stack([piece.mean() for piece in x.tensor_split(n_bins)]),
        "bin_share": torch.stack([piece.mean() for piece in y.tensor_split(n_bins)]),
        "rho": float(rho),
        "low": low,
        "high": high,
    }


EXERCISE = Exercise(
    name="frequency_effect",
    card=Card(
        title="Measure a trend, with an interval",
        difficulty=3,
        minutes=15,
        why="A line through eight points always seems to go somewhere. Ranks survive the long tail of word "
        "frequencies, and an interval says whether another draw of countries could have shown the opposite.",
        paper="The frequency analysis: answers against the frequency of country and city in the pretraining data.",
    ),
    groups=(
        Group(
            "bins of equal count",
            3,
            partial(_draw_frequency, parts=["bin_frequency", "bin_share"], ties=False),
            hint="Sort the countries by log_frequency, cut the sorted list into n_bins pieces, average both tensors "
            "in each.",
        ),
        Group(
            "Spearman's correlation",
            3,
            partial(_draw_frequency, parts=["rho"]),
            hint="The correlation of ranks, from rare to frequent; equal values share the mean of their ranks.",
        ),
        Group(
            "bootstrap interval",
            3,
            partial(_draw_frequency, parts=["low", "high"]),
            hint="For every row of resamples index both tensors with that row, compute ρ, then take the quantiles "
            "0.025 and 0.975.",
        ),
    ),
    mistakes=(
        Mistake(
            uses_pearson,
            "This is Pearson's correlation of the values, which a few very frequent countries can dominate. "
            "Spearman's ρ is the same formula on the ranks.",
            3,
        ),
        Mistake(
            takes_argsort_for_ranks,
            "argsort lists who stands at each place, not which place each one has. Ranks are the inverse of that "
            "(argsort of argsort, before ties are shared).",
            3,
        ),
        Mistake(
            breaks_ties_by_order,
            "Equal values got different ranks, by their order in the list. Let ties share the mean of their ranks: a "
            "bootstrap sample contains the same country several times, so ties are everywhere.",
            3,
        ),
        Mistake(
            makes_bins_of_equal_width,
            "Your bins have equal width, so some hold hardly any country and an empty one shows a share of 0 that "
            "nobody measured. Cut the sorted list into pieces of equal count.",
            6,
        ),
        Mistake(
            resamples_one_side_only,
            "Your bootstrap draws shares without their frequencies, which tears the pairs apart and gives an "
            "interval around 0. Index both tensors with the same row.",
            6,
        ),
        Mistake(
            gives_the_range_of_the_bootstrap,
            "low and high are the extremes of the bootstrap, which grow with the number of rows. A 95% interval "
            "leaves 2.5% on each side: quantiles 0.025 and 0.975.",
            6,
        ),
    ),
    variants=(effect_with_scipy, effect_all_at_once),
    probe="ch02.part",
)
