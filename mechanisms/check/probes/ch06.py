"""How the exercises of chapter 06 are driven.

- ``should_reset``: the steps at which the rule says yes;
- ``reset_embeddings``: a small masked model in the middle of its training, looked at after the call;
- ``forgetful_loop``: a machine that writes down what is done to it, and in which order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import torch

from mechanisms.check.probes import probe


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


@probe("ch06.reset_embeddings")
def reset_embeddings(
    function: Callable[..., Any], machine: dict[str, int], fresh: torch.Tensor, look_at: str
) -> dict[str, Any]:
    """Calls the function on a model and its optimizer, and looks at one part of what is then there.

    "tables": embeddings and decoder, and whether the embeddings are still the parameter that they were. "body": all
    other parameters, and what Adam remembers of one of them. "optimizer": what Adam remembers of the embeddings, and
    the model's logits after one more step of training.
    """
    model, optimizer, step = _machine(**machine)
    weight = model.get_input_embeddings().weight
    body = [(name, value) for name, value in model.named_parameters() if value is not weight]
    function(model=model, optimizer=optimizer, fresh=fresh)
    if look_at == "tables":
        return {
            "embeddings": model.get_input_embeddings().weight.detach().clone(),
            "decoder": model.get_output_embeddings().weight.detach().clone(),
            "the embeddings are the parameter that the optimizer holds": model.get_input_embeddings().weight is weight,
            "the decoder is tied to them": model.get_output_embeddings().weight is model.get_input_embeddings().weight,
        }
    if look_at == "body":
        name, value = next((name, value) for name, value in body if "query.weight" in name)
        remembered = optimizer.state.get(value, {}).get("exp_avg")
        return {
            "sum of all other parameters": sum(value.detach().double().sum() for _, value in body),
            name: value.detach().clone(),
            f"what Adam remembers of {name}": 0.0 if remembered is None else remembered.clone(),
        }
    state = optimizer.state.get(weight, {})
    found = {
        f"Adam's {name} of the embeddings, in all": float(state[name].abs().sum()) if name in state else 0.0
        for name in ("exp_avg", "exp_avg_sq", "step")
    }
    step()
    with torch.no_grad():
        found["logits after one more step"] = model(torch.arange(7)[None]).logits
    return found


@probe("ch06.forgetful_loop")
def forgetful_loop(
    function: Callable[..., Any], steps: int, every: int, until: int, measure_every: int
) -> dict[str, Any]:
    """Calls the function with a machine of counters: what was done, in order, and the curve that comes back.

    A measurement gives ten times the steps taken so far, plus the resets so far.
    """
    done: list[str] = []

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
    return {"what was done": " ".join(done), "curve": rows}
