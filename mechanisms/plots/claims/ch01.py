"""What chapter 01, relational tasks, claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mechanisms.plots.claims.table import Claim, from_runs, interval


def _over_seeds(condition: str, read: Callable[[Any, list], str]) -> Callable[[Mapping[str, Any]], str]:
    """A lab number from the sweep's runs of one condition."""
    return from_runs("relational_sweep", lambda sweep: sweep.by_condition(sweep.load()).get(condition), read)


def _hits(sweep: Any, runs: list) -> str:
    from mechanisms.training.gating_sweep import mean_interval

    found = [sweep.hits(run) for run in runs]
    own = mean_interval([one["own"] for one in found])
    control = max(sum(one[key] for one in found) / len(found) for key in ("random", "other"))
    held = sum(map(sweep.holds, runs))
    # A share is between 0 and 1, which an interval from Student's t does not know.
    own = own | {"low": max(own["low"], 0), "high": min(own["high"], 1)}
    return (
        f"mean {interval(own, '.0%')} of contexts, larger control {control:.1%}; at least 5 times both in {held} of "
        f"{len(runs)} seeds"
    )


def _shapes(_sweep: Any, runs: list) -> str:
    from mechanisms.training.measure_relational import shaped

    return f"{sum(map(shaped, runs))} of {3 * len(runs)} pairs of curves, {len(runs)} seeds"


def _gaps(_sweep: Any, runs: list) -> str:
    from mechanisms.training.measure_relational import removal_gap

    found = [100 * removal_gap(run) for run in runs]
    return f"{min(found):.0f} to {max(found):.0f} points, {len(runs)} seeds"


def _x_shapes(report: Mapping[str, Any]) -> str:
    from mechanisms.training.measure_relational import x_shapes

    shapes = x_shapes(report)
    peaks = ", ".join(f"{shape['peak']:.2f}" for shape in shapes)
    places = ", ".join(str(shape["application"]) for shape in shapes)
    count = sum(shape["x_shaped"] for shape in shapes)
    return f"{count} of 3 relations; argument up to {peaks}, answer leads from: {places}"


def _injection(report: Mapping[str, Any]) -> str:
    own, noise, other = (
        sum(row[key] for row in report["injection"]) / len(report["injection"])
        for key in ("hits", "random", "other relation")
    )
    return f"{own:.0%} on top; random {noise:.1%}, other relation {other:.1%}"


def _ranks(report: Mapping[str, Any]) -> str:
    before, after = (
        sum(row[key] for row in report["injection"]) / len(report["injection"]) for key in ("rank before", "rank after")
    )
    return f"{before:.1f} → {after:.1f} (0: on top)"


def _reach(kind: str) -> Callable[[Mapping[str, Any]], str]:
    def read(report: Mapping[str, Any]) -> str:
        found = report["reach"][kind]
        return (
            f"{found['hits']:.0%} on top (random {found['random']:.1%}), "
            f"mean rank {found['rank before']:.1f} → {found['rank after']:.1f}"
        )

    return read


def _removal(report: Mapping[str, Any]) -> str:
    whole, none = report["removal"][0], report["removal"][-1]
    lost = {kind: 100 * (whole[kind] - none[kind]) for kind in ("abstractive", "extractive")}
    return f"abstractive −{lost['abstractive']:.0f} points, extractive −{lost['extractive']:.0f}"


RELATIONS = (
    Claim(
        "x_shape",
        "Argument first, then the answer: X-shaped curves on correct items",
        "yes, GPT-2 small to BLOOM-176B; the answer overtakes about two thirds up",
        _x_shapes,
    ),
    Claim("x_seeds", "… with the switch at an FFN, over seeds of the recipe", "—", _over_seeds("regular", _shapes)),
    Claim(
        "ffn_share",
        "What FFNs write of answer − argument, in logits",
        "FFN 19 of GPT-2 medium makes the switch in the worked example",
        lambda report: ", ".join(f"{share:.0%}" for share in report["FFN share"]) + " (past, upper, plural)",
    ),
    Claim(
        "injection",
        "One prompt's vector in unrelated contexts: target on top",
        "upper case almost always; past tense about 8% (the authors' demo)",
        _injection,
    ),
    Claim(
        "rank",
        "… mean rank of the target, before → after",
        "capitals about 10th → 4th, past tense about 7th → 3rd (GPT-2 medium)",
        _ranks,
    ),
    Claim("seeds", "… over seeds of the recipe", "—", _over_seeds("regular", _hits)),
    Claim("control", "… models whose facts are a random table", "—", _over_seeds("random table", _hits)),
    Claim(
        "held_out", "… words whose fact was held out", "out of domain: US states 20th → 3rd", _reach("held-out pairs")
    ),
    Claim("new", "… verbs that no fact ever named", "—", _reach("new stems")),
    Claim("form", "… contexts that end in another form than the base", "—", _reach("another form")),
    Claim(
        "removal",
        "Accuracy lost when FFNs are removed",
        "BLOOM-176B, 24 FFNs: abstractive −73 points, extractive −17",
        _removal,
    ),
    Claim(
        "gap_seeds",
        "… how much more the abstractive twin loses, over seeds",
        "56 points",
        _over_seeds("regular", _gaps),
    ),
)
