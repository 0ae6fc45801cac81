"""What chapter 08, binding in CLIP, claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mechanisms.plots.claims.table import Claim, from_runs, interval


def _binding(read: Callable[[Any, Any], str], recipe: str = "lab") -> Callable[[Mapping[str, Any]], str]:
    """A lab number from the sweep's runs of one recipe."""
    return from_runs("binding_sweep", lambda sweep: sweep.load().get(recipe), read)


def _score(*keys: str, recipe: str = "lab") -> Callable[[Mapping[str, Any]], str]:
    return _binding(lambda sweep, runs: interval(sweep.over_seeds(runs, *keys)), recipe)


def _kinds(*keys: str) -> Callable[[Mapping[str, Any]], str]:
    """Means over seeds of all five heads: ``keys`` are setting, split and quantity."""

    def read(sweep: Any, runs: Any) -> str:
        from mechanisms.training.composition import KINDS

        return ", ".join(f"{kind} {sweep.over_seeds(runs, 'heads', kind, *keys)['mean']:.2f}" for kind in KINDS)

    return _binding(read)


BINDING = (
    Claim(
        "single",
        "One object, five captions, CLIP as it is",
        "composes well (abstract; no number verified)",
        _score("zero-shot", "single", "seen pairs", "five-way"),
    ),
    Claim(
        "two",
        "One of two objects (chance 0.20, without binding 0.33)",
        "drops dramatically (abstract; no number verified)",
        _score("zero-shot", "two", "seen pairs", "five-way"),
    ),
    Claim(
        "crossed",
        "The true pair against a crossed one (a coin: 0.50)",
        "—",
        _score("zero-shot", "two", "seen pairs", "two-way, crossed pair"),
    ),
    Claim(
        "whole",
        "A caption of both objects against its nouns exchanged (a coin: 0.50)",
        "—",
        _score("zero-shot", "two", "seen pairs", "two-way, whole caption"),
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
        _score("zero-shot", "two", "seen pairs", "five-way", recipe="ResNet, captions that name one"),
    ),
    Claim(
        "parts",
        "One of two objects, the better half of the image, nothing trained",
        "—",
        _score("zero-shot", "two", "seen pairs", "five-way, parts"),
    ),
)
