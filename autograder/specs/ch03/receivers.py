"""Exercise 3.6, ``path_to_receivers``: one head's corrupt output into other heads' queries, keys or values.

- the planted network's two stages; lab-lm; random models, one with receivers in two layers and a third kind of reader
  behind them, one with MLPs;
- the model's logits after the call are looked at too;
- a case is drawn again until every slip that its group shall tell gives another answer on it (`_telling`): where a path
  carries next to nothing, wrong patches give what right ones give.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake
from autograder.specs.ch03.pairs import (
    DEEP,
    MODEL,
    PLANTED,
    SIZES,
    WITH_MLPS,
    given,
    lab,
    live,
    pick,
    planted,
    random_pairs,
)
from mechanisms import models
from mechanisms.check.codec import ModelRef

Rng = np.random.Generator
_RTOL, _ATOL = 1e-3, 2e-3
_FEEDER = {"ioi": [1, 0], "colors": [1, 1]}  # the head that tells the movers where to look


def _case(model: str, pairs: dict[str, Any], **rest: Any) -> dict[str, Any]:
    last = torch.full((len(pairs["clean"]),), pairs["clean"].shape[1] - 1)
    return {"net": ModelRef(model), **pairs, "position": last, "and_after": False, **rest}


def _draw_queries(rng: Rng) -> dict[str, Any]:
    task = pick(rng, ("ioi", "colors"))
    receivers = [[2, pick(rng, (0, 1))]]
    return _case(PLANTED, given(planted(rng, task)), sender=_FEEDER[task], receivers=receivers, kind="q")


def _draw_values(rng: Rng) -> dict[str, Any]:
    task = pick(rng, ("ioi", "colors"))
    pairs = planted(rng, task)
    return _case(PLANTED, given(pairs), sender=[0, 1], receivers=[_FEEDER[task]], kind="v", position=pairs.repeat)


def _draw_lab(rng: Rng) -> dict[str, Any]:
    pairs = given(lab(rng, pick(rng, ("ioi", "colors"))))
    receivers = [[1, pick(rng, live(1))]]
    return _case(MODEL, pairs, sender=[0, pick(rng, live(0))], receivers=receivers, kind="q")


def _draw_random(rng: Rng, model: str, and_after: bool = False) -> dict[str, Any]:
    heads = SIZES[model].heads
    later = (1, 2) if model == DEEP else (1,)
    receivers = [[layer, int(rng.integers(heads))] for layer in later]
    position = torch.zeros(1)
    while len(position.unique()) == 1:  # rows have places of their own
        pairs = random_pairs(rng, model)
        rows, length = pairs["clean"].shape
        # from the edited place on, where the two runs differ, and never the last
        edited = (pairs["clean"] != pairs["corrupt"]).int().argmax(1)
        position = torch.clamp(edited + torch.tensor(rng.integers(2, size=rows)), max=length - 2)
    return _case(
        model,
        pairs,
        sender=[0, int(rng.integers(heads))],
        receivers=receivers,
        kind=pick(rng, "kv"),
        position=position,
        and_after=and_after,
    )


def logit_difference(logits, right, wrong):
    """The student's of exercise 3.2, which the functions below call, for drawing cases alone."""
    rows = torch.arange(len(right))
    return logits[rows, -1, right] - logits[rows, -1, wrong]


def _telling(
    rng: Rng, draw: Callable[..., dict[str, Any]], slips: tuple[Callable[..., torch.Tensor], ...], **options: Any
) -> dict[str, Any]:
    """A case of ``draw`` on which each of the ``slips`` gives a wrong answer."""

    def answer(function: Callable[..., torch.Tensor]) -> torch.Tensor:
        values = {name: value for name, value in case.items() if name != "and_after"}
        with torch.no_grad():
            return function(**values | {"net": models.load(case["net"].name)})

    for _ in range(500):
        case = draw(rng, **options)
        right = answer(path_receiver_by_receiver)
        far = 3 * (_ATOL + _RTOL * right.abs())
        if all(((answer(slip) - right).abs() > far).any() for slip in slips):
            return case
    raise ValueError("no such case came up")


