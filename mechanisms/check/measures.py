"""Answers that are judged by what they do: a trained projection, a small checkpoint.

- a *measure* turns an answer, its case's inputs and data that the student's function never saw (``held_out``) into
  plain data, which is then compared as any answer is;
- ``register`` adds one under a name, ``find`` gets it, ``measured`` applies it and never raises.

It runs where the verdict is made: on the trusted side for hidden cases, with held-out data that no submission sees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from mechanisms.check.codec import NotPlain, plain
from mechanisms.errors import BuildError

MAX_CLASSES = 10_000
Measure = Callable[[Any, dict[str, Any], dict[str, Any]], Any]
_measures: dict[str, Measure] = {}


def register(name: str) -> Callable[[Measure], Measure]:
    """Register a measure; used as a decorator. Raises BuildError when the name is taken."""

    def add(measure: Measure) -> Measure:
        if name in _measures:
            raise BuildError(f"There are two measures called '{name}': choose another name.")
        _measures[name] = measure
        return measure

    return add


def find(name: str) -> Measure:
    """The measure called ``name``. Raises BuildError."""
    if name not in _measures:
        raise BuildError(f"There is no measure called '{name}': {', '.join(sorted(_measures))} are known.")
    return _measures[name]


def measured(name: str, answer: Any, inputs: dict[str, Any], held_out: dict[str, Any]) -> Any:
    """What the measure says of an answer; a refusal when the answer is nothing that it can be put to."""
    if type(answer) is dict and set(answer) & {"$raises", "$refused"}:
        return answer
    measure = find(name)
    try:
        with torch.no_grad():
            return plain(measure(answer, inputs, held_out))
    except NotPlain as error:
        return {"$refused": {"type": error.kind, "message": error.message}}
    except Exception as error:  # the answer may be of any shape and type; the measure works with tensors
        first = (str(error).splitlines() or [""])[0][:120]
        kind = type(answer).__name__
        return {"$refused": {"type": kind, "message": f"it cannot be put to use ({type(error).__name__}: {first})"}}


@register("linear-map")
def linear_map(answer: Any, inputs: dict[str, Any], held_out: dict[str, Any]) -> dict[str, Any]:
    """A matrix [d_in, n_classes] by how often the largest of ``x @ answer`` is the right class on held-out ``x``.

    ``held_out``: x [n, d_in], y [n], at_least a number between 0 and 1. The verdict is whether it is reached.
    """
    x, y = held_out["x"], held_out["y"]
    if type(answer) is not torch.Tensor or answer.ndim != 2 or answer.shape[0] != x.shape[1]:
        return {"$refused": {"type": "shape", "message": f"it is no matrix with {x.shape[1]} rows"}}
    if answer.shape[1] > MAX_CLASSES:  # the product would take the memory of whoever judges
        return {
            "$refused": {"type": "shape", "message": f"it has {answer.shape[1]} columns: one for each class is asked"}
        }
    hits = (x.double() @ answer.double()).argmax(-1) == y
    return {"reaches the accuracy asked for on data never seen": bool(hits.double().mean() >= held_out["at_least"])}


@register("caption-map")
def caption_map(answer: Any, inputs: dict[str, Any], held_out: dict[str, Any]) -> dict[str, Any]:
    """A linear map {"weight" [k * d_lm, d_img], "bias" [k * d_lm]} by the captions that it gives to images never seen.

    ``inputs``: model (a language model's name) and k. ``held_out``: features [n, d_img], labels [n, 3] (size, colour,
    category), at_least a share of right words for each of the three and for "all words". The verdict is which of them
    are reached, and whether captions differ between images at all. A map whose training left the language model
    changed ("language_model" of the answer: {"is_changed": True}) is refused: it belongs to the changed model.
    "after_few_steps" of the answer is another map, of a training that was asked for very few steps: of its words no
    more than ``at_most_after_few_steps`` may be right.
    """
    from mechanisms.check.run import model
    from mechanisms.data.scenes.creatures import ATTRIBUTES
    from mechanisms.training.limber import Map, continue_text, named

    if answer.get("language_model", {}).get("is_changed"):
        return {
            "$refused": {"type": "model", "message": "its training changed the language model, which is to be frozen"}
        }
    lm, k, features = model(inputs["model"].name), inputs["k"], held_out["features"]
    rows, columns = k * lm.config.n_embd, features.shape[1]
    maps = [answer, answer["after_few_steps"]]
    if any(given["weight"].shape != (rows, columns) or given["bias"].shape != (rows,) for given in maps):
        told = f"it is no map from {columns} numbers to {rows}: weight [{rows}, {columns}] and bias [{rows}] are asked"
        return {"$refused": {"type": "shape", "message": told}}
    said, young = (
        named(continue_text(lm, Map(given["weight"].float(), given["bias"].float(), k).prompts(features), "a", 3))
        for given in maps
    )
    hits = (said == held_out["labels"]).float()
    right = dict(zip(ATTRIBUTES, hits.mean(0).tolist(), strict=True)) | {"all words": hits.mean().item()}
    reached = {
        f"{name}: enough right on new scenes": right[name] >= least for name, least in held_out["at_least"].items()
    }
    early = (young == held_out["labels"]).float().mean().item()
    return {
        "captions differ between images": len(said.unique(dim=0)) > 1,
        **reached,
        "two steps asked for, two steps taken": early <= held_out["at_most_after_few_steps"],
        "the language model is not left in training mode": not answer["language_model"]["is_left_in_training_mode"],
    }


@register("word-vectors")
def word_vectors(answer: Any, inputs: dict[str, Any], held_out: dict[str, Any]) -> dict[str, Any]:
    """Word vectors [n_words, d] by the answers that sums of two of them give about images never seen.

    ``held_out``: images [n, d], captions [n, 5, 2] (word ids, true candidate first, then two other shapes, two other
    colours), at_least a share for "shape" and "colour", loss_at_most. The verdict: does the true caption beat those
    with another shape, and those with another colour, often enough, is it at least not avoided, and is the five-way
    cross-entropy low enough, or at least not driven up.
    """
    images, captions = held_out["images"], held_out["captions"]
    n_words, d = int(inputs["captions"].max()) + 1, images.shape[1]
    if type(answer) is not torch.Tensor or answer.ndim != 2 or answer.shape[1] != d or answer.shape[0] < n_words:
        told = f"it is no table of word vectors: one row of {d} numbers for each word is asked"
        return {"$refused": {"type": "shape", "message": told}}
    scores = (answer.float()[captions].sum(2) * images[:, None]).sum(-1)
    beaten = (scores[:, :1] > scores[:, 1:]).float().mean(0)
    shares = {"shape": beaten[:2].mean().item(), "colour": beaten[2:].mean().item()}
    reached = {
        f"{name}s told apart often enough": share >= held_out["at_least"][name] for name, share in shares.items()
    }
    loss = torch.nn.functional.cross_entropy(scores, torch.zeros(len(scores), dtype=torch.long)).item()
    reached["cross-entropy low enough"] = loss <= held_out["loss_at_most"]
    reached["cross-entropy not driven up"] = loss < 10  # random word vectors come to about 2
    return {"the true caption is not avoided": min(shares.values()) > 0.3, **reached}
