"""The table of every chapter: a claim, the paper's number, the lab's number, your number.

- the paper's numbers are quoted with the place they come from;
- the lab's numbers are read from the model card, or from a committed file of measurements, never typed here;
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


def _gate(edit: str) -> Callable[[Mapping[str, Any]], str]:
    def read(report: Mapping[str, Any]) -> str:
        found = report["gates"][edit]
        return ", ".join(f"{name} {round(found[name], 2) + 0.0:.2f}" for name in ("keys", "queries", "values"))

    return read


def _seeds(condition: str) -> Callable[[Mapping[str, Any]], str]:
    def read(_report: Mapping[str, Any]) -> str:
        from mechanisms.training import gating_sweep

        runs = gating_sweep.load().get(condition)
        if not runs:
            return "not run yet"
        found = gating_sweep.summary(runs)
        first, *later = [f"{step:,}" for step in found["transitions"]] or [""]
        steps = f", 99% from step {first}" + (f" to {later[-1]}" if later else "") if first else ""
        return f"{found['solved']} of {found['seeds']} seeds{steps}; {found['never']} never"

    return read


def _share(key: str) -> Callable[[Mapping[str, Any]], str]:
    def read(_report: Mapping[str, Any]) -> str:
        from mechanisms.training import gating_sweep

        runs = gating_sweep.load().get("lab-gate")
        if not runs:
            return "not run yet"
        found = gating_sweep.summary(runs)["fractions"][key]
        interval = f"mean {found['mean']:.2f} [{found['low']:.2f}, {found['high']:.2f}]"
        return f"{interval}, from {found['least']:.2f} to {found['most']:.2f} in {found['n']} seeds"

    return read


GATING = (
    Claim("accuracy", "Accuracy, ordinary sequences", "not known to us", lambda report: f"{report['accuracy']:.2%}"),
    Claim(
        "adversarial",
        "Accuracy where a rule without a gate is wrong (the worst of three traps)",
        "—",
        lambda report: f"{min(report['adversarial'].values()):.2%}",
    ),
    Claim(
        "input_gate",
        "Input gate: a past store ↔ ignore acts through layer-2 keys",
        "keys act as input gates (path patching)",
        _gate("instruction"),
    ),
    Claim(
        "output_gate",
        "Output gate: the register that is asked for acts through layer-2 queries",
        "queries act as output gates (path patching)",
        _gate("query"),
    ),
    Claim("input_gate_seeds", "… over seeds, the share of keys", "—", _share("instruction: keys")),
    Claim("role_seeds", "… the register of a past tuple, over seeds, the share of keys", "—", _share("role: keys")),
    Claim("output_gate_seeds", "Output gate over seeds, the share of queries", "—", _share("query: queries")),
    Claim(
        "seeds",
        "Training: seeds that solve the task, and when",
        "abrupt, phase-transition-like gains",
        _seeds("lab-gate"),
    ),
    Claim(
        "whole_view",
        "… when the first layer sees everything, same number of steps",
        "the paper's model is a vanilla transformer",
        _seeds("whole view"),
    ),
    Claim("no_lures", "… when trained on ordinary sequences only, half the steps", "—", _seeds("no lures")),
)


def _over_seeds(read: Callable[[Mapping[str, Any]], float], form: str = "{:.2f}") -> str:
    from mechanisms.training import list_sweep

    runs = list_sweep.load()
    if not runs:
        return "sweep not run yet"
    found = list_sweep.interval(runs, read)
    if found["n"] == 1:
        return "one seed"
    shown = (form.format(found[name]) for name in ("mean", "low", "high"))
    return "{} [{}, {}] in {} seeds".format(*shown, found["n"])


def _rho(score: str, effect: str = "query") -> Callable[[Mapping[str, Any]], str]:
    def read(report: Mapping[str, Any]) -> str:
        from mechanisms.training import talking_heads

        key, language = f"{effect}: {score}", talking_heads.load()["rank_correlations"]
        seeds = _over_seeds(lambda run: run["rank_correlations"][key], "{:+.2f}")
        return f"ρ = {report['rank_correlations'][key]:+.2f}; {seeds}; lab-lm {language[key]:+.2f}"

    return read


def _by_length(report: Mapping[str, Any]) -> str:
    from mechanisms.training import talking_heads

    language = talking_heads.load()["by_length"]
    own = ", ".join(f"{report['by_length'][n]:.1%} at {n}" for n in ("4", "8", "12"))
    return f"{own}; lab-lm {language['4']:.1%} at 4, {language['8']:.1%} at 8"


def _two_of_a_head(report: Mapping[str, Any]) -> str:
    found = report["concentration"]
    seeds = _over_seeds(lambda run: run["concentration"]["two of a head"], "{:.0%}")
    return f"{found['two of a head']:.0%} ({found['even']:.0%} if spread evenly); {seeds}"


def _turned(report: Mapping[str, Any]) -> str:
    found, wide = report["channel"]["natural"], report["channel"]["wide"]
    seeds = _over_seeds(lambda run: run["channel"]["natural"]["highest scores"], "{:.0%}")
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
    seeds = _over_seeds(lambda run: 100 * gained(run), "{:+.1f}")
    return (
        f"{found['before']['held_out']:.1%} → {found['steps'][-1]['held_out']:.1%} at {found['length']} things; points "
        f"gained {seeds}; lab-lm {language['before']['held_out']:.1%} → {language['steps'][-1]['held_out']:.1%} at "
        f"{language['length']}"
    )


def _fitted(report: Mapping[str, Any]) -> str:
    from mechanisms.training.list_sweep import fitted

    found = report["gains"]
    seeds = _over_seeds(lambda run: 100 * fitted(run, "all components"), "{:+.1f}")
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


def _limber(read: Callable[[Any, list], str]) -> Callable[[Mapping[str, Any]], str]:
    """A cell that ``read`` makes from the sweep's module and its main runs."""

    def cell(_report: Mapping[str, Any]) -> str:
        from mechanisms.training import limber_sweep

        runs = limber_sweep.load().get(limber_sweep.MAIN)
        return read(limber_sweep, runs) if runs else "not run yet"

    return cell