def patches_without_receivers(net, clean, corrupt, sender, receivers, kind, position, right, wrong):
    name, rows = f"blocks.{sender[0]}.attn.hook_z", torch.arange(len(clean))
    _, cache = net.run_with_cache(corrupt)

    def put(value, hook):
        value = value.clone()
        value[rows, position, sender[1]] = cache[name][rows, position, sender[1]]
        return value

    return logit_difference(net.run_with_hooks(clean, fwd_hooks=[(name, put)]), right, wrong)


def records_without_holding(net, clean, corrupt, sender, receivers, kind, position, right, wrong):
    _, cache = net.run_with_cache(corrupt)
    rows, recorded = torch.arange(len(clean)), {}

    def send(value, hook):
        value = value.clone()
        value[rows, position, sender[1]] = cache[hook.name][rows, position, sender[1]]
        return value

    def record(value, hook):
        recorded[hook.name] = value

    def put(value, hook):
        value = value.clone()
        for layer, head in receivers:
            if hook.name == f"blocks.{layer}.attn.hook_{kind}":
                value[rows, position, head] = recorded[hook.name][rows, position, head]
        return value

    names = {f"blocks.{layer}.attn.hook_{kind}" for layer, _ in receivers}
    sent = [(f"blocks.{sender[0]}.attn.hook_z", send)]
    net.run_with_hooks(clean, fwd_hooks=sent + [(name, record) for name in names])
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=[(name, put) for name in names]), right, wrong)


def takes_the_receivers_from_the_corrupt_run(net, clean, corrupt, sender, receivers, kind, position, right, wrong):
    _, cache = net.run_with_cache(corrupt)
    rows = torch.arange(len(clean))

    def put(value, hook):
        value = value.clone()
        for layer, head in receivers:
            if hook.name == f"blocks.{layer}.attn.hook_{kind}":
                value[rows, position, head] = cache[hook.name][rows, position, head]
        return value

    names = {f"blocks.{layer}.attn.hook_{kind}" for layer, _ in receivers}
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=[(name, put) for name in names]), right, wrong)


def holds_in_the_second_run_too(net, clean, corrupt, sender, receivers, kind, position, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)
    rows, recorded = torch.arange(len(clean)), {}

    def hold(value, hook):
        value = value.clone()
        value[rows, position] = clean_cache[hook.name][rows, position]
        if hook.name == f"blocks.{sender[0]}.attn.hook_z":
            value[rows, position, sender[1]] = corrupt_cache[hook.name][rows, position, sender[1]]
        return value

    def hold_all(value, hook):
        return clean_cache[hook.name]

    def record(value, hook):
        recorded[hook.name] = value

    def put(value, hook):
        value = value.clone()
        for layer, head in receivers:
            if hook.name == f"blocks.{layer}.attn.hook_{kind}":
                value[rows, position, head] = recorded[hook.name][rows, position, head]
        return value

    names = {f"blocks.{layer}.attn.hook_{kind}" for layer, _ in receivers}
    layers = range(net.cfg.n_layers)
    held = [(f"blocks.{i}.attn.hook_z", hold) for i in layers]
    net.run_with_hooks(clean, fwd_hooks=held + [(name, record) for name in names])
    still = [(f"blocks.{i}.attn.hook_z", hold_all) for i in layers]
    hooks = still + [(name, put) for name in names]
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=hooks), right, wrong)


def puts_in_the_whole_layer(net, clean, corrupt, sender, receivers, kind, position, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)
    rows, recorded = torch.arange(len(clean)), {}

    def hold(value, hook):
        value = value.clone()
        value[rows, position] = clean_cache[hook.name][rows, position]
        if hook.name == f"blocks.{sender[0]}.attn.hook_z":
            value[rows, position, sender[1]] = corrupt_cache[hook.name][rows, position, sender[1]]
        return value

    def record(value, hook):
        recorded[hook.name] = value

    def put(value, hook):
        value = value.clone()
        value[rows, position] = recorded[hook.name][rows, position]
        return value

    names = {f"blocks.{layer}.attn.hook_{kind}" for layer, _ in receivers}
    held = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    net.run_with_hooks(clean, fwd_hooks=held + [(name, record) for name in names])
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=[(name, put) for name in names]), right, wrong)


