"""Exercise 1.4, ``capture_ffn``: the output vector of the FFN that turns argument into answer, from one prompt.

- planted networks, whose flipping layer is known and differs; lab-relational; random-relational, where the flip of two
  drawn tokens is searched for;
- prompts in which more than one FFN flips them, and prompts in which none does.
"""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake
from autograder.specs.ch01 import prompts
from mechanisms import models
from mechanisms.check.codec import ModelRef

Rng = np.random.Generator


def takes_the_stream_after_the_ffn(model, prompt, argument, answer):
    _, cache = model.run_with_cache(prompt[None])
    for layer in range(model.cfg.n_layers):
        if f"blocks.{layer}.hook_mlp_out" not in model.hook_dict:
            continue
        after = cache[f"blocks.{layer}.hook_resid_post"][0, -1]
        before = after - cache[f"blocks.{layer}.hook_mlp_out"][0, -1]
        one, two = (model.unembed(model.ln_final(x)) for x in (before, after))
        if one[answer] <= one[argument] and two[answer] > two[argument]:
            return {"layer": layer, "vector": after}
    raise ValueError("no FFN turns the argument into the answer")


def takes_the_input_of_the_ffn(model, prompt, argument, answer):
    _, cache = model.run_with_cache(prompt[None])
    for layer in range(model.cfg.n_layers):
        if f"blocks.{layer}.hook_mlp_out" not in model.hook_dict:
            continue
        after = cache[f"blocks.{layer}.hook_resid_post"][0, -1]
        before = after - cache[f"blocks.{layer}.hook_mlp_out"][0, -1]
        one, two = (model.unembed(model.ln_final(x)) for x in (before, after))
        if one[answer] <= one[argument] and two[answer] > two[argument]:
            return {"layer": layer, "vector": before}
    raise ValueError("no FFN turns the argument into the answer")


def averages_over_positions(model, prompt, argument, answer):
    _, cache = model.run_with_cache(prompt[None])
    for layer in range(model.cfg.n_layers):
        if f"blocks.{layer}.hook_mlp_out" not in model.hook_dict:
            continue
        after = cache[f"blocks.{layer}.hook_resid_post"][0, -1]
        before = after - cache[f"blocks.{layer}.hook_mlp_out"][0, -1]
        one, two = (model.unembed(model.ln_final(x)) for x in (before, after))
        if one[answer] <= one[argument] and two[answer] > two[argument]:
            return {"layer": layer, "vector": cache[f"blocks.{layer}.hook_mlp_out"][0].mean(0)}
    raise ValueError("no FFN turns the argument into the answer")


def takes_the_first_position(model, prompt, argument, answer):
    _, cache = model.run_with_cache(prompt[None])
    for layer in range(model.cfg.n_layers):
        if f"blocks.{layer}.hook_mlp_out" not in model.hook_dict:
            continue
        after = cache[f"blocks.{layer}.hook_resid_post"][0, -1]
        before = after - cache[f"blocks.{layer}.hook_mlp_out"][0, -1]
        one, two = (model.unembed(model.ln_final(x)) for x in (before, after))
        if one[answer] <= one[argument] and two[answer] > two[argument]:
            return {"layer": layer, "vector": cache[f"blocks.{layer}.hook_mlp_out"][0, 0]}
    raise ValueError("no FFN turns the argument into the answer")


def counts_attention_in(model, prompt, argument, answer):
    _, cache = model.run_with_cache(prompt[None])
    for layer in range(model.cfg.n_layers):
        if f"blocks.{layer}.hook_mlp_out" not in model.hook_dict:
            continue
        after = cache[f"blocks.{layer}.hook_resid_post"][0, -1]
        before = after - cache[f"blocks.{layer}.hook_mlp_out"][0, -1]
        one, two = (model.unembed(model.ln_final(x)) for x in (before, after))
        if one[answer] <= one[argument] and two[answer] > two[argument]:
            vector = cache[f"blocks.{layer}.hook_mlp_out"][0, -1] + cache[f"blocks.{layer}.hook_attn_out"][0, -1]
            return {"layer": layer, "vector": vector}
    raise ValueError("no FFN turns the argument into the answer")


def counts_ffns_and_not_layers(model, prompt, argument, answer):
    _, cache = model.run_with_cache(prompt[None])
    layers = [layer for layer in range(model.cfg.n_layers) if f"blocks.{layer}.hook_mlp_out" in model.hook_dict]
    for number, layer in enumerate(layers):
        after = cache[f"blocks.{layer}.hook_resid_post"][0, -1]
        vector = cache[f"blocks.{layer}.hook_mlp_out"][0, -1]
        one, two = (model.unembed(model.ln_final(x)) for x in (after - vector, after))
        if one[answer] <= one[argument] and two[answer] > two[argument]:
            return {"layer": number, "vector": vector}
    raise ValueError("no FFN turns the argument into the answer")


