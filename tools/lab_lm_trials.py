"""Collects the cards of lab-lm trainings into the table that the book shows beside the shipped model.

- ``python tools/lab_lm_trials.py FOLDER ...`` reads ``card.json`` of every folder, shipped weights first;
- keeps what differs from the default recipe and the numbers that the course has aims for;
- writes ``book/lab_lm_trials.json``.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from mechanisms import models
from mechanisms.files import atomic_write
from mechanisms.training.lab_lm import Recipe

TABLE = Path(__file__).parents[1] / "book" / "lab_lm_trials.json"


def row(card: dict) -> dict:
    """One training: its command line and its numbers."""
    default = asdict(Recipe())
    flags = [f"--{k.replace('_', '-')} {v}" for k, v in card["recipe"].items() if v != default[k]]
    measured = card["measured"]
    heads, conflict = measured["one_head"], measured["conflict_recalled_countries"]
    return {
        "flags": " ".join(flags) or "(as shipped)",
        "seconds": card["training_seconds"],
        "recall, rare third": measured["recall"]["rare_third"],
        "in-context": conflict["in_context"],
        "memorised": conflict["memorised"],
        "one head: in-context": heads["in_context"]["held_out"]["in_context"],
        "one head: memorised": heads["memorised"]["held_out"]["memorised"],
        "trend": measured["frequency_trend"]["rho"],
        "inventory, 3": measured["colored_objects"]["3"],
        "table, 3": measured["colored_objects_table"]["3"],
        "laundry, 8": measured["laundry_lists"]["8"],
    }


def main(folders: list[str]) -> None:
    """Writes the table for the shipped model and ``folders``."""
    cards = [models.card("lab-lm")]
    cards += [json.loads((Path(folder) / "card.json").read_text(encoding="utf-8")) for folder in folders]
    atomic_write(TABLE, json.dumps([row(card) for card in cards], indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