def always_patches_queries(net, clean, corrupt, sender, receivers, kind, position, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)
    rows, recorded = torch.arange(len(clean)), {}

    def hold(value, hook):
        value = value.clone()
        value[rows, position] = clean_cache[hook.name][rows, position]
        if hook.name == f"blocks.{sender[0]}.attn.hook_z":
            value[rows, position, sender[1]] = corrupt_cache[hook.name][rows, position, sender[1]]
        return value

    def record(value, hook):
        recorded[hook.name] = value

    def put(value, hook):
        value = value.clone()
        for layer, head in receivers:
            if hook.name == f"blocks.{layer}.attn.hook_q":
                value[rows, position, head] = recorded[hook.name][rows, position, head]
        return value

    names = {f"blocks.{layer}.attn.hook_q" for layer, _ in receivers}
    held = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    net.run_with_hooks(clean, fwd_hooks=held + [(name, record) for name in names])
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=[(name, put) for name in names]), right, wrong)


def always_at_the_last_position(net, clean, corrupt, sender, receivers, kind, position, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)
    recorded = {}

    def hold(value, hook):
        value = value.clone()
        value[:, -1] = clean_cache[hook.name][:, -1]
        if hook.name == f"blocks.{sender[0]}.attn.hook_z":
            value[:, -1, sender[1]] = corrupt_cache[hook.name][:, -1, sender[1]]
        return value

    def record(value, hook):
        recorded[hook.name] = value

    def put(value, hook):
        value = value.clone()
        for layer, head in receivers:
            if hook.name == f"blocks.{layer}.attn.hook_{kind}":
                value[:, -1, head] = recorded[hook.name][:, -1, head]
        return value

    names = {f"blocks.{layer}.attn.hook_{kind}" for layer, _ in receivers}
    held = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    net.run_with_hooks(clean, fwd_hooks=held + [(name, record) for name in names])
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=[(name, put) for name in names]), right, wrong)


def uses_every_position_for_every_row(net, clean, corrupt, sender, receivers, kind, position, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)
    recorded = {}

    def hold(value, hook):
        value = value.clone()
        value[:, position] = clean_cache[hook.name][:, position]
        if hook.name == f"blocks.{sender[0]}.attn.hook_z":
            value[:, position, sender[1]] = corrupt_cache[hook.name][:, position, sender[1]]
        return value

    def record(value, hook):
        recorded[hook.name] = value

    def put(value, hook):
        value = value.clone()
        for layer, head in receivers:
            if hook.name == f"blocks.{layer}.attn.hook_{kind}":
                value[:, position, head] = recorded[hook.name][:, position, head]
        return value

    names = {f"blocks.{layer}.attn.hook_{kind}" for layer, _ in receivers}
    held = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    net.run_with_hooks(clean, fwd_hooks=held + [(name, record) for name in names])
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=[(name, put) for name in names]), right, wrong)


def leaves_the_second_hooks_on(net, clean, corrupt, sender, receivers, kind, position, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)
    rows, recorded = torch.arange(len(clean)), {}

    def hold(value, hook):
        value = value.clone()
        value[rows, position] = clean_cache[hook.name][rows, position]
        if hook.name == f"blocks.{sender[0]}.attn.hook_z":
            value[rows, position, sender[1]] = corrupt_cache[hook.name][rows, position, sender[1]]
        return value

    def record(value, hook):
        recorded[hook.name] = value

    def put(value, hook):
        value = value.clone()
        for layer, head in receivers:
            if hook.name == f"blocks.{layer}.attn.hook_{kind}":
                value[rows, position, head] = recorded[hook.name][rows, position, head]
        return value

    names = {f"blocks.{layer}.attn.hook_{kind}" for layer, _ in receivers}
    held = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    net.run_with_hooks(clean, fwd_hooks=held + [(name, record) for name in names])
    for name in names:
        net.add_hook(name, put)
    return logit_difference(net(clean), right, wrong)