def takes_the_highest_that_flips(model, prompt, argument, answer):
    _, cache = model.run_with_cache(prompt[None])
    for layer in reversed(range(model.cfg.n_layers)):
        if f"blocks.{layer}.hook_mlp_out" not in model.hook_dict:
            continue
        after = cache[f"blocks.{layer}.hook_resid_post"][0, -1]
        vector = cache[f"blocks.{layer}.hook_mlp_out"][0, -1]
        one, two = (model.unembed(model.ln_final(x)) for x in (after - vector, after))
        if one[answer] <= one[argument] and two[answer] > two[argument]:
            return {"layer": layer, "vector": vector}
    raise ValueError("no FFN turns the argument into the answer")


def looks_before_the_attention(model, prompt, argument, answer):
    _, cache = model.run_with_cache(prompt[None])
    for layer in range(model.cfg.n_layers):
        if f"blocks.{layer}.hook_mlp_out" not in model.hook_dict:
            continue
        after = cache[f"blocks.{layer}.hook_resid_post"][0, -1]
        before = cache[f"blocks.{layer}.hook_resid_pre"][0, -1]
        one, two = (model.unembed(model.ln_final(x)) for x in (before, after))
        if one[answer] <= one[argument] and two[answer] > two[argument]:
            return {"layer": layer, "vector": cache[f"blocks.{layer}.hook_mlp_out"][0, -1]}
    raise ValueError("no FFN turns the argument into the answer")


def decodes_without_the_layernorm(model, prompt, argument, answer):
    _, cache = model.run_with_cache(prompt[None])
    for layer in range(model.cfg.n_layers):
        if f"blocks.{layer}.hook_mlp_out" not in model.hook_dict:
            continue
        after = cache[f"blocks.{layer}.hook_resid_post"][0, -1]
        vector = cache[f"blocks.{layer}.hook_mlp_out"][0, -1]
        one, two = (model.unembed(x) for x in (after - vector, after))
        if one[answer] <= one[argument] and two[answer] > two[argument]:
            return {"layer": layer, "vector": vector}
    raise ValueError("no FFN turns the argument into the answer")


def takes_the_last_ffn(model, prompt, argument, answer):
    _, cache = model.run_with_cache(prompt[None])
    layers = [layer for layer in range(model.cfg.n_layers) if f"blocks.{layer}.hook_mlp_out" in model.hook_dict]
    leads = []
    for layer in layers:
        after = cache[f"blocks.{layer}.hook_resid_post"][0, -1]
        before = after - cache[f"blocks.{layer}.hook_mlp_out"][0, -1]
        one, two = (model.unembed(model.ln_final(x)) for x in (before, after))
        leads.append(bool(one[answer] <= one[argument] and two[answer] > two[argument]))
    if not any(leads):
        raise ValueError("no FFN turns the argument into the answer")
    return {"layer": layers[-1], "vector": cache[f"blocks.{layers[-1]}.hook_mlp_out"][0, -1]}


def never_looks_before_the_ffn(model, prompt, argument, answer):
    _, cache = model.run_with_cache(prompt[None])
    for layer in range(model.cfg.n_layers):
        if f"blocks.{layer}.hook_mlp_out" not in model.hook_dict:
            continue
        logits = model.unembed(model.ln_final(cache[f"blocks.{layer}.hook_resid_post"][0, -1]))
        if logits[answer] > logits[argument]:
            return {"layer": layer, "vector": cache[f"blocks.{layer}.hook_mlp_out"][0, -1]}
    raise ValueError("no FFN turns the argument into the answer")


def never_refuses(model, prompt, argument, answer):
    _, cache = model.run_with_cache(prompt[None])
    found = None
    for layer in range(model.cfg.n_layers):
        if f"blocks.{layer}.hook_mlp_out" not in model.hook_dict:
            continue
        after = cache[f"blocks.{layer}.hook_resid_post"][0, -1]
        own = cache[f"blocks.{layer}.hook_mlp_out"][0, -1]
        one, two = (model.unembed(model.ln_final(x)) for x in (after - own, after))
        if one[answer] <= one[argument] and two[answer] > two[argument]:
            return {"layer": layer, "vector": own}
        found = {"layer": layer, "vector": own}
    return found


def captures_with_hooks(model, prompt, argument, answer):
    outputs, streams = {}, {}

    def keep(value, hook):
        layer = int(hook.name.split(".")[1])
        (outputs if "mlp" in hook.name else streams)[layer] = value[0, -1].clone()

    names = [name for name in model.hook_dict if name.endswith(("hook_mlp_out", "hook_resid_post"))]
    model.run_with_hooks(prompt[None], fwd_hooks=[(name, keep) for name in names])

    def lead(stream):
        logits = model.unembed(model.ln_final(stream))
        return (logits[answer] - logits[argument]).item()

    for layer in sorted(outputs):
        if lead(streams[layer] - outputs[layer]) <= 0 < lead(streams[layer]):
            return {"vector": outputs[layer], "layer": layer}
    raise ValueError("nothing flips")


