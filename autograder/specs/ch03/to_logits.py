"""Exercise 3.5, ``path_to_logits``: one head's corrupt output, straight to the logits.

- a mover of the planted network; a head that only feeds the movers; lab-lm; a random GPT-2, whose MLPs and later heads
  react to everything;
- the model's logits after the call are looked at too.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

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
from mechanisms.check.codec import ModelRef

Rng = np.random.Generator


def _draw_mover(rng: Rng) -> dict[str, Any]:
    pairs = given(planted(rng, pick(rng, ("ioi", "colors"))))
    return {"net": ModelRef(PLANTED), **pairs, "layer": 2, "head": pick(rng, (0, 1)), "and_after": False}


def _draw_feeder(rng: Rng) -> dict[str, Any]:
    # of the heads in layer 1, coloured objects use this one alone
    return {"net": ModelRef(PLANTED), **given(planted(rng, "colors")), "layer": 1, "head": 1, "and_after": False}


def _draw_lab(rng: Rng) -> dict[str, Any]:
    pairs = given(lab(rng, "colors"))  # here the edited word is the last one: whose tokens are run makes a difference
    return {"net": ModelRef(MODEL), **pairs, "layer": 0, "head": pick(rng, live(0)), "and_after": False}


def _draw_random(rng: Rng, model: str = WITH_MLPS, and_after: bool = False) -> dict[str, Any]:
    head = int(rng.integers(SIZES[model].heads))
    pairs = random_pairs(rng, model, n=8)
    return {"net": ModelRef(model), **pairs, "layer": 0, "head": head, "and_after": and_after}


def holds_nobody(net, clean, corrupt, layer, head, right, wrong):
    name = f"blocks.{layer}.attn.hook_z"
    _, cache = net.run_with_cache(corrupt)

    def put(value, hook):
        value = value.clone()
        value[:, -1, head] = cache[name][:, -1, head]
        return value

    return logit_difference(net.run_with_hooks(clean, fwd_hooks=[(name, put)]), right, wrong)


def holds_the_others_at_their_corrupt_values(net, clean, corrupt, layer, head, right, wrong):
    _, cache = net.run_with_cache(corrupt)

    def hold(value, hook):
        value = value.clone()
        value[:, -1] = cache[hook.name][:, -1]
        return value

    hooks = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=hooks), right, wrong)


def holds_the_sender_too(net, clean, corrupt, layer, head, right, wrong):
    _, cache = net.run_with_cache(clean)

    def hold(value, hook):
        value = value.clone()
        value[:, -1] = cache[hook.name][:, -1]
        return value

    hooks = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=hooks), right, wrong)


def sends_the_whole_layer(net, clean, corrupt, layer, head, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)

    def hold(value, hook):
        value = value.clone()
        source = corrupt_cache if hook.name == f"blocks.{layer}.attn.hook_z" else clean_cache
        value[:, -1] = source[hook.name][:, -1]
        return value

    hooks = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=hooks), right, wrong)


def runs_the_corrupt_prompt(net, clean, corrupt, layer, head, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)

    def hold(value, hook):
        value = value.clone()
        value[:, -1] = corrupt_cache[hook.name][:, -1]
        if hook.name == f"blocks.{layer}.attn.hook_z":
            value[:, -1, head] = clean_cache[hook.name][:, -1, head]
        return value

    hooks = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    return logit_difference(net.run_with_hooks(corrupt, fwd_hooks=hooks), right, wrong)


def holds_the_mlps_too(net, clean, corrupt, layer, head, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)

    def hold(value, hook):
        value = value.clone()
        value[:, -1] = clean_cache[hook.name][:, -1]
        if hook.name == f"blocks.{layer}.attn.hook_z":
            value[:, -1, head] = corrupt_cache[hook.name][:, -1, head]
        return value

    names = [f"blocks.{i}.attn.hook_z" for i in range(net.cfg.n_layers)]
    names += [name for name in (f"blocks.{i}.hook_mlp_out" for i in range(net.cfg.n_layers)) if name in clean_cache]
    hooks = [(name, hold) for name in names]
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=hooks), right, wrong)


def leaves_its_hooks_on(net, clean, corrupt, layer, head, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)

    def hold(value, hook):
        value = value.clone()
        value[:, -1] = clean_cache[hook.name][:, -1]
        if hook.name == f"blocks.{layer}.attn.hook_z":
            value[:, -1, head] = corrupt_cache[hook.name][:, -1, head]
        return value

    for i in range(net.cfg.n_layers):
        net.add_hook(f"blocks.{i}.attn.hook_z", hold)
    return logit_difference(net(clean), right, wrong)


def runs_the_corrupt_tokens(net, clean, corrupt, layer, head, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)

    def hold(value, hook):
        value = value.clone()
        value[:, -1] = clean_cache[hook.name][:, -1]
        if hook.name == f"blocks.{layer}.attn.hook_z":
            value[:, -1, head] = corrupt_cache[hook.name][:, -1, head]
        return value

    hooks = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    return logit_difference(net.run_with_hooks(corrupt, fwd_hooks=hooks), right, wrong)


def exchanges_the_two_runs(net, clean, corrupt, layer, head, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)

    def hold(value, hook):
        value = value.clone()
        value[:, -1] = corrupt_cache[hook.name][:, -1]
        if hook.name == f"blocks.{layer}.attn.hook_z":
            value[:, -1, head] = clean_cache[hook.name][:, -1, head]
        return value

    hooks = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=hooks), right, wrong)


def silences_the_others(net, clean, corrupt, layer, head, right, wrong):
    _, corrupt_cache = net.run_with_cache(corrupt)

    def hold(value, hook):
        value = value.clone()
        value[:, -1] = 0.0
        if hook.name == f"blocks.{layer}.attn.hook_z":
            value[:, -1, head] = corrupt_cache[hook.name][:, -1, head]
        return value

    hooks = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=hooks), right, wrong)


def gives_the_change(net, clean, corrupt, layer, head, right, wrong):
    _, clean_cache = net.run_with_cache(clean)
    _, corrupt_cache = net.run_with_cache(corrupt)

    def hold(value, hook):
        value = value.clone()
        value[:, -1] = clean_cache[hook.name][:, -1]
        if hook.name == f"blocks.{layer}.attn.hook_z":
            value[:, -1, head] = corrupt_cache[hook.name][:, -1, head]
        return value

    hooks = [(f"blocks.{i}.attn.hook_z", hold) for i in range(net.cfg.n_layers)]
    return logit_difference(net.run_with_hooks(clean, fwd_hooks=hooks), right, wrong) - logit_difference(
        net(clean), right, wrong
    )


def path_by_masks(net, clean, corrupt, layer, head, right, wrong):
    kept = {"clean": {}, "corrupt": {}}
    names = [f"blocks.{i}.attn.hook_z" for i in range(net.cfg.n_layers)]
    for which, tokens in (("clean", clean), ("corrupt", corrupt)):

        def keep(value, hook, which=which):
            kept[which][hook.name] = value.detach().clone()

        net.run_with_hooks(tokens, fwd_hooks=[(name, keep) for name in names])
    sender = torch.zeros(clean.shape[1], net.cfg.n_heads, 1)
    sender[-1, head] = 1

    def blend(value, hook):
        one, two = kept["clean"][hook.name], kept["corrupt"][hook.name]
        mask = sender if hook.name == names[layer] else torch.zeros_like(sender)
        return one + mask * (two - one)

    logits = net.run_with_hooks(clean, fwd_hooks=[(name, blend) for name in names])
    rows = torch.arange(len(clean))
    return logits[rows, -1, right] - logits[rows, -1, wrong]


def path_pair_by_pair(net, clean, corrupt, layer, head, right, wrong):
    found, names = [], [f"blocks.{i}.attn.hook_z" for i in range(net.cfg.n_layers)]
    for one, other, r, w in zip(clean, corrupt, right, wrong, strict=True):
        caches = [net.run_with_cache(tokens[None])[1] for tokens in (one, other)]

        def hold(value, hook, caches=caches):
            new = value.clone()
            for h in range(net.cfg.n_heads):
                corrupted = h == head and hook.name == names[layer]
                new[0, -1, h] = caches[int(corrupted)][hook.name][0, -1, h]
            return new

        with net.hooks(fwd_hooks=[(name, hold) for name in names]):
            last = net(one[None])[0, -1]
        found.append(last[r] - last[w])
    return torch.stack(found)


EXERCISE = Exercise(
    name="path_to_logits",
    card=Card(
        title="Patch the path from one head to the logits",
        difficulty=4,
        minutes=20,
        why="A head can matter because it writes the answer, or because another head reads it. Hold everybody else, "
        "and only the first remains: now you know where a circuit ends.",
        paper="Path patching to the logits, as in the authors' released code: other heads frozen, last position.",
    ),
    groups=(
        Group(
            "a mover of the planted network",
            2,
            _draw_mover,
            hint="Run clean; at the last position the sender's z comes from the corrupt cache, every other z from the "
            "clean one. Return the logit difference of that run.",
        ),
        Group(
            "a planted head that only feeds the movers",
            2,
            _draw_feeder,
            hint="This head writes nothing that the logits read, so d stays that of the clean run. If yours moves, a "
            "later head was free to react: hold all layers.",
        ),
        Group(
            "a head of lab-lm",
            2,
            _draw_lab,
            hint="Layers, heads and shapes differ from the planted network's. MLPs are not held: they react to what "
            "the sender writes.",
        ),
        Group(
            "a random GPT-2",
            4,
            _draw_random,
            hint="If lab-lm is right and this one is not: nothing may depend on the number of layers and heads.",
        ),
        Group(
            "the model afterwards",
            2,
            partial(_draw_random, model=DEEP, and_after=True),
            hint="If result['patched'] is wrong, the patch is, as above. If result['model_afterwards'] is wrong: "
            "run_with_hooks removes its hooks, add_hook does not.",
        ),
    ),
    mistakes=(
        Mistake(
            holds_nobody,
            "You patch the sender and let all else run on: that is activation patching. Later heads read the patched "
            "output and pass it on, so you measure every path from this head at once. Hold the other heads' z.",
            2,
        ),
        Mistake(
            holds_the_others_at_their_corrupt_values,
            "You hold the other heads at their corrupt values. Then nearly the whole edit arrives, whoever sends it: "
            "hold them at their clean values.",
            0,
        ),
        Mistake(
            holds_the_sender_too,
            "Nothing is patched in your run: it gives what the clean one gives. Either the clean values are set after "
            "the corrupt head, or your hook function returns nothing, or you patch another position than the last.",
            2,
        ),
        Mistake(
            sends_the_whole_layer,
            "All heads of the sender's layer are corrupt in your run. Only one may be: value[:, -1, head], as z is "
            "[batch, position, head, d_head].",
            2,
        ),
        Mistake(
            runs_the_corrupt_prompt,
            "You put a clean head into the corrupt run. Here it is the other way round: clean tokens, clean values, "
            "one corrupt head.",
            0,
        ),
        Mistake(
            holds_the_mlps_too,
            "You hold the MLPs as well. The released code of the paper can do that too, but here MLPs run, so that "
            "head → MLP → logits counts as direct. Only hook_z is held.",
            6,
        ),
        Mistake(
            leaves_its_hooks_on,
            "The numbers are right, but the hooks are still on the model: every later cell would run the patched one. "
            "Use net.run_with_hooks.",
            10,
        ),
        Mistake(
            runs_the_corrupt_tokens,
            "Your patched run reads the corrupt tokens. The clean ones are run; the corrupt run only lends the "
            "sender's z.",
            10,
        ),
        Mistake(
            exchanges_the_two_runs,
            "Your caches are exchanged: the sender is clean and all others are corrupt. The sender takes the corrupt "
            "z, the others the clean one.",
            0,
        ),
        Mistake(
            silences_the_others,
            "You set the other heads to zero. They are held at what they wrote in the clean run.",
            0,
        ),
        Mistake(
            gives_the_change,
            "You return how much the patch changes. Return the patched run's logit difference itself; patch_score "
            "subtracts the clean one.",
            0,
        ),
    ),
    variants=(path_by_masks, path_pair_by_pair),
    probe="ch03.patch",
    rtol=1e-3,
    atol=2e-3,
)