def keeps_the_hooks_of_the_first_run(net, clean, corrupt, sender, receivers, kind, position, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)
    rows, recorded = torch.arange(len(clean)), {}

    def hold(value, hook):
        value = value.clone()
        value[rows, position] = clean_cache[hook.name][rows, position]
        if hook.name == f"blocks.{sender[0]}.attn.hook_z":
            value[rows, position, sender[1]] = corrupt_cache[hook.name][rows, position, sender[1]]
        return value

    def record(value, hook):
        recorded[hook.name] = value

    def put(value, hook):
        value = value.clone()
        for layer, head in receivers:
            if hook.name == f"blocks.{layer}.attn.hook_{kind}":
                value[rows, position, head] = recorded[hook.name][rows, position, head]
        return value

    names = {f"blocks.{layer}.attn.hook_{kind}" for layer, _ in receivers}
    held = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    net.run_with_hooks(clean, fwd_hooks=held + [(name, record) for name in names])
    hooks = held + [(name, put) for name in names]
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=hooks), right, wrong)


def sends_the_whole_layer_on(net, clean, corrupt, sender, receivers, kind, position, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)
    rows, recorded = torch.arange(len(clean)), {}

    def hold(value, hook):
        value = value.clone()
        value[rows, position] = clean_cache[hook.name][rows, position]
        if hook.name == f"blocks.{sender[0]}.attn.hook_z":
            value[rows, position] = corrupt_cache[hook.name][rows, position]
        return value

    def record(value, hook):
        recorded[hook.name] = value

    def put(value, hook):
        value = value.clone()
        for layer, head in receivers:
            if hook.name == f"blocks.{layer}.attn.hook_{kind}":
                value[rows, position, head] = recorded[hook.name][rows, position, head]
        return value

    names = {f"blocks.{layer}.attn.hook_{kind}" for layer, _ in receivers}
    held = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    net.run_with_hooks(clean, fwd_hooks=held + [(name, record) for name in names])
    hooks = [(name, put) for name in names]
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=hooks), right, wrong)


def changes_the_first_receiver_only(net, clean, corrupt, sender, receivers, kind, position, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)
    rows, recorded = torch.arange(len(clean)), {}

    def hold(value, hook):
        value = value.clone()
        value[rows, position] = clean_cache[hook.name][rows, position]
        if hook.name == f"blocks.{sender[0]}.attn.hook_z":
            value[rows, position, sender[1]] = corrupt_cache[hook.name][rows, position, sender[1]]
        return value

    def record(value, hook):
        recorded[hook.name] = value

    def put(value, hook):
        value = value.clone()
        for layer, head in receivers[:1]:
            if hook.name == f"blocks.{layer}.attn.hook_{kind}":
                value[rows, position, head] = recorded[hook.name][rows, position, head]
        return value

    names = {f"blocks.{layer}.attn.hook_{kind}" for layer, _ in receivers}
    held = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    net.run_with_hooks(clean, fwd_hooks=held + [(name, record) for name in names])
    hooks = [(name, put) for name in names]
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=hooks), right, wrong)


def changes_the_last_receiver_only(net, clean, corrupt, sender, receivers, kind, position, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)
    rows, recorded = torch.arange(len(clean)), {}

    def hold(value, hook):
        value = value.clone()
        value[rows, position] = clean_cache[hook.name][rows, position]
        if hook.name == f"blocks.{sender[0]}.attn.hook_z":
            value[rows, position, sender[1]] = corrupt_cache[hook.name][rows, position, sender[1]]
        return value

    def record(value, hook):
        recorded[hook.name] = value

    def put(value, hook):
        value = value.clone()
        for layer, head in receivers[-1:]:
            if hook.name == f"blocks.{layer}.attn.hook_{kind}":
                value[rows, position, head] = recorded[hook.name][rows, position, head]
        return value

    names = {f"blocks.{layer}.attn.hook_{kind}" for layer, _ in receivers}
    held = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    net.run_with_hooks(clean, fwd_hooks=held + [(name, record) for name in names])
    hooks = [(name, put) for name in names]
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=hooks), right, wrong)