def captures_in_one_pass_over_the_stream(model, prompt, argument, answer):
    _, cache = model.run_with_cache(prompt.unsqueeze(0))
    stream = cache["blocks.0.hook_resid_pre"][0, -1]
    for layer in range(model.cfg.n_layers):
        stream = stream + cache[f"blocks.{layer}.hook_attn_out"][0, -1]
        if f"blocks.{layer}.hook_mlp_out" not in model.hook_dict:
            continue
        vector = cache[f"blocks.{layer}.hook_mlp_out"][0, -1]
        both = model.unembed(model.ln_final(torch.stack([stream, stream + vector])))
        ahead = both[:, answer] > both[:, argument]
        stream = stream + vector
        if ahead[1] and not ahead[0]:
            return {"layer": layer, "vector": vector}
    raise ValueError("no flip")


class _RunOnce:
    """A model that has run its prompt already: the slips of a drawn case all look at the same cache."""

    def __init__(self, model: Any, prompt: torch.Tensor) -> None:
        self._model, self._run = model, model.run_with_cache(prompt[None])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def run_with_cache(self, tokens: torch.Tensor) -> Any:
        """Logits and cache of the prompt that it was made with."""
        return self._run


def _answer(function: Any, inputs: dict[str, Any]) -> Any:
    """What a function says about a case: (layer, vector), or None where it refuses."""
    try:
        found = function(**inputs)
    except ValueError:
        return None
    return found["layer"], found["vector"]


def _differ(one: Any, two: Any) -> bool:
    if one is None or two is None:
        return one is not two
    return one[0] != two[0] or not torch.allclose(one[1], two[1], atol=1e-2, rtol=1e-2)


def _margin(inputs: dict[str, Any]) -> float:
    """How far the answer is from the argument at its closest, before and after every FFN: no rounding may decide."""
    model, found = inputs["model"], []
    _, cache = model.run_with_cache(inputs["prompt"][None])
    for layer in model.cfg.ffn_layers:
        after = cache[f"blocks.{layer}.hook_resid_post"][0, -1]
        before = after - cache[f"blocks.{layer}.hook_mlp_out"][0, -1]
        logits = model.unembed(model.ln_final(torch.stack([before, after])))
        found.append((logits[:, inputs["answer"]] - logits[:, inputs["argument"]]).abs().min().item())
    return min(found)


def _case(rng: Rng, kind: str) -> dict[str, Any]:
    if kind == "planted":
        name = f"{prompts.PLANTED}{int(rng.integers(1, 3))}"  # never the last FFN: some take that one
        tokens, argument, answer = prompts.planted_facts(rng, 1)
    elif kind == prompts.LAB:
        name = kind
        tokens, argument, answer = prompts.lab_facts(rng, 1)
    else:
        name, tokens = kind, prompts.random_tokens(rng, 1)
        argument, answer = (torch.tensor([token]) for token in rng.choice(40, 2, replace=False))
    return {
        "model": ModelRef(name),
        "prompt": tokens[0],
        "argument": int(argument[0]),
        "answer": int(answer[0]),
    }


def _draw(
    rng: Rng,
    kind: str,
    slips: tuple[Any, ...] = (),
    flips: bool = True,
    harmless: tuple[Any, ...] = (),
    layer: int | None = None,
) -> dict[str, Any]:
    """A case on which every slip gives a wrong vector (a refusal would not tell which slip it was) and every harmless
    one the right answer, so that points do not depend on the draw. ``layer``: the one that must be right, if any.
    The slips of ``_STREAMS`` differ from each other and from one that never refuses, too."""

    def wanted(case: dict[str, Any]) -> bool:
        inputs = case | {"model": _RunOnce(models.load(case["model"].name), case["prompt"])}
        right = _answer(captures_in_one_pass_over_the_stream, inputs)
        if (right is not None) != flips or (layer is not None and right[0] != layer) or _margin(inputs) < 0.02:
            return False
        if any(_differ(_answer(slip, inputs), right) for slip in harmless):
            return False
        found = {slip: _answer(slip, inputs) for slip in slips}
        apart = [found[slip] for slip in (*_STREAMS, never_refuses) if slip in found]
        return all(one is not None and _differ(one, right) for one in found.values()) and all(
            _differ(one, two) for one, two in combinations(apart, 2)
        )

    return prompts.until(rng, lambda rng: _case(rng, kind), wanted, 5000)


_VECTORS = (
    takes_the_stream_after_the_ffn,
    takes_the_input_of_the_ffn,
    averages_over_positions,
    takes_the_first_position,
)
_STREAMS = (looks_before_the_attention, decodes_without_the_layernorm)

