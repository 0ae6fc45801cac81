"""The table of every chapter: a claim, the paper's number, the lab's number, your number.

- the paper's numbers are quoted with the place they come from;
- the lab's numbers are read from the model card, never typed here;
- the student's numbers are handed in by the notebook that measured them.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mechanisms.models import card


@dataclass(frozen=True)
class Claim:
    """One row: ``key`` names it for the student's number, ``lab`` reads the lab's number from the model card."""

    key: str
    text: str
    paper: str
    lab: Callable[[Mapping[str, Any]], str]


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
        return f"ρ = {found['rho']:+.2f} [{found['low']:+.2f}, {found['high']:+.2f}]"

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


class ClaimsTable:
    """Shows as an HTML table in a notebook or page and as text elsewhere."""

    def __init__(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.header, self.rows = list(header), [list(row) for row in rows]

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col" style="text-align:left">{html.escape(name)}</th>' for name in self.header)
        body = "".join(
            "<tr>" + "".join(f'<td style="text-align:left">{html.escape(cell)}</td>' for cell in row) + "</tr>"
            for row in self.rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def __repr__(self) -> str:
        return "\n".join(" | ".join(row) for row in [self.header, *self.rows])


def claims_table(claims: Sequence[Claim], yours: Mapping[str, str] | None = None, model: str = "lab-lm") -> ClaimsTable:
    """The table for ``claims``; ``yours`` maps a claim's key to the student's number, as text.

    Without ``yours`` (on a page of the book) the column is left out.
    Raises ModelMissing if the model has no card.
    """
    measured = card(model)
    measured = measured.get("measured", measured)
    header = ["Claim", "Paper", f"Lab ({model})"] + (["Yours"] if yours is not None else [])
    rows = []
    for claim in claims:
        row = [claim.text, claim.paper, claim.lab(measured)]
        rows.append(row + ([yours.get(claim.key, "—")] if yours is not None else []))
    return ClaimsTable(header, rows)