def _words(what: str) -> Callable[[Mapping[str, Any]], str]:
    return _limber(
        lambda sweep, runs: ", ".join(
            f"{name} {found[what]['mean']:.2f}" for name, found in sweep.summary(runs, (what,)).items()
        )
    )


def _gap(one: str, other: str, what: str) -> Callable[[Mapping[str, Any]], str]:
    def read(sweep: Any, runs: list) -> str:
        found = sweep.difference(runs, one, other, what)
        return f"{found['mean']:+.2f} [{found['low']:+.2f}, {found['high']:+.2f}] ({found['n']} seeds)"

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


def _circuits(read: Callable[[Mapping[str, Any]], str]) -> Callable[[Mapping[str, Any]], str]:
    """A lab number of chapter 03, from the sweep's runs of the shipped recipe."""

    def lab(sweep: Mapping[str, Any]) -> str:
        from mechanisms.training import circuits_sweep

        return read(circuits_sweep.summary(sweep["lab-lm"])) if sweep.get("lab-lm") else "not run yet"

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


def _trainings(condition: str) -> Callable[[Mapping[str, Any]], str]:
    def read(_report: Mapping[str, Any]) -> str:
        from mechanisms.training import relational_sweep
        from mechanisms.training.gating_sweep import mean_interval

        runs = relational_sweep.by_condition(relational_sweep.load()).get(condition)
        if not runs:
            return "not run yet"
        found = [relational_sweep.hits(run) for run in runs]
        own = mean_interval([one["own"] for one in found])
        control = max(sum(one[key] for one in found) / len(found) for key in ("random", "other"))
        held = sum(map(relational_sweep.holds, runs))
        return (
            f"mean {own['mean']:.0%} [{max(own['low'], 0):.0%}, {min(own['high'], 1):.0%}] of contexts, larger control "
            f"{control:.1%}; at least 5 times both in {held} of {len(runs)} seeds"
        )

    return read


def _shapes_over_seeds(_report: Mapping[str, Any]) -> str:
    from mechanisms.training import relational_sweep
    from mechanisms.training.measure_relational import shaped

    runs = relational_sweep.by_condition(relational_sweep.load()).get("regular")
    if not runs:
        return "not run yet"
    return f"{sum(map(shaped, runs))} of {3 * len(runs)} pairs of curves, {len(runs)} seeds"


def _gaps_over_seeds(_report: Mapping[str, Any]) -> str:
    from mechanisms.training import relational_sweep
    from mechanisms.training.measure_relational import removal_gap

    runs = relational_sweep.by_condition(relational_sweep.load()).get("regular")
    if not runs:
        return "not run yet"
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
    Claim("x_seeds", "… with the switch at an FFN, over seeds of the recipe", "—", _shapes_over_seeds),
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
    Claim("seeds", "… over seeds of the recipe", "—", _trainings("regular")),
    Claim("control", "… models whose facts are a random table", "—", _trainings("random table")),
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
    Claim("gap_seeds", "… how much more the abstractive twin loses, over seeds", "56 points", _gaps_over_seeds),
)


def _error(report: Mapping[str, Any]) -> str:
    found = report["prediction"]["absolute_error"]
    within = report["prediction"]["share_within_25_percent"]
    return (
        f"off by {found['mean']:.0%} on average [{found['low']:.0%}, {found['high']:.0%}], "
        f"{within:.0%} of {report['prediction']['steps']} steps within 25%"
    )


def _checkpointing(report: Mapping[str, Any]) -> str:
    found = report["checkpointing"]
    ratio = found["time_ratio"]
    return (
        f"{ratio['mean']:.2f} times the time [{ratio['low']:.2f}, {ratio['high']:.2f}], "
        f"{found['bytes_ratio']:.0%} of the bytes"
    )


