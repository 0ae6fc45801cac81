"""How the exercises of chapter 06 are driven.

- ``switch_set``: its sequences, and whether the student's own ``build_sequences``, which it uses, is right;
- ``should_reset``: the steps at which the rule says yes;
- ``reset_embeddings``: a small masked model in the middle of its training, looked at after the call;
- ``forgetful_loop``: a machine that writes down what is done to it, and in which order; and whether the student's own
  ``should_reset``, which it uses, is right.

A function that is wrong only because an earlier one is wrong is told so, instead of being blamed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import torch

from mechanisms.check.probes import probe
from mechanisms.data.dual_process import World, assemble
from mechanisms.training import forgetting

RIGHT = "right, or not used"


def _earlier(function: Callable[..., Any], name: str, is_right: Callable[[Callable[..., Any]], bool]) -> str:
    """What is to be said of the function ``name`` of the same notebook: ``RIGHT``, or that it is to be mended first.

    A function that ``function`` does not call is not looked at, nor one that is not written yet.
    """
    code, known = getattr(function, "__code__", None), getattr(function, "__globals__", {})
    own = known.get(name) if name in getattr(code, "co_names", ()) else None
    try:
        wrong = own is not None and not is_right(own)
    except NotImplementedError:
        wrong = False  # the call itself says so, in a sentence of its own
    except Exception:  # a student's function may raise anything
        wrong = True
    return f"wrong: mend {name} first, until check({name}) passes" if wrong else RIGHT


@probe("ch06.switch_set")
def switch_set(function: Callable[..., Any], **inputs: Any) -> dict[str, Any] | Any:
    """The function's result, and before it whether the ``build_sequences`` that it uses is right on these tokens."""

    def is_right(build: Callable[..., Any]) -> bool:
        noun, adjective, first, asks = (
            inputs[name].clone() for name in ("noun", "adjective", "copula_first", "ask_noun_slot")
        )
        built = build(noun, adjective, first, asks, inputs["copula"], inputs["mask"])
        world = World(content=inputs["copula"], spare=0)  # its copula and its mask follow the content, as these do
        wanted = assemble(world, *(inputs[name] for name in ("noun", "adjective", "copula_first", "ask_noun_slot")))
        return torch.equal(built["tokens"], wanted[0]) and torch.equal(built["answers"], wanted[1])

    earlier = _earlier(function, "build_sequences", is_right)
    result = function(**inputs)
    return {"your build_sequences": earlier, **result} if isinstance(result, dict) else result


@probe("ch06.should_reset")
def should_reset(function: Callable[..., Any], every: int, until: int, steps: int) -> list[int] | Any:
    """The steps of 1 to ``steps`` at which the function says yes; or its first answer that is neither yes nor no."""
    found = []
    for step in range(1, steps + 1):
        answer = function(step=step, every=every, until=until)
        if not isinstance(answer, bool | int | numpy.bool_ | torch.Tensor):
            return answer
        if answer:
            found.append(step)
    return found


def _machine(vocabulary: int, d_model: int, seed: int, steps: int):
    """A masked model with a tied decoder, and an AdamW that has taken ``steps`` steps with it; also one step more."""
    from transformers import BertConfig, BertForMaskedLM

    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=d_model,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=2 * d_model,
        max_position_embeddings=8,
        type_vocab_size=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=None,
        attn_implementation="eager",
    )
    model = BertForMaskedLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.01)
    generator = torch.Generator().manual_seed(seed)

    def step() -> None:
        tokens = torch.randint(vocabulary, (6, 7), generator=generator)
        logits = model(tokens).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens.flip(1).flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for _ in range(steps):
        step()
    return model, optimizer, step


ADAM = ("exp_avg", "exp_avg_sq", "step")  # what it keeps for one parameter


