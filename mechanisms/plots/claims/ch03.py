"""What chapter 03, circuit reuse, claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mechanisms.plots.claims.table import NOT_RUN, Claim


def _circuits(read: Callable[[Mapping[str, Any]], str]) -> Callable[[Mapping[str, Any]], str]:
    """A lab number of chapter 03, from the sweep's runs of the shipped recipe."""

    def lab(sweep: Mapping[str, Any]) -> str:
        from mechanisms.training import circuits_sweep

        return read(circuits_sweep.summary(sweep["lab-lm"])) if sweep.get("lab-lm") else NOT_RUN

    return lab


def _range(found: Mapping[str, float], form: str = ".0%") -> str:
    return f"{found['mean']:{form}} ({found['least']:{form}} to {found['most']:{form}})" if found else "none"


def _shared(task: str) -> Callable[[Mapping[str, Any]], str]:
    def read(found: Mapping[str, Any]) -> str:
        one = found["overlap"][task]
        return (
            f"{_range(one['of_union'])} of the union, {_range(one['of_first'])} of the first circuit; better than "
            f"chance (P < .05) in {one['significant']} of {one['seeds']} seeds"
        )

    return _circuits(read)


def _lift(found: Mapping[str, Any]) -> str:
    def told(one: Mapping[str, Any]) -> str:
        lift = one["lift"]
        return (
            f"{_range(one['repaired'])}: {100 * lift['mean']:+.0f} points [{100 * lift['low']:+.0f}, "
            f"{100 * lift['high']:+.0f}], 20 or more in {one['lifted']} of {one['seeds']}; breaks "
            f"{one['new_errors']['mean']:.1%}"
        )

    able = found["repair where learned"]
    return f"seeds 1 to 4, whatever came: {told(found['repair'])}" + (
        f". All seeds that learned coloured objects: {told(able)}" if able["seeds"] > 1 else ""
    )


def _levels(*parts: tuple[str, str, str]) -> Callable[[Mapping[str, Any]], str]:
    """Levels, (words, key, format) each, over the seeds that learned coloured objects if there are several, or else
    over those that were trained whatever came."""

    def read(found: Mapping[str, Any]) -> str:
        able = found["repair where learned"]
        whose, pool = ("that learned", able) if able["seeds"] > 1 else ("1 to 4, whatever came", found["repair"])
        levels = ", ".join(f"{words} {_range(pool[key], form)}" for words, key, form in parts)
        return f"seeds {whose}: {levels}"

    return _circuits(read)


CIRCUIT_REUSE = (
    Claim(
        "overlap",
        "Heads shared by indirect and coloured objects",
        "25/32 = 78% (abstract; section 4), definition of the share not known to us",
        _shared("coloured objects"),
    ),
    Claim(
        "control",
        "Heads shared by indirect objects and a control task",
        "3/18 = 16.7% (Greater-Than), 25% (World Capitals; appendix H)",
        _shared("capitals (control)"),
    ),
    Claim(
        "base",
        "Coloured objects, model unchanged",
        "49.6% (section 5; one sentence says 49.7%)",
        _circuits(
            lambda found: (
                f"objects never asked about: {_range(found['repair']['base'])}; coloured objects were learned by "
                f"{found['learned']} of {found['tried']} seeds"
            )
        ),
    ),
    Claim(
        "repair",
        "… with inhibition heads made to look at the wrong colours",
        "81.5% (inhibition heads), 93.7% (with the negative mover), no new errors (section 5)",
        _circuits(_lift),
    ),
    Claim(
        "controls",
        "… with the same heads made to look at the other objects, or at the start",
        "—",
        _levels(("unchanged", "base", ".0%"), ("objects", "objects", ".0%"), ("start", "bos", ".0%")),
    ),
    Claim(
        "shift",
        "What this does to a mover's attention",
        "−8.7% to wrong colours, +2.7% to the right one (section 5)",
        _levels(("wrong colours", "mover_to_wrong", "+.1%"), ("right colour", "mover_to_right", "+.1%")),
    ),
    Claim(
        "agreement",
        "Rank correlation of the intervention's effect with the path-patching effect",
        "Spearman 0.69 (section 5)",
        _circuits(
            lambda found: (
                f"{found['agreement']['rho']:+.2f} over {found['agreement']['n']} heads of all seeds but 0, "
                f"p = {found['agreement']['p']:.3f}"
            )
        ),
    ),
)