def puts_in_every_position(net, clean, corrupt, sender, receivers, kind, position, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)
    rows, recorded = torch.arange(len(clean)), {}

    def hold(value, hook):
        value = value.clone()
        value[rows, position] = clean_cache[hook.name][rows, position]
        if hook.name == f"blocks.{sender[0]}.attn.hook_z":
            value[rows, position, sender[1]] = corrupt_cache[hook.name][rows, position, sender[1]]
        return value

    def record(value, hook):
        recorded[hook.name] = value

    def put(value, hook):
        value = value.clone()
        for layer, head in receivers:
            if hook.name == f"blocks.{layer}.attn.hook_{kind}":
                value[:, :, head] = recorded[hook.name][:, :, head]
        return value

    names = {f"blocks.{layer}.attn.hook_{kind}" for layer, _ in receivers}
    held = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    net.run_with_hooks(clean, fwd_hooks=held + [(name, record) for name in names])
    hooks = [(name, put) for name in names]
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=hooks), right, wrong)


def takes_the_first_rows_position(net, clean, corrupt, sender, receivers, kind, position, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)
    rows, recorded = torch.arange(len(clean)), {}
    position = position[:1].expand(len(clean))

    def hold(value, hook):
        value = value.clone()
        value[rows, position] = clean_cache[hook.name][rows, position]
        if hook.name == f"blocks.{sender[0]}.attn.hook_z":
            value[rows, position, sender[1]] = corrupt_cache[hook.name][rows, position, sender[1]]
        return value

    def record(value, hook):
        recorded[hook.name] = value

    def put(value, hook):
        value = value.clone()
        for layer, head in receivers:
            if hook.name == f"blocks.{layer}.attn.hook_{kind}":
                value[rows, position, head] = recorded[hook.name][rows, position, head]
        return value

    names = {f"blocks.{layer}.attn.hook_{kind}" for layer, _ in receivers}
    held = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    net.run_with_hooks(clean, fwd_hooks=held + [(name, record) for name in names])
    hooks = [(name, put) for name in names]
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=hooks), right, wrong)


def runs_the_corrupt_tokens_again(net, clean, corrupt, sender, receivers, kind, position, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)
    rows, recorded = torch.arange(len(clean)), {}

    def hold(value, hook):
        value = value.clone()
        value[rows, position] = clean_cache[hook.name][rows, position]
        if hook.name == f"blocks.{sender[0]}.attn.hook_z":
            value[rows, position, sender[1]] = corrupt_cache[hook.name][rows, position, sender[1]]
        return value

    def record(value, hook):
        recorded[hook.name] = value

    def put(value, hook):
        value = value.clone()
        for layer, head in receivers:
            if hook.name == f"blocks.{layer}.attn.hook_{kind}":
                value[rows, position, head] = recorded[hook.name][rows, position, head]
        return value

    names = {f"blocks.{layer}.attn.hook_{kind}" for layer, _ in receivers}
    held = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    net.run_with_hooks(clean, fwd_hooks=held + [(name, record) for name in names])
    hooks = [(name, put) for name in names]
    return logit_difference(net.run_with_hooks(corrupt, fwd_hooks=hooks), right, wrong)


def gives_the_change_of_the_path(net, clean, corrupt, sender, receivers, kind, position, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)
    rows, recorded = torch.arange(len(clean)), {}

    def hold(value, hook):
        value = value.clone()
        value[rows, position] = clean_cache[hook.name][rows, position]
        if hook.name == f"blocks.{sender[0]}.attn.hook_z":
            value[rows, position, sender[1]] = corrupt_cache[hook.name][rows, position, sender[1]]
        return value

    def record(value, hook):
        recorded[hook.name] = value

    def put(value, hook):
        value = value.clone()
        for layer, head in receivers:
            if hook.name == f"blocks.{layer}.attn.hook_{kind}":
                value[rows, position, head] = recorded[hook.name][rows, position, head]
        return value

    names = {f"blocks.{layer}.attn.hook_{kind}" for layer, _ in receivers}
    held = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    net.run_with_hooks(clean, fwd_hooks=held + [(name, record) for name in names])
    hooks = [(name, put) for name in names]
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=hooks), right, wrong) - logit_difference(
        net(clean), right, wrong
    )


