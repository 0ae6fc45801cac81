"""What chapter 07, image to text, claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mechanisms.plots.claims.table import Claim, from_runs, interval


def _limber(read: Callable[[Any, list], str]) -> Callable[[Mapping[str, Any]], str]:
    """A lab number from the sweep's main runs."""
    return from_runs("limber_sweep", lambda sweep: sweep.load().get(sweep.MAIN), read)


def _words(what: str) -> Callable[[Mapping[str, Any]], str]:
    return _limber(
        lambda sweep, runs: ", ".join(
            f"{name} {found[what]['mean']:.2f}" for name, found in sweep.summary(runs, (what,)).items()
        )
    )


def _gap(one: str, other: str, what: str) -> Callable[[Mapping[str, Any]], str]:
    def read(sweep: Any, runs: list) -> str:
        found = sweep.difference(runs, one, other, what)
        return f"{interval(found, '+.2f')} ({found['n']} seeds)"

    return _limber(read)


LIMBER = (
    Claim("size", "Visual property: size is captioned right", "all encoders about equally (text)", _words("size")),
    Claim("colour", "Visual property: colour is captioned right", "all encoders about equally", _words("colour")),
    Claim(
        "category",
        "Category is captioned right",
        "BEIT (no language) < NF-ResNet50 (labels) < CLIP (captions)",
        _words("category"),
    ),
    Claim(
        "order",
        "Category: captions minus self-supervised",
        "positive (ordering only)",
        _gap("captions", "self-supervised", "category"),
    ),
    Claim(
        "captions_labels",
        "Category: captions minus labels",
        "positive (ordering only)",
        _gap("captions", "labels", "category"),
    ),
    Claim(
        "random",
        "Category: random minus self-supervised",
        "negative: random NF-ResNet50 is worst (second-hand)",
        _gap("random", "self-supervised", "category"),
    ),
    Claim("sound", "What only text tells (a sound) is read out of the prompts", "—", _words("sound")),
    Claim(
        "frozen",
        "The language model is unchanged, bit for bit",
        "frozen",
        _limber(
            lambda sweep, runs: f"{sum(bool(run['language model unchanged']) for run in runs)} of {len(runs)} seeds"
        ),
    ),
)