@probe("ch06.reset_embeddings")
def reset_embeddings(
    function: Callable[..., Any], machine: dict[str, int], fresh: torch.Tensor, look_at: str
) -> dict[str, Any]:
    """Calls the function on a model and its optimizer, and looks at one part of what is then there.

    "tables": embeddings and decoder, and whether the embeddings are still the parameter that they were. "fresh": what
    was handed in, and the embeddings when it is then overwritten. "body": which other parameters are not exactly what
    they were, and what of Adam's memory of them is not. "optimizer": what Adam remembers of the embeddings, and the
    model's logits after one more step of training.
    """
    model, optimizer, step = _machine(**machine)
    weight = model.get_input_embeddings().weight
    body = {name: value for name, value in model.named_parameters() if value is not weight}
    before = {name: value.detach().clone() for name, value in body.items()}
    remembered = {name: _copies(optimizer.state[value]) for name, value in body.items()}
    given = fresh.clone()
    function(model=model, optimizer=optimizer, fresh=given)
    if look_at == "tables":
        return {
            "embeddings": model.get_input_embeddings().weight.detach().clone(),
            "decoder": model.get_output_embeddings().weight.detach().clone(),
            "the embeddings are the parameter that the optimizer holds": model.get_input_embeddings().weight is weight,
            "the decoder is tied to them": model.get_output_embeddings().weight is model.get_input_embeddings().weight,
        }
    if look_at == "fresh":
        found = {"fresh": given.clone()}
        given.fill_(7.0)
        table = model.get_input_embeddings().weight.detach().clone()
        return found | {"the embeddings, when fresh is overwritten later": table}
    if look_at == "body":
        return {
            "other parameters that have changed": [
                name for name, value in body.items() if not torch.equal(value, before[name])
            ],
            "what Adam no longer remembers of other parameters": sorted(
                {
                    lost
                    for name, value in body.items()
                    for lost in _lost(optimizer.state.get(value, {}), remembered[name])
                }
            ),
        }
    state = optimizer.state.get(weight, {})
    wrong = _not_adams(state)
    found = {"what is wrong in optimizer.state[weight]": wrong}
    if wrong:  # Adam would stumble over it, or go on with something that is not counted
        return found | dict.fromkeys(_SUMS.values()) | {_NEXT: None}
    found |= {words: float(state[name].abs().sum()) if state else 0.0 for name, words in _SUMS.items()}
    step()
    with torch.no_grad():
        return found | {_NEXT: model(torch.arange(7)[None]).logits}


_SUMS = {name: f"Adam's {name} of the embeddings, in all" for name in ADAM}
_NEXT = "logits after one more step"


def _copies(state: dict[str, Any]) -> dict[str, torch.Tensor]:
    return {name: state[name].clone() for name in ADAM}


def _lost(state: dict[str, Any], before: dict[str, torch.Tensor]) -> list[str]:
    """What of one parameter's memory is gone or not exactly what it was."""
    return [
        name if name in state else f"{name} (deleted)"
        for name, value in before.items()
        if not torch.is_tensor(state.get(name)) or not torch.equal(state[name], value)
    ]


def _not_adams(state: dict[str, Any]) -> list[str]:
    """Why Adam cannot go on with a parameter's memory; an empty one is filled with zeros in its next step."""
    if not state:
        return []
    return [
        f"{name} is missing" if name not in state else f"{name} should stay a tensor, not {type(state[name]).__name__}"
        for name in ADAM
        if not torch.is_tensor(state.get(name))
    ]


@probe("ch06.forgetful_loop")
def forgetful_loop(
    function: Callable[..., Any], steps: int, every: int, until: int, measure_every: int
) -> dict[str, Any]:
    """Calls the function with a machine of counters: what was done, in order, and the curve that comes back.

    A measurement gives ten times the steps taken so far, plus the resets so far. Before these stands whether the
    ``should_reset`` that the function uses is right on these steps.
    """
    done: list[str] = []

    def is_right(due: Callable[..., Any]) -> bool:
        every_step = range(1, steps + 1)
        return all(bool(due(step, every, until)) == forgetting.should_reset(step, every, until) for step in every_step)

    earlier = _earlier(function, "should_reset", is_right)

    def measure() -> int:
        done.append("measure")
        return 10 * done.count("step") + done.count("reset")

    curve = function(
        steps=steps,
        every=every,
        until=until,
        measure_every=measure_every,
        take_step=lambda: done.append("step"),
        measure=measure,
        reset=lambda: done.append("reset"),
    )
    rows = [list(row) if isinstance(row, tuple | list) else row for row in curve] if isinstance(curve, list) else curve
    return {"your should_reset": earlier, "what was done": " ".join(done), "curve": rows}
