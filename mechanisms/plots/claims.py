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
        "negative: random NF-ResNet50 is worst (from readers' notes)",
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


class ClaimsTable:
    """Shows as an HTML table in a notebook or page and as text elsewhere."""

    def __init__(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.header, self.rows = list(header), [list(row) for row in rows]

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col" style="text-align:left">{html.escape(name)}</th>' for name in self.header)
        body = "".join(
            "<tr>" + "".join(f'<td style="text-align:left">{_escape(cell)}</td>' for cell in row) + "</tr>"
            for row in self.rows
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
