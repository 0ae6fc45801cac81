"""The table of a chapter: a claim, the paper's number, the lab's number, your number.

- `Claim` is one row, `claims_table` puts rows together, `ClaimsTable` shows them in a notebook, on a page or as text;
- `from_runs` reads a row's lab number from a sweep's committed runs, `interval` writes a mean with its interval.
"""

from __future__ import annotations

import html
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from mechanisms.models import card

NOT_RUN = "not run yet"


@dataclass(frozen=True)
class Claim:
    """One row: ``key`` names it for the student's number, ``lab`` reads the lab's number from the model card."""

    key: str
    text: str
    paper: str
    lab: Callable[[Mapping[str, Any]], str]


def from_runs(
    sweep: str, runs_of: Callable[[ModuleType], Any], read: Callable[[ModuleType, Any], str]
) -> Callable[[Mapping[str, Any]], str]:
    """A row's lab number that ``read`` makes of the runs of `mechanisms.training.<sweep>`.

    ``runs_of`` takes the row's runs from the module; where there are none the row says `NOT_RUN`. The module is
    imported when the row is shown, since a notebook that shows no table does not need it.
    """

    def lab(_report: Mapping[str, Any]) -> str:
        module = importlib.import_module(f"mechanisms.training.{sweep}")
        runs = runs_of(module)
        return read(module, runs) if runs else NOT_RUN

    return lab


def interval(found: Mapping[str, float], form: str = ".2f") -> str:
    """A mean and its interval, ``mean [low, high]``, in one number format."""
    return f"{found['mean']:{form}} [{found['low']:{form}}, {found['high']:{form}}]"


def _escape(text: str) -> str:
    """The text as HTML. Jupyter takes what stands between two dollar signs for a formula, but not across a tag."""
    return html.escape(text).replace("$", "<span>$</span>")


# spelled out here, since a notebook and a page style a bare table differently, or not at all
_CELL = "text-align:left;vertical-align:top;padding:.35em .9em .35em 0;border-bottom:1px solid rgba(127,127,127,.35)"


class ClaimsTable:
    """Shows as an HTML table in a notebook or page and as text elsewhere."""

    def __init__(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.header, self.rows = list(header), [list(row) for row in rows]

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col" style="{_CELL}">{html.escape(name)}</th>' for name in self.header)
        body = "".join(
            "<tr>" + "".join(f'<td style="{_CELL}">{_escape(cell)}</td>' for cell in row) + "</tr>" for row in self.rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def __repr__(self) -> str:
        return "\n".join(" | ".join(row) for row in [self.header, *self.rows])


def claims_table(
    claims: Sequence[Claim],
    yours: Mapping[str, str] | None = None,
    model: str = "lab-lm",
    measured: Mapping[str, Any] | None = None,
) -> ClaimsTable:
    """The table for ``claims``; ``yours`` maps a claim's key to the student's number, as text.

    Without ``yours`` (on a page of the book) the column is left out. ``measured`` takes the card's place where
    there is no model with a card; then ``model`` only names the column.
    Raises ModelMissing if the model has no card.
    """
    measured = card(model) if measured is None else measured
    measured = measured.get("measured", measured)
    header = ["Claim", "Paper", f"Lab ({model})"] + (["Yours"] if yours is not None else [])
    rows = []
    for claim in claims:
        row = [claim.text, claim.paper, claim.lab(measured)]
        rows.append(row + ([yours.get(claim.key, "—")] if yours is not None else []))
    return ClaimsTable(header, rows)
