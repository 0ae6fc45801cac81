"""The pictures of the report: SVG written by hand, small, in the page's own colours.

- every picture has a text that says the same to a screen reader; the numbers also stand in a table beside it;
- colours come from the page's style sheet, so light and dark need nothing more; shares also differ by a pattern
  of lightness, and counts are written on them.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from autograder.page import text

BINS = 10
_WIDTH = 460
_LEGEND = 4


def histogram(values: Sequence[float], limit: float, axis: str, unit: str, title: str) -> str:
    """How many values fall into each tenth of 0 to `limit`, the counts written above the bars."""
    counts = [0] * BINS
    for value in values:
        counts[min(int(value * BINS / limit), BINS - 1) if limit > 0 else 0] += 1
    height, left, right, bottom, top = 200, 14, 16, 38, 24
    step = (_WIDTH - left - right) / BINS
    scale = (height - bottom - top) / max(1, max(counts))
    parts, told = [], []
    for number, count in enumerate(counts):
        x, tall = left + number * step, count * scale
        y = height - bottom - tall
        if count:
            parts.append(f"<rect class='b0' x='{x + 2:.1f}' y='{y:.1f}' width='{step - 4:.1f}' height='{tall:.1f}'/>")
            parts.append(f"<text x='{x + step / 2:.1f}' y='{y - 5:.1f}'>{count}</text>")
            told.append(f"{count} from {_n(limit * number / BINS)} to {_n(limit * (number + 1) / BINS)}{unit}")
    for number in range(0, BINS + 1, 2):
        label = f"{_n(limit * number / BINS)}{unit}"
        parts.append(f"<text x='{left + number * step:.1f}' y='{height - bottom + 16}'>{label}</text>")
    parts.append(f"<path d='M{left} {height - bottom}H{_WIDTH - right}'/>")
    parts.append(f"<text x='{(_WIDTH + left - right) / 2:.0f}' y='{height - 4}'>{text(axis)}</text>")
    return _figure(title, f"{title}: {'; '.join(told) or 'nothing yet'}.", height, parts)


def shares(rows: Sequence[tuple[str, Sequence[int]]], kinds: Sequence[str], title: str) -> str:
    """One bar per row, cut into the shares of `kinds` (at most five), with their counts written on them."""
    line, top = 40, 8
    seen = [kind for kind in range(len(kinds)) if any(counts[kind] for _, counts in rows)]
    height = top + line * len(rows) + 16 + 20 * (1 + (len(seen) - 1) // _LEGEND)
    parts, told = [], []
    for number, (label, counts) in enumerate(rows):
        total, x, y = sum(counts) or 1, 0.0, top + number * line
        parts.append(f"<text class='l' x='0' y='{y + 12}'>{text(label)}</text>")
        for kind, count in enumerate(counts):
            wide = _WIDTH * count / total
            if count:
                parts.append(f"<rect class='b{kind + 1}' x='{x:.1f}' y='{y + 17}' width='{wide:.1f}' height='15'/>")
            if wide > 22:
                parts.append(f"<text class='on{kind + 1}' x='{x + wide / 2:.1f}' y='{y + 29}'>{count}</text>")
            x += wide
        named = ", ".join(f"{count} {kind}" for kind, count in zip(kinds, counts, strict=True) if count)
        told.append(f"{label}: {named or 'nobody'}")
    for place, kind in enumerate(seen):
        x = _WIDTH / _LEGEND * (place % _LEGEND)
        y = top + line * len(rows) + 12 + 20 * (place // _LEGEND)
        parts.append(f"<rect class='b{kind + 1}' x='{x + 1:.1f}' y='{y}' width='12' height='12'/>")
        parts.append(f"<text class='l' x='{x + 18:.1f}' y='{y + 10}'>{text(kinds[kind])}</text>")
    return _figure(title, f"{title}. {'; '.join(told)}.", height, parts)


def spreads(rows: Sequence[tuple[str, Sequence[float]]], title: str) -> str:
    """One line per row of percentages: lowest to highest, a box for the middle half, a mark at the median."""
    line, top = 40, 8
    height = top + line * len(rows) + 26
    parts, told = [], []
    for number, (label, values) in enumerate(rows):
        y = top + number * line
        parts.append(f"<text class='l' x='0' y='{y + 12}'>{text(label)}</text>")
        parts.append(f"<path class='thin' d='M0 {y + 25}H{_WIDTH}'/>")
        if not values:
            told.append(f"{label}: nothing graded")
            continue
        low, middle, high = _quartiles(values)
        first, last = min(values), max(values)
        parts.append(f"<path d='M{_at(first):.1f} {y + 25}H{_at(last):.1f}'/>")
        parts.append(
            f"<rect class='b0' x='{_at(low):.1f}' y='{y + 18}' width='{max(2, _at(high) - _at(low)):.1f}' height='14'/>"
        )
        parts.append(f"<path class='median' d='M{_at(middle):.1f} {y + 16}V{y + 34}'/>")
        told.append(f"{label}: from {first:.0f} to {last:.0f}%, median {middle:.0f}%")
    for share in range(0, 101, 20):
        anchor = " class='l'" if share == 0 else " class='r'" if share == 100 else ""
        parts.append(f"<text{anchor} x='{_at(share):.0f}' y='{height - 6}'>{share}%</text>")
    return _figure(title, f"{title}. {'; '.join(told)}.", height, parts)


def _at(share: float) -> float:
    return _WIDTH * min(100.0, max(0.0, share)) / 100


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def _n(value: float) -> str:
    return f"{value:.3g}"


def _figure(title: str, told: str, height: float, parts: Sequence[str]) -> str:
    return (
        f"<figure><figcaption>{text(title)}</figcaption><svg viewBox='0 0 {_WIDTH} {height:.0f}' role='img' "
        f"aria-label='{text(told)}'>{''.join(parts)}</svg></figure>"
    )
