"""Figures, the slider and the claims table: they draw what they are given, and say it in words too."""

from __future__ import annotations

import io
import re

import pytest
import torch

from mechanisms.plots import claims
from mechanisms.plots import factual_recall as plots
from mechanisms.plots.claims import table
from mechanisms.widgets import alpha_page, alpha_slider
from mechanisms.widgets.alpha import rates_svg

RATES = {"in_context": 0.5, "memorised": 0.3, "other": 0.2}
ALPHAS = [-1.0, 0.0, 1.0, 2.0]


def sweep(*shape):
    return torch.rand(*shape, 3, generator=torch.Generator().manual_seed(0)).softmax(-1)


def draw(name):
    dev, unrelated = sweep(2, 3, 4), torch.full((2, 3, 4), 0.9)
    parts = {"heads": torch.randn(5, 2, 3), "mlps": torch.randn(5, 2), "embed": torch.randn(5), "bias": torch.zeros(5)}
    effect = {"bin_frequency": [0.0, 1.0], "bin_share": [0.2, 0.4], "rho": 0.5, "low": -0.1, "high": 0.8}
    choice = {"layer": 1, "head": 2, "alpha": 2.0, "dev": 0.5, "held_out": 0.4}
    return {
        "recall": lambda: plots.plot_recall(torch.tensor([True] * 9 + [False] * 3)),
        "outcomes": lambda: plots.plot_outcomes({"one": RATES, "two": RATES}),
        "parts": lambda: plots.plot_parts(parts, torch.randn(5)),
        "alpha": lambda: plots.plot_alpha(ALPHAS, sweep(4), "title", unrelated=[0.9] * 4),
        "choice": lambda: plots.plot_choice(dev, dev, unrelated, ALPHAS, 0.05, choice),
        "frequency": lambda: plots.plot_frequency(torch.arange(9.0), torch.rand(9), effect, "log frequency"),
    }[name]()


@pytest.mark.parametrize("name", ["recall", "outcomes", "parts", "alpha", "choice", "frequency"])
def test_every_figure_can_be_drawn_and_is_closed(name):
    import matplotlib.pyplot as plt

    figure, buffer = draw(name), io.BytesIO()
    figure.savefig(buffer, format="png", dpi=40)
    assert buffer.getvalue().startswith(b"\x89PNG") and plt.get_fignums() == []


def test_the_bars_are_told_in_words():
    assert 'aria-label="in-context 50%, memorised 30%, other 20%"' in rates_svg(RATES)


def test_the_slider_redraws_once_per_new_setting():
    asked = []

    def rates_at(layer, head, alpha):
        asked.append((layer, head, alpha))
        return {"in_context": 0.25 if alpha == 1 else 0.75, "memorised": 0.25, "other": 0.0}

    slider = alpha_slider(rates_at, n_layers=2, n_heads=2, layer=1)
    assert "25%" in slider.bars.value
    slider.alpha.value = 4.0
    assert "75%" in slider.bars.value
    slider.alpha.value = 1.0
    slider.head.value = 1
    assert asked == [(1, 0, 1.0), (1, 0, 4.0), (1, 1, 1.0)]


def test_the_slider_shows_a_students_error_as_text():
    def broken(layer, head, alpha):
        raise ValueError("<wrong>")

    shown = alpha_slider(broken, n_layers=1, n_heads=1).bars.value
    assert "ValueError: &lt;wrong&gt;" in shown


def test_the_pages_slider_needs_nothing_from_elsewhere():
    page = alpha_page(ALPHAS, sweep(4).tolist(), "A <title>")._repr_html_()
    assert "http" not in page and "A &lt;title&gt;" in page and 'value="2"' in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_the_claims_table_reads_the_card(monkeypatch):
    steered = {"layer": 2, "head": 3, "alpha": -4.0, "held_out": RATES, "recall_without_context": 0.99}
    trend = {"rho": -0.4, "low": -0.5, "high": -0.3, "n": 180}
    measured = {
        "conflict_recalled_countries": RATES,
        "one_head": {"in_context": steered, "memorised": steered},
        "frequency_trend_recalled": trend,
        "city_frequency_trend": trend,
    }
    monkeypatch.setattr(table, "card", lambda name: {"measured": measured})
    shown = claims.claims_table(claims.FACTUAL_RECALL)
    assert all(len(row) == len(shown.header) == 3 for row in shown.rows)
    assert "50% (head 2.3, α = -4; recall without context 99%)" in repr(shown)
    mine = claims.claims_table(claims.FACTUAL_RECALL, {"in_context": "41%"})
    assert mine.rows[0][-1] == "41%" and "<td" in mine._repr_html_()


def test_the_real_card_has_everything_the_table_asks_for():
    assert len(claims.claims_table(claims.FACTUAL_RECALL).rows) == len(claims.FACTUAL_RECALL)