PRETRAINING_BUDGETS = (
    Claim(
        "settings",
        "Valid memory-saving settings on one GPU and on several",
        "12 and 22 (rules in the authors' code)",
        lambda report: f"{report['settings']['one']} and {report['settings']['several']}",
    ),
    Claim(
        "fewer",
        "Pythia-1B on four A100: how many times fewer GPU-days than the original",
        "3x (abstract); 192 / 70.3 = 2.73 (README)",
        lambda report: f"{report['fewer']:.2f} (from the README's days)",
    ),
    Claim(
        "dollars",
        "Price of four H100 and of two RTX 3090, with their machine",
        "about $130k and about $4k (footnote to the title)",
        lambda report: "computed, not measured",
    ),
    Claim(
        "busy",
        "Utilisation that the reported days of Pythia-1B would mean",
        "not stated in what we could read",
        lambda report: "computed, not measured",
    ),
    Claim(
        "prediction",
        "The step predicted from its pieces, against a real accumulated step",
        "not stated in what we could read",
        _error,
    ),
    Claim(
        "checkpointing",
        "Activation checkpointing: time and memory",
        "trades time for memory (no single number)",
        _checkpointing,
    ),
)


def _forgetting(score: str, conditions: Sequence[str], between: str = ", ") -> Callable[[Mapping[str, Any]], str]:
    def read(_report: Mapping[str, Any]) -> str:
        from mechanisms.training import dual_sweep

        runs = dual_sweep.runs_of()
        parts = []
        for condition in conditions:
            if not runs.get(condition):
                return "not run yet"
            found = dual_sweep.summary(runs[condition])[score]
            name = condition.removeprefix("hidden, ").replace("stop at 900", "temporary")
            parts.append(f"{name} {found['mean']:.0%} ({found['least']:.0%} to {found['most']:.0%})")
        return between.join(parts) + f"; {found['n']} seeds each"

    return read


def _forgetting_gap(one: str, other: str, score: str) -> Callable[[Mapping[str, Any]], str]:
    def read(_report: Mapping[str, Any]) -> str:
        from mechanisms.training import dual_sweep

        runs = dual_sweep.runs_of()
        if not (runs.get(one) and runs.get(other)):
            return "not run yet"
        found = dual_sweep.paired(runs[one], runs[other], score)
        return f"{found['mean']:+.2f} [{found['low']:+.2f}, {found['high']:+.2f}], {found['n']} seeds"

    return read


_WAYS = ("vanilla", "stop at 900", "active")
_HIDDEN_WAYS = ("hidden, vanilla", "hidden, temporary", "hidden, active")
_CURVES = "curves, no single number that we could read"

DUAL_PROCESS = (
    Claim("validation", "Ordinary sequences, the right one of two tokens", _CURVES, _forgetting("validation", _WAYS)),
    Claim(
        "random",
        "Structural: sequences of never-trained tokens",
        "vanilla loses it with time, forgetting keeps it (" + _CURVES + ")",
        _forgetting("random", _WAYS),
    ),
    Claim("switch", "Conflict, frequent tokens: answers by context", _CURVES, _forgetting("switch", _WAYS)),
    Claim(
        "gap",
        "… temporary minus vanilla, seed by seed",
        "forgetting makes the model rely on context (direction)",
        _forgetting_gap("stop at 900", "vanilla", "switch"),
    ),
    Claim(
        "weights",
        "Cue hidden now and then: no cue, frequent tokens (weights)",
        "temporary forgetting keeps both processes (direction)",
        _forgetting("no cue", _HIDDEN_WAYS),
    ),
    Claim(
        "structure",
        "… never-trained tokens, with the cue (structure)",
        "temporary forgetting keeps both processes (direction)",
        _forgetting("random", _HIDDEN_WAYS),
    ),
    Claim(
        "hard",
        "… the same against the whole vocabulary (the paper's metric)",
        "vanilla loses it with time, forgetting keeps it (" + _CURVES + ")",
        _forgetting("random, whole vocabulary", _HIDDEN_WAYS),
    ),
    Claim(
        "hard_gap",
        "… temporary minus vanilla, seed by seed",
        "forgetting keeps it (direction)",
        _forgetting_gap("hidden, temporary", "hidden, vanilla", "random, whole vocabulary"),
    ),
    Claim(
        "head_and_tail",
        "… conflict with rare tokens minus conflict with frequent ones, temporary: by context",
        "weights preferred for head tokens, context for tail tokens (direction)",
        lambda report: _rare_minus_frequent(),
    ),
)


def _rare_minus_frequent() -> str:
    from mechanisms.training import dual_sweep

    runs = dual_sweep.runs_of().get("hidden, temporary")
    if not runs:
        return "not run yet"
    found = dual_sweep.mean_interval([run["tail switch"] - run["switch"] for run in runs])
    return f"{found['mean']:+.2f} [{found['low']:+.2f}, {found['high']:+.2f}], {found['n']} seeds"


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