def path_receiver_by_receiver(net, clean, corrupt, sender, receivers, kind, position, right, wrong):
    rows, layers = torch.arange(len(clean)), range(net.cfg.n_layers)
    caches = [net.run_with_cache(tokens)[1] for tokens in (clean, corrupt)]
    mask = torch.zeros(clean.shape, dtype=torch.bool)
    mask[rows, position] = True

    def hold(layer):
        def hook(value, hook):
            source = caches[0][hook.name].clone()
            if layer == sender[0]:
                source[:, :, sender[1]] = caches[1][hook.name][:, :, sender[1]]
            return torch.where(mask[..., None, None], source, value)

        return hook

    held = [(f"blocks.{i}.attn.hook_z", hold(i)) for i in layers]
    second = []
    for layer, head in receivers:
        name, kept = f"blocks.{layer}.attn.hook_{kind}", []
        net.run_with_hooks(clean, fwd_hooks=[*held, (name, lambda value, hook, kept=kept: kept.append(value.clone()))])

        def put(value, hook, kept=kept, head=head):
            value = value.clone()
            value[:, :, head] = torch.where(mask[..., None], kept[0][:, :, head], value[:, :, head])
            return value

        second.append((name, put))
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=second), right, wrong)


def path_with_everything_held_everywhere(net, clean, corrupt, sender, receivers, kind, position, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)
    rows, wanted = torch.arange(len(clean)), {}
    for layer, head in receivers:
        wanted.setdefault(f"blocks.{layer}.attn.hook_{kind}", []).append(head)
    recorded = {}

    def hold(value, hook):
        new = clean_cache[hook.name].clone()
        if hook.layer() == sender[0]:
            new[rows, position, sender[1]] = corrupt_cache[hook.name][rows, position, sender[1]]
        return new

    def record(value, hook):
        recorded[hook.name] = value[rows, position].clone()

    def put(value, hook):
        new = value.clone()
        for head in wanted[hook.name]:
            new[rows, position, head] = recorded[hook.name][:, head]
        return new

    with net.hooks(fwd_hooks=[(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]):
        net.run_with_hooks(clean, fwd_hooks=[(name, record) for name in wanted])
    logits = net.run_with_hooks(clean, fwd_hooks=[(name, put) for name in wanted])
    return logits[rows, -1, right] - logits[rows, -1, wrong]


# What a group has to tell: everywhere, where rows have places of their own, and where receivers lie in two layers.
_EVERYWHERE = (
    takes_the_receivers_from_the_corrupt_run,
    holds_in_the_second_run_too,
    runs_the_corrupt_tokens_again,
)
_RANDOM = (
    *_EVERYWHERE,
    always_patches_queries,
    always_at_the_last_position,
    uses_every_position_for_every_row,
    takes_the_first_rows_position,
)
_DEEP = (
    records_without_holding,
    changes_the_first_receiver_only,
    changes_the_last_receiver_only,
    puts_in_every_position,
)

EXERCISE = Exercise(
    name="path_to_receivers",
    card=Card(
        title="Patch the path from one head into another's queries, keys or values",
        difficulty=5,
        minutes=25,
        why="This is how one walks back through a circuit: from the movers to the heads that tell them where to look, "
        "and from those to what they read. The paper found the inhibition heads so.",
        paper="Path patching to later heads, as in the authors' released code: the receivers' vectors are recorded in "
        "a first run and put into a second one.",
    ),
    groups=(
        Group(
            "into the queries of a planted mover",
            3,
            _draw_queries,
            hint="Two runs: one that holds and records, one that only puts the recorded vectors into the receivers.",
        ),
        Group(
            "into values, at the repeated word",
            2,
            partial(_telling, draw=_draw_values, slips=(*_EVERYWHERE, always_patches_queries)),
            hint="The position is position[row] in every row, in both runs; the hook is hook_v.",
        ),
        Group(
            "lab-lm",
            2,
            partial(_telling, draw=_draw_lab, slips=_EVERYWHERE),
            hint="In the second run nothing is held: what comes after the receivers reacts, MLPs included.",
        ),
        Group(
            "a random model of three layers",
            4,
            partial(_telling, draw=_draw_random, slips=_RANDOM + _DEEP, model=DEEP),
            cases=3,
            hint="Receivers lie in two layers here, and rows have positions of their own. In the first run every head "
            "is held at that position, the receivers in between as well.",
        ),
        Group(
            "a random GPT-2",
            1,
            partial(_telling, draw=_draw_random, slips=_RANDOM, model=WITH_MLPS),
            hint="If the others are right and this one is not: MLPs are not held, and sizes differ.",
        ),
        Group(
            "the model afterwards",
            2,
            partial(_telling, draw=_draw_random, slips=_RANDOM + _DEEP, model=DEEP, and_after=True),
            hint="If result['patched'] is wrong, the patch is, as above. If result['model_afterwards'] is wrong: "
            "run_with_hooks removes its hooks, add_hook does not.",
        ),
    ),
    mistakes=(
        Mistake(
            patches_without_receivers,
            "You never use the receivers: the sender's output reaches every later head and the logits. Record the "
            "receivers' vectors in one run and put only those into another.",
            2,
        ),
        Mistake(
            records_without_holding,
            "While you record, heads between the sender and a receiver are free. They pass the patch on, and you "
            "measure indirect paths as well: hold every other head's z in the first run.",
            8,
        ),
        Mistake(
            takes_the_receivers_from_the_corrupt_run,
            "You take the receivers' vectors from the corrupt run, where every head has sent its share. Only one "
            "sender may: record them in a clean run in which that head alone is corrupt.",
            3,
        ),
        Mistake(
            holds_in_the_second_run_too,
            "You hold the heads in the second run too, the receivers among them, so nothing can come of their new "
            "vectors. There only the receivers' q, k or v are replaced, and all else runs.",
            0,
        ),
        Mistake(
            puts_in_the_whole_layer,
            "You put recorded vectors into every head of the receivers' layers. Replace those of the receivers and of "
            "no other head: value[rows, position, head].",
            2,
        ),
        Mistake(
            always_patches_queries,
            "You patch queries whatever kind says: build the hook's name from it, f'blocks.{layer}.attn.hook_{kind}'.",
            5,
        ),
        Mistake(
            always_at_the_last_position,
            "You work at the last position. Keys and values are made where a word stands: use position, another one "
            "for each row.",
            5,
        ),
        Mistake(
            uses_every_position_for_every_row,
            "value[:, position] takes all positions in the list for every row. Row 0 goes with position[0], row 1 with "
            "position[1]: value[rows, position] with rows = torch.arange(len(clean)).",
            7,
        ),
        Mistake(
            leaves_the_second_hooks_on,
            "The numbers are right, but the hooks of the second run are still on the model: use net.run_with_hooks.",
            12,
        ),
        Mistake(
            keeps_the_hooks_of_the_first_run,
            "Your result is the first run's: the sender is still corrupt in it and the others are still held. The "
            "second run starts from clean and changes nothing but the receivers' vectors.",
            2,
        ),
        Mistake(
            sends_the_whole_layer_on,
            "All heads of the sender's layer are corrupt while you record. Only the sender may be: value[rows, "
            "position, head].",
            5,
        ),
        Mistake(
            changes_the_first_receiver_only,
            "Only the first receiver gets its recorded vector. All of them do, in one run.",
            8,
        ),
        Mistake(
            changes_the_last_receiver_only,
            "Only the last receiver gets its recorded vector. If you make a hook in a loop, it looks at `layer` and "
            "`head` when it runs, after the loop: loop over the receivers inside the hook.",
            8,
        ),
        Mistake(
            puts_in_every_position,
            "You put the recorded vectors in at every position. Only those at `position` are replaced: value[rows, "
            "position, head].",
            8,
        ),
        Mistake(
            takes_the_first_rows_position,
            "You use the first row's position for all rows. Row 0 goes with position[0], row 1 with position[1].",
            7,
        ),
        Mistake(
            runs_the_corrupt_tokens_again,
            "Your second run reads the corrupt tokens. Both runs read the clean ones; the corrupt run only lends the "
            "sender's z.",
            0,
        ),
        Mistake(
            gives_the_change_of_the_path,
            "You return how much the patch changes. Return the logit difference of the second run itself; patch_score "
            "subtracts the clean one.",
            0,
        ),
    ),
    variants=(path_receiver_by_receiver, path_with_everything_held_everywhere),
    probe="ch03.patch",
    rtol=_RTOL,
    atol=_ATOL,
)
