"""What chapter 02, factual recall, claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mechanisms.plots.claims.table import Claim, interval


def _outcome(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda report: f"{report['conflict_recalled_countries'][name]:.0%}"


def _steered(goal: str) -> Callable[[Mapping[str, Any]], str]:
    def read(report: Mapping[str, Any]) -> str:
        found = report["one_head"][goal]
        where = f"head {found['layer']}.{found['head']}, α = {found['alpha']:g}"
        return f"{found['held_out'][goal]:.0%} ({where}; recall without context {found['recall_without_context']:.0%})"

    return read


def _trend(name: str) -> Callable[[Mapping[str, Any]], str]:
    def read(report: Mapping[str, Any]) -> str:
        found = report[name]
        return f"ρ = {interval({**found, 'mean': found['rho']}, '+.2f')}"

    return read


FACTUAL_RECALL = (
    Claim("in_context", "In-context answers, model unchanged", "26% (body; Pythia-1.4B)", _outcome("in_context")),
    Claim("memorised", "Memorised answers, model unchanged", "43% (body; Pythia-1.4B)", _outcome("memorised")),
    Claim("other", "Any other answer, model unchanged", "31% (the rest)", _outcome("other")),
    Claim(
        "steered",
        "In-context answers with one head scaled, held-out prompts",
        "86.2% (body; memory head 15.7 of Pythia-1.4B scaled down); “to 88%” (abstract)",
        _steered("in_context"),
    ),
    Claim("steered_memory", "Memorised answers with one head scaled, held-out prompts", "—", _steered("memorised")),
    Claim(
        "country_frequency",
        "The share of in-context answers goes with the frequency of the country",
        "affects it strongly (abstract; Pythia and GPT-2; curves, no single number)",
        _trend("frequency_trend_recalled"),
    ),
    Claim(
        "city_frequency",
        "… and with the frequency of the city in the context",
        "affects it strongly (abstract; Pythia and GPT-2; curves, no single number)",
        _trend("city_frequency_trend"),
    ),
)
