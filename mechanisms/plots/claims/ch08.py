"""What chapter 08, binding in CLIP, claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mechanisms.plots.claims.table import Claim


def _binding(read: Callable[[Any], str], recipe: str = "lab") -> Callable[[Mapping[str, Any]], str]:
    def told(_report: Mapping[str, Any]) -> str:
        from mechanisms.training import binding_sweep

        runs = binding_sweep.load().get(recipe)
        return read(runs) if runs else "not run yet"

    return told


def _interval(*keys: str, recipe: str = "lab") -> Callable[[Mapping[str, Any]], str]:
    def read(runs: Any) -> str:
        from mechanisms.training.binding_sweep import over_seeds

        found = over_seeds(runs, *keys)
        return f"{found['mean']:.2f} [{found['low']:.2f}, {found['high']:.2f}]"

    return _binding(read, recipe)


def _kinds(*keys: str) -> Callable[[Mapping[str, Any]], str]:
    """Means over seeds of all five heads: ``keys`` are setting, split and quantity."""

    def read(runs: Any) -> str:
        from mechanisms.training.binding_sweep import over_seeds
        from mechanisms.training.composition import KINDS

        return ", ".join(f"{kind} {over_seeds(runs, 'heads', kind, *keys)['mean']:.2f}" for kind in KINDS)

    return _binding(read)


BINDING = (
    Claim(
        "single",
        "One object, five captions, CLIP as it is",
        "composes well (abstract; no number verified)",
        _interval("zero-shot", "single", "seen pairs", "five-way"),
    ),
    Claim(
        "two",
        "One of two objects (chance 0.20, without binding 0.33)",
        "drops dramatically (abstract; no number verified)",
        _interval("zero-shot", "two", "seen pairs", "five-way"),
    ),
    Claim(
        "crossed",
        "The true pair against a crossed one (a coin: 0.50)",
        "—",
        _interval("zero-shot", "two", "seen pairs", "two-way, crossed pair"),
    ),
    Claim(
        "whole",
        "A caption of both objects against its nouns exchanged (a coin: 0.50)",
        "—",
        _interval("zero-shot", "two", "seen pairs", "two-way, whole caption"),
    ),
    Claim(
        "single_heads",
        "Composition heads, one object, seen pairs",
        "—",
        _kinds("single", "seen pairs", "five-way"),
    ),
    Claim(
        "single_held",
        "Composition heads, one object, held-out pairs",
        "—",
        _kinds("single", "held-out pairs", "five-way"),
    ),
    Claim(
        "two_held",
        "Composition heads, one of two objects, held-out pairs",
        "RF 20.36%; fine-tuned CLIP 0.25% (text of the paper)",
        _kinds("two", "held-out pairs", "five-way"),
    ),
    Claim(
        "order",
        "Composition heads: true order against exchanged nouns (a coin: 0.50)",
        "at best chance on the whole (abstract; five-way)",
        _kinds("relation", "seen pairs", "two-way, order"),
    ),
    Claim(
        "resnet",
        "One of two objects, a ResNet trained with captions that name one (without binding 0.33)",
        "—",
        _interval("zero-shot", "two", "seen pairs", "five-way", recipe="ResNet, captions that name one"),
    ),
    Claim(
        "parts",
        "One of two objects, the better half of the image, nothing trained",
        "—",
        _interval("zero-shot", "two", "seen pairs", "five-way, parts"),
    ),
)
