"""What the relational model of chapter 01 does: facts, curves, injection, removal of FFNs.

- ``measure`` gives everything as plain data, for a trained model and its task, from a fixed seed;
- ``reach`` injects for pairs and stems that were never trained;
- ``stages`` is the rule for an X-shaped pair of curves; ``aims`` lists the chapter's aims, met or not;
- layer and scale of the injection are fixed beforehand, the same for every relation and model: nothing is tuned.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechanisms.data.relations import FORMS, NEW_STEMS, STEMS, WORDS, Task, fact_prompts, unrelated_contexts
from mechanisms.models.relational import Relational

LAYER, OTHER_LAYER, SCALE, SOURCES = 2, 3, 1.5, 10
RELATIONS = range(1, FORMS)


def _rank(logits: Float[Tensor, "n vocab"], target: Int[Tensor, " n"]) -> Int[Tensor, " n"]:
    return (logits > logits.gather(1, target[:, None])).sum(1)


def _hits(logits: Float[Tensor, "n vocab"], target: Int[Tensor, " n"]) -> float:
    return (logits.argmax(-1) == target).float().mean().item()


def _mlp(layer: int) -> str:
    return f"blocks.{layer}.hook_mlp_out"


def _without(model: Relational, tokens: Tensor, layers: tuple[int, ...]) -> Float[Tensor, "n vocab"]:
    hooks = [(_mlp(layer), lambda value, hook: torch.zeros_like(value)) for layer in layers]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def _sublayers(model: Relational, cache: Any) -> dict[str, Float[Tensor, "n d_model"]]:
    """What the embedding and every sublayer adds to the stream at the last position, in order."""
    found = {"embedding": cache["hook_embed"][:, -1]}
    for layer in range(model.cfg.n_layers):
        found[f"attention {layer}"] = cache[f"blocks.{layer}.hook_attn_out"][:, -1]
        if layer in model.cfg.ffn_layers:
            found[f"FFN {layer}"] = cache[_mlp(layer)][:, -1]
    return found


def curves(model: Relational, parts: dict[str, Tensor], word: Tensor, answer: Tensor) -> list[dict[str, Any]]:
    """After every sublayer: mean reciprocal rank of argument and answer, and what it adds to answer - argument.

    The addition is in logits, through the final LayerNorm with the scale that it has at the end.
    """
    whole = sum(parts.values())
    spread = (whole.var(-1, unbiased=False) + model.ln_final.eps).sqrt()
    towards = (model.embed.weight[answer] - model.embed.weight[word]) * model.ln_final.weight
    stream, rows = 0, []
    for name, part in parts.items():
        stream = stream + part
        logits = model.decode(stream)
        added = ((part - part.mean(-1, keepdim=True)) * towards).sum(-1) / spread
        ranks = {key: _rank(logits, token) for key, token in (("argument", word), ("answer", answer))}
        rows.append(
            {"after": name, **{key: (1 / (1.0 + rank)).mean().item() for key, rank in ranks.items()}}
            | {"logits": added.mean().item()}
        )
    return rows


@torch.no_grad()
def measure(model: Relational, task: Task, seed: int = 123) -> dict[str, Any]:
    """All measurements, by relation where there is one. Hits are shares of prompts whose top token is the right one.

    Shots are of other relations than the asked one, so that no form can be copied from them.
    """
    generator = torch.Generator().manual_seed(seed)
    sources, found = {}, {"facts": [], "held out": [], "curves": [], "FFN share": []}
    for relation in RELATIONS:
        stems = task.trained_stems(relation)
        answer = task.answers[stems, relation]
        logits, cache = model.run_with_cache(fact_prompts(task, relation, stems, 1, generator))
        right = logits[:, -1].argmax(-1) == answer
        found["facts"].append(right.float().mean().item())
        new = task.held_out_stems(relation)
        held = model(fact_prompts(task, relation, new, 1, generator))[:, -1]
        found["held out"].append(_hits(held, task.answers[new, relation]))
        sources[relation] = {layer: cache[_mlp(layer)][:, -1] for layer in (LAYER, OTHER_LAYER)}
        parts = {name: part[right] for name, part in _sublayers(model, cache).items()}
        if not right.any():  # a barely trained model has no curve
            found["curves"].append([])
            found["FFN share"].append(None)
            continue
        rows = curves(model, parts, stems[right] * FORMS, answer[right])
        found["curves"].append(rows)
        by_ffn = sum(row["logits"] for row in rows if row["after"].startswith("FFN"))
        found["FFN share"].append(by_ffn / sum(row["logits"] for row in rows))
    for name, layer in (("injection", LAYER), (f"injection in FFN {OTHER_LAYER}", OTHER_LAYER)):
        vectors = {relation: one[layer] for relation, one in sources.items()}
        found[name] = [_injection(model, task, relation, vectors, generator, layer=layer) for relation in RELATIONS]
    found["removal"] = [_twins(model, task, layers, generator) for layers in ((), (3,), (2,), (2, 3))]
    return found


def _injection(
    model: Relational,
    task: Task,
    relation: int,
    sources: dict[int, Tensor],
    generator: torch.Generator,
    asked: Tensor | None = None,
    form: int = 0,
    layer: int = LAYER,
) -> dict[str, float]:
    """Mean over vectors, each from one prompt; the stem of that prompt is left out of the contexts.

    ``sources``: relation -> vectors [n, d_model], in the order of its trained stems; ``asked``: the stems of the
    contexts (default: those that are trained with the relation); ``form``: the form in which they stand there.
    """
    stems, total = task.trained_stems(relation), torch.zeros(5)
    for source in range(SOURCES):
        others = stems if asked is None else asked
        others = others[others != stems[source]]
        target, contexts = task.answers[others, relation], unrelated_contexts(others, generator, form)

        def run(vector: Tensor, contexts: Tensor = contexts) -> Tensor:
            def add(value: Tensor, hook: Any) -> Tensor:
                value = value.clone()
                value[:, -1] += SCALE * vector
                return value

            return model.run_with_hooks(contexts, fwd_hooks=[(_mlp(layer), add)])[:, -1]

        vector = sources[relation][source]
        noise = torch.randn(vector.shape, generator=generator)
        before, after = model(contexts)[:, -1], run(vector)
        others_vector = sources[1 + relation % 3][source]
        total += torch.tensor(
            [
                _hits(after, target),
                _hits(run(noise * vector.norm() / noise.norm()), target),
                _hits(run(others_vector), target),
                _rank(before, target).float().mean().item(),
                _rank(after, target).float().mean().item(),
            ]
        )
    names = ("hits", "random", "other relation", "rank before", "rank after")
    return dict(zip(names, (total / SOURCES).tolist(), strict=True))


def _twins(model: Relational, task: Task, removed: tuple[int, ...], generator) -> dict[str, Any]:
    """Accuracy without the ``removed`` FFNs, two shots: answer not in context, stated in it, stated and invented.

    "shots of the relation" is the abstractive prompt with shots of the asked relation, which show the answer's form.
    """
    kinds = {
        "abstractive": {},
        "extractive": {"stated": True},
        "shots of the relation": {"same": True},
    }
    scores = {name: [] for name in kinds}
    for relation in RELATIONS:
        stems = task.trained_stems(relation)
        for name, kind in kinds.items():
            logits = _without(model, fact_prompts(task, relation, stems, 2, generator, **kind), removed)
            scores[name].append(_hits(logits, task.answers[stems, relation]))
    prompts = fact_prompts(task, 0, torch.arange(STEMS - NEW_STEMS), 2, generator, stated=True)
    prompts[:, 7] = torch.randint(WORDS, (len(prompts),), generator=generator)
    found = {name: sum(values) / len(values) for name, values in scores.items()}
    return {"removed": list(removed), **found, "invented": _hits(_without(model, prompts, removed), prompts[:, 7])}


@torch.no_grad()
def reach(model: Relational, task: Task, seed: int = 124) -> dict[str, dict[str, float]]:
    """The injection for words whose fact was trained, was held out, or that no fact names, and for words that are not
    in their base form (in training a relation starts from the base form alone): means over relations.
    """
    generator, sources = torch.Generator().manual_seed(seed), {}
    for relation in RELATIONS:
        prompts = fact_prompts(task, relation, task.trained_stems(relation)[:SOURCES], 1, generator)
        sources[relation] = model.run_with_cache(prompts)[1][_mlp(LAYER)][:, -1]
    found = {}
    for name in ("trained pairs", "held-out pairs", "new stems", "another form"):
        rows = []
        for relation in RELATIONS:
            asked = {
                "held-out pairs": task.held_out_stems(relation),
                "new stems": torch.arange(STEMS - NEW_STEMS, STEMS),
            }.get(name, task.trained_stems(relation))
            form = 1 + relation % 3 if name == "another form" else 0
            rows.append(_injection(model, task, relation, sources, generator, asked, form))
        found[name] = {key: mean([row[key] for row in rows]) for key in rows[0]}
    return found


def mean(values: list[float | None]) -> float:
    """The mean of what is known; nan if nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else float("nan")