EXERCISE = Exercise(
    name="capture_ffn",
    card=Card(
        title="Catch the vector that turns argument into answer",
        difficulty=4,
        minutes=20,
        why="One feed-forward network adds one vector, and the leader changes from *Poland* to *Warsaw*. Is that "
        "vector "
        "about Poland, or is it 'the capital of'? First you must have it.",
        paper="The worked example: FFN 19 of GPT-2 medium turns Poland into Warsaw; its output is the vector o.",
    ),
    groups=(
        Group(
            "planted networks",
            4,
            partial(_draw, kind="planted", slips=(*_VECTORS, counts_ffns_and_not_layers)),
            cases=3,
            hint="For each FFN, lowest first: decode the stream just before it (hook_resid_mid) and "
            "just after (hook_resid_post), at the last position. The first with the answer not ahead before and ahead "
            "after is the one; its hook_mlp_out is the vector.",
        ),
        Group(
            "a random model of other sizes",
            3,
            partial(
                _draw,
                kind=prompts.RANDOM,
                slips=(
                    *_VECTORS,
                    counts_attention_in,
                    counts_ffns_and_not_layers,
                    takes_the_last_ffn,
                    never_looks_before_the_ffn,
                ),
                harmless=(*_STREAMS, takes_the_highest_that_flips),
            ),
            cases=3,
            hint="If the planted networks are right and this one is not: attention flips as well, and some layers have "
            "no FFN. Look just before and just after each FFN, in ffn_layers(model), and compare the two logits alone: "
            "neither token need be on top of all.",
        ),
        Group(
            "more than one FFN that flips",
            2,
            partial(
                _draw,
                kind=prompts.RANDOM,
                slips=(*_VECTORS, counts_attention_in, takes_the_highest_that_flips),
                harmless=_STREAMS,
                layer=0,
            ),
            hint="The lowest counts: go through ffn_layers(model), whichever layers these are, from the first on, and "
            "return at the first that qualifies.",
        ),
        Group(
            "nothing flips",
            3,
            partial(
                _draw,
                kind=prompts.RANDOM,
                slips=(never_looks_before_the_ffn, never_refuses, *_STREAMS),
                flips=False,
            ),
            hint="If no FFN turns the argument into the answer, raise ValueError.",
            raises="ValueError",
        ),
    ),
    mistakes=(
        Mistake(
            takes_the_stream_after_the_ffn,
            "The layer is right and the vector is the whole stream after it. Asked is what the FFN adds: hook_mlp_out.",
            3,
        ),
        Mistake(
            takes_the_input_of_the_ffn,
            "The layer is right and the vector is what stands in the stream before the FFN. Asked is what the FFN "
            "adds: "
            "hook_mlp_out.",
            3,
        ),
        Mistake(
            averages_over_positions,
            "You average the FFN's output over positions. What comes next is decided at the last one: [0, -1].",
            3,
        ),
        Mistake(
            takes_the_first_position,
            "You take the FFN's output at the first position. What comes next is decided at the last one: [0, -1].",
            3,
        ),
        Mistake(
            counts_attention_in,
            "Your vector is what the whole layer adds, its attention included. Asked is the FFN's part alone: "
            "hook_mlp_out.",
            7,
        ),
        Mistake(
            counts_ffns_and_not_layers,
            "Your layer is the FFN's place among the FFNs. Some layers have none: return the layer's own number, as in "
            "ffn_layers(model).",
            5,
        ),
        Mistake(
            takes_the_highest_that_flips,
            "Where several FFNs qualify you take the highest. The lowest is asked.",
            10,
        ),
        Mistake(
            looks_before_the_attention,
            "You look at the stream before the layer's attention (hook_resid_pre), so what attention turned is put "
            "down to the FFN. Just before the FFN is hook_resid_mid.",
            9,
        ),
        Mistake(
            decodes_without_the_layernorm,
            "You compare the logits of the raw stream. Decode it as in exercise 1: through model.ln_final once, then "
            "model.unembed.",
            9,
        ),
        Mistake(
            takes_the_last_ffn,
            "You always take the last FFN. The flip may come earlier: look before and after each one.",
            3,
        ),
        Mistake(
            never_looks_before_the_ffn,
            "You take the first layer after which the answer leads. It may have led before this FFN already (attention "
            "flips too): the answer must not be ahead just before the FFN.",
            6,
        ),
        Mistake(
            never_refuses,
            "Where no FFN turns the argument into the answer you return some vector all the same. Raise ValueError: a "
            "wrong vector is worse than none.",
            9,
        ),
    ),
    variants=(captures_with_hooks, captures_in_one_pass_over_the_stream),
    rtol=1e-3,
    atol=1e-3,
)
