"""What chapter 04, talking heads, claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mechanisms.plots.claims.table import NOT_RUN, Claim, interval


def _over_seeds(read: Callable[[Mapping[str, Any]], float], form: str = ".2f") -> str:
    from mechanisms.training import list_sweep

    runs = list_sweep.load()
    if not runs:
        return f"sweep {NOT_RUN}"
    found = list_sweep.interval(runs, read)
    if found["n"] == 1:
        return "one seed"
    return f"{interval(found, form)} in {found['n']} seeds"


def _rho(score: str, effect: str = "query") -> Callable[[Mapping[str, Any]], str]:
    def read(report: Mapping[str, Any]) -> str:
        from mechanisms.training import talking_heads

        key, language = f"{effect}: {score}", talking_heads.load()["rank_correlations"]
        seeds = _over_seeds(lambda run: run["rank_correlations"][key], "+.2f")
        return f"ρ = {report['rank_correlations'][key]:+.2f}; {seeds}; lab-lm {language[key]:+.2f}"

    return read


def _by_length(report: Mapping[str, Any]) -> str:
    from mechanisms.training import talking_heads

    language = talking_heads.load()["by_length"]
    own = ", ".join(f"{report['by_length'][n]:.1%} at {n}" for n in ("4", "8", "12"))
    return f"{own}; lab-lm {language['4']:.1%} at 4, {language['8']:.1%} at 8"


def _two_of_a_head(report: Mapping[str, Any]) -> str:
    found = report["concentration"]
    seeds = _over_seeds(lambda run: run["concentration"]["two of a head"], ".0%")
    return f"{found['two of a head']:.0%} ({found['even']:.0%} if spread evenly); {seeds}"


def _turned(report: Mapping[str, Any]) -> str:
    found, wide = report["channel"]["natural"], report["channel"]["wide"]
    seeds = _over_seeds(lambda run: run["channel"]["natural"]["highest scores"], ".0%")
    random = found["random"]
    return (
        f"{found['highest scores']:.0%} of the things of a list, random directions {random['low']:.0%} to "
        f"{random['high']:.0%} (natural range); {wide['highest scores']:.0%} against {wide['random']['low']:.0%} to "
        f"{wide['random']['high']:.0%} (wide); {seeds}"
    )


def _mended(report: Mapping[str, Any]) -> str:
    from mechanisms.training import talking_heads
    from mechanisms.training.list_sweep import gained

    found, language = report["edit"], talking_heads.load()["edit"]
    seeds = _over_seeds(lambda run: 100 * gained(run), "+.1f")
    return (
        f"{found['before']['held_out']:.1%} → {found['steps'][-1]['held_out']:.1%} at {found['length']} things; points "
        f"gained {seeds}; lab-lm {language['before']['held_out']:.1%} → {language['steps'][-1]['held_out']:.1%} at "
        f"{language['length']}"
    )


def _fitted(report: Mapping[str, Any]) -> str:
    from mechanisms.training.list_sweep import fitted

    found = report["gains"]
    seeds = _over_seeds(lambda run: 100 * fitted(run, "all components"), "+.1f")
    random = [draw["held_out"] for draw in found["random directions"]]
    return (
        f"{found['before']['held_out']:.1%} → {found['all components']['held_out']:.1%} at {found['length']} things "
        f"(random directions: {min(random):.1%} to {max(random):.1%}); points gained {seeds}"
    )


TALKING_HEADS = (
    Claim("falls", "Laundry-list accuracy falls with length", "falls (tables not known to us)", _by_length),
    Claim(
        "score",
        "The score of a component goes with what its removal does, through the mover's query",
        "interactions can be predicted from weights after the decomposition (abstract)",
        _rho("q"),
    ),
    Claim("strength", "… the baseline: its singular value alone", "—", _rho("strength")),
    Claim("given", "… the score among components of equal strength (partial)", "—", _rho("q | strength")),
    Claim("within", "… within layers", "—", _rho("q, within layers")),
    Claim("wrong", "… the score of the wrong kind, through keys", "—", _rho("k")),
    Claim("wrong_within", "… … within layers", "—", _rho("k, within layers")),
    Claim("keys", "… through the mover's keys instead: the key score", "—", _rho("k", "key")),
    Claim("keys_wrong", "… … the score of the wrong kind, through queries", "—", _rho("q", "key")),
    Claim("keys_strength", "… … the baseline: the singular value alone", "—", _rho("strength", "key")),
    Claim(
        "concentration",
        "The effect of a head sits in one or two of its components",
        "so for the inhibition heads of GPT-2 (figure 2)",
        _two_of_a_head,
    ),
    Claim(
        "channel",
        "A channel of three dimensions turns the mover to the things of a list",
        "a 3-D subspace of GPT-2 indexes list positions (later versions of the abstract)",
        _turned,
    ),
    Claim(
        "edit",
        "An edit raises laundry-list accuracy: three edits, chosen on other lists",
        "“often by over 20%” (abstract)",
        _mended,
    ),
    Claim("gains", "… a gain for each component, fitted on other lists", "—", _fitted),
)