def stages(argument: list[float], answer: list[float], peak: float = 0.5) -> dict[str, Any]:
    """Whether two curves make an X: the argument reaches ``peak`` and leads, then the answer leads to the end.

    "application": the first place from which the answer leads to the end, or None; "peak": the argument's highest value
    before it; "x_shaped".
    """
    application = len(answer)
    while application and answer[application - 1] > argument[application - 1]:
        application -= 1
    highest = max(argument[:application], default=0.0)
    formed = bool(application) and highest >= peak and highest > answer[argument.index(highest)]
    there = application < len(answer)
    return {"application": application if there else None, "peak": highest, "x_shaped": there and formed}


def x_shapes(report: dict[str, Any]) -> list[dict[str, Any]]:
    """``stages`` of every relation's curves, "application" as the name of the sublayer."""
    found = []
    for rows in report["curves"]:
        shape = stages([row["argument"] for row in rows], [row["answer"] for row in rows])
        if shape["application"] is not None:
            shape["application"] = rows[shape["application"]]["after"]
        found.append(shape)
    return found


def shaped(report: dict[str, Any]) -> int:
    """How many relations' curves make an X with the switch at an FFN."""
    return sum(bool(shape["x_shaped"]) and shape["application"].startswith("FFN") for shape in x_shapes(report))


def removal_gap(report: dict[str, Any]) -> float:
    """How much more accuracy the abstractive twin loses than the extractive one when all FFNs are removed."""
    whole, none = report["removal"][0], report["removal"][-1]
    return (whole["abstractive"] - none["abstractive"]) - (whole["extractive"] - none["extractive"])


def aims(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Every aim of the chapter with the number measured and whether it is met."""
    hits, noise, other = (
        mean([row[key] for row in report["injection"]]) for key in ("hits", "random", "other relation")
    )
    shares, by_ffn, gap = mean(report["FFN share"]), shaped(report), removal_gap(report)
    rows = [
        ("facts, one shot", "at least 95%", mean(report["facts"]), mean(report["facts"]) >= 0.95),
        ("facts about held-out pairs", "at least 60%", mean(report["held out"]), mean(report["held out"]) >= 0.6),
        ("injection: target on top", "at least 5 times both controls", hits, hits >= 5 * max(noise, other, 1e-9)),
        ("injection: a random vector of the same length", "control", noise, noise <= 0.12),
        ("injection: another relation's vector", "control", other, other <= 0.15),
        ("share of answer − argument that FFNs write", "at least 60%", shares, shares >= 0.6),
        ("relations whose curves make an X, at an FFN", "3 of 3", by_ffn, by_ffn == 3),
        ("removing FFNs: abstractive loses more by", "at least 30 points", gap, gap >= 0.3),
    ]
    return [{"quantity": q, "aim": a, "measured": m, "met": bool(met)} for q, a, m, met in rows]
