"""Exercise 3.8, ``override_attention``: telling heads where the last position looks.

- heads of one and of several layers, shares of one and less; the planted network, lab-lm and a random model;
- the model's logits after the call are looked at too.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake
from autograder.specs.ch03.pairs import DEEP, MODEL, PLANTED, SIZES, lab, live, pick, planted, random_pairs
from mechanisms.check.codec import ModelRef

Rng = np.random.Generator


def _places(rng: Rng, rows: int, length: int, k: int) -> torch.Tensor:
    """k different positions before the last in every row."""
    return torch.tensor(np.stack([rng.permutation(length - 1)[:k] for _ in range(rows)]))


def _draw_planted(rng: Rng, share: float) -> dict[str, Any]:
    # the inhibition head and the negative mover, onto the listed colours that are not the answer
    pairs = planted(rng, "colors")
    return {
        "net": ModelRef(PLANTED),
        "tokens": pairs.clean,
        "heads": [[1, 0], [2, 2]],
        "positions": pairs.wrong_options,
        "share": share,
        "and_after": False,
    }


def _draw_lab(rng: Rng) -> dict[str, Any]:
    pairs = lab(rng, "colors", n=3)
    heads = [[0, head] for head in rng.permutation(live(0))[:2].tolist()]
    return {
        "net": ModelRef(MODEL),
        "tokens": pairs.clean,
        "heads": heads,
        "positions": pairs.wrong_options,
        "share": float(pick(rng, (0.3, 0.7))),  # at one half share and 1 - share could be exchanged
        "and_after": False,
    }


def _draw_random(rng: Rng, and_after: bool = False, share: float = -1.0) -> dict[str, Any]:
    tokens = random_pairs(rng, DEEP)["clean"]
    heads = [[layer, head] for layer in (0, 1) for head in rng.permutation(SIZES[DEEP].heads)[:2].tolist()]
    return {
        "net": ModelRef(DEEP),
        "tokens": tokens,
        "heads": heads,
        "positions": _places(rng, *tokens.shape, k=3),
        "share": float(pick(rng, (0.4, 0.6))) if share < 0 else share,
        "and_after": and_after,
    }


def gives_every_position_the_whole_share(net, tokens, heads, positions, share):
    target = torch.zeros(tokens.shape).scatter(1, positions, 1.0)

    def force(pattern, hook):
        pattern = pattern.clone()
        for layer, head in heads:
            if hook.name == f"blocks.{layer}.attn.hook_pattern":
                pattern[:, head, -1] = (1 - share) * pattern[:, head, -1] + share * target
        return pattern

    hooks = [(f"blocks.{layer}.attn.hook_pattern", force) for layer in {layer for layer, _ in heads}]
    return net.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def changes_every_row(net, tokens, heads, positions, share):
    target = torch.zeros(tokens.shape).scatter(1, positions, 1 / positions.shape[1])

    def force(pattern, hook):
        pattern = pattern.clone()
        for layer, head in heads:
            if hook.name == f"blocks.{layer}.attn.hook_pattern":
                pattern[:, head] = (1 - share) * pattern[:, head] + share * target[:, None]
        return pattern

    hooks = [(f"blocks.{layer}.attn.hook_pattern", force) for layer in {layer for layer, _ in heads}]
    return net.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def changes_who_looks_at_the_last(net, tokens, heads, positions, share):
    target = torch.zeros(tokens.shape).scatter(1, positions, 1 / positions.shape[1])

    def force(pattern, hook):
        pattern = pattern.clone()
        for layer, head in heads:
            if hook.name == f"blocks.{layer}.attn.hook_pattern":
                pattern[:, head, :, -1] = (1 - share) * pattern[:, head, :, -1] + share * target
        return pattern

    hooks = [(f"blocks.{layer}.attn.hook_pattern", force) for layer in {layer for layer, _ in heads}]
    return net.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def changes_every_head(net, tokens, heads, positions, share):
    target = torch.zeros(tokens.shape).scatter(1, positions, 1 / positions.shape[1])

    def force(pattern, hook):
        pattern = pattern.clone()
        pattern[:, :, -1] = (1 - share) * pattern[:, :, -1] + share * target[:, None]
        return pattern

    hooks = [(f"blocks.{layer}.attn.hook_pattern", force) for layer in {layer for layer, _ in heads}]
    return net.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def adds_in_place_of_mixing(net, tokens, heads, positions, share):
    target = torch.zeros(tokens.shape).scatter(1, positions, 1 / positions.shape[1])

    def force(pattern, hook):
        pattern = pattern.clone()
        for layer, head in heads:
            if hook.name == f"blocks.{layer}.attn.hook_pattern":
                pattern[:, head, -1] = pattern[:, head, -1] + share * target
        return pattern

    hooks = [(f"blocks.{layer}.attn.hook_pattern", force) for layer in {layer for layer, _ in heads}]
    return net.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def mixes_before_the_softmax(net, tokens, heads, positions, share):
    target = torch.zeros(tokens.shape).scatter(1, positions, 1 / positions.shape[1])

    def force(pattern, hook):
        pattern = pattern.clone()
        for layer, head in heads:
            if hook.name == f"blocks.{layer}.attn.hook_pattern":
                scores = pattern[:, head, -1].clamp(min=1e-30).log()  # the scores, but for a constant
                pattern[:, head, -1] = ((1 - share) * scores + share * target).softmax(-1)
        return pattern

    hooks = [(f"blocks.{layer}.attn.hook_pattern", force) for layer in {layer for layer, _ in heads}]
    return net.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def changes_the_last_head_only(net, tokens, heads, positions, share):
    target = torch.zeros(tokens.shape).scatter(1, positions, 1 / positions.shape[1])
    hooks = []
    for layer in sorted({layer for layer, _ in heads}):
        head = [one for at, one in heads if at == layer][-1]

        def force(pattern, hook, head=head):
            pattern = pattern.clone()
            pattern[:, head, -1] = (1 - share) * pattern[:, head, -1] + share * target
            return pattern

        hooks.append((f"blocks.{layer}.attn.hook_pattern", force))
    return net.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def gives_all_positions(net, tokens, heads, positions, share):
    target = torch.zeros(tokens.shape).scatter(1, positions, 1 / positions.shape[1])

    def force(pattern, hook):
        pattern = pattern.clone()
        for layer, head in heads:
            if hook.name == f"blocks.{layer}.attn.hook_pattern":
                pattern[:, head, -1] = (1 - share) * pattern[:, head, -1] + share * target
        return pattern

    hooks = [(f"blocks.{layer}.attn.hook_pattern", force) for layer in {layer for layer, _ in heads}]
    return net.run_with_hooks(tokens, fwd_hooks=hooks)


def leaves_the_override_on(net, tokens, heads, positions, share):
    target = torch.zeros(tokens.shape).scatter(1, positions, 1 / positions.shape[1])

    def force(pattern, hook):
        pattern = pattern.clone()
        for layer, head in heads:
            if hook.name == f"blocks.{layer}.attn.hook_pattern":
                pattern[:, head, -1] = (1 - share) * pattern[:, head, -1] + share * target
        return pattern

    for layer in {layer for layer, _ in heads}:
        net.add_hook(f"blocks.{layer}.attn.hook_pattern", force)
    return net(tokens)[:, -1]


def exchanges_the_two_shares(net, tokens, heads, positions, share):
    target = torch.zeros(tokens.shape).scatter(1, positions, 1 / positions.shape[1])

    def force(pattern, hook):
        pattern = pattern.clone()
        for layer, head in heads:
            if hook.name == f"blocks.{layer}.attn.hook_pattern":
                pattern[:, head, -1] = share * pattern[:, head, -1] + (1 - share) * target
        return pattern

    hooks = [(f"blocks.{layer}.attn.hook_pattern", force) for layer in {layer for layer, _ in heads}]
    return net.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def forgets_the_share(net, tokens, heads, positions, share):
    target = torch.zeros(tokens.shape).scatter(1, positions, 1 / positions.shape[1])

    def force(pattern, hook):
        pattern = pattern.clone()
        for layer, head in heads:
            if hook.name == f"blocks.{layer}.attn.hook_pattern":
                pattern[:, head, -1] = target
        return pattern

    hooks = [(f"blocks.{layer}.attn.hook_pattern", force) for layer in {layer for layer, _ in heads}]
    return net.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def takes_the_first_rows_positions(net, tokens, heads, positions, share):
    target = torch.zeros(tokens.shape)
    target[:, positions[0]] = 1 / positions.shape[1]

    def force(pattern, hook):
        pattern = pattern.clone()
        for layer, head in heads:
            if hook.name == f"blocks.{layer}.attn.hook_pattern":
                pattern[:, head, -1] = (1 - share) * pattern[:, head, -1] + share * target
        return pattern

    hooks = [(f"blocks.{layer}.attn.hook_pattern", force) for layer in {layer for layer, _ in heads}]
    return net.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def gives_every_row_all_positions(net, tokens, heads, positions, share):
    target = torch.zeros(tokens.shape)
    target[:, positions] = 1 / positions.shape[1]

    def force(pattern, hook):
        pattern = pattern.clone()
        for layer, head in heads:
            if hook.name == f"blocks.{layer}.attn.hook_pattern":
                pattern[:, head, -1] = (1 - share) * pattern[:, head, -1] + share * target
        return pattern

    hooks = [(f"blocks.{layer}.attn.hook_pattern", force) for layer in {layer for layer, _ in heads}]
    return net.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def changes_the_first_head_only(net, tokens, heads, positions, share):
    target = torch.zeros(tokens.shape).scatter(1, positions, 1 / positions.shape[1])

    def force(pattern, hook):
        pattern = pattern.clone()
        for layer, head in heads[:1]:
            if hook.name == f"blocks.{layer}.attn.hook_pattern":
                pattern[:, head, -1] = (1 - share) * pattern[:, head, -1] + share * target
        return pattern

    hooks = [(f"blocks.{layer}.attn.hook_pattern", force) for layer in {layer for layer, _ in heads}]
    return net.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def forgets_which_layer_a_head_is_in(net, tokens, heads, positions, share):
    target = torch.zeros(tokens.shape).scatter(1, positions, 1 / positions.shape[1])

    def force(pattern, hook):
        pattern = pattern.clone()
        for _layer, head in heads:
            pattern[:, head, -1] = (1 - share) * pattern[:, head, -1] + share * target
        return pattern

    hooks = [(f"blocks.{layer}.attn.hook_pattern", force) for layer in {layer for layer, _ in heads}]
    return net.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def splits_in_two_whatever_k_is(net, tokens, heads, positions, share):
    target = torch.zeros(tokens.shape).scatter(1, positions, 1 / 2)

    def force(pattern, hook):
        pattern = pattern.clone()
        for layer, head in heads:
            if hook.name == f"blocks.{layer}.attn.hook_pattern":
                pattern[:, head, -1] = (1 - share) * pattern[:, head, -1] + share * target
        return pattern

    hooks = [(f"blocks.{layer}.attn.hook_pattern", force) for layer in {layer for layer, _ in heads}]
    return net.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def override_head_by_head(net, tokens, heads, positions, share):
    hooks = []
    for layer, head in heads:

        def force(pattern, hook, head=head):
            new = pattern.clone()
            new[:, head, -1] *= 1 - share
            for row in range(len(tokens)):
                for place in positions[row].tolist():
                    new[row, head, -1, place] += share / positions.shape[1]
            return new

        hooks.append((f"blocks.{layer}.attn.hook_pattern", force))
    with net.hooks(fwd_hooks=hooks):
        return net(tokens)[:, -1, :]


def override_through_z(net, tokens, heads, positions, share):
    kept = {}

    def keep(value, hook):
        kept[hook.layer()] = value

    def mix(z, hook):
        z = z.clone()
        rows = torch.arange(len(tokens))[:, None]
        for layer, head in heads:
            if layer == hook.layer():
                looked_at = kept[layer][rows, positions, head].mean(1)
                z[:, -1, head] = (1 - share) * z[:, -1, head] + share * looked_at
        return z

    layers = sorted({layer for layer, _ in heads})
    hooks = [(f"blocks.{layer}.attn.hook_v", keep) for layer in layers]
    hooks += [(f"blocks.{layer}.attn.hook_z", mix) for layer in layers]
    return net.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


EXERCISE = Exercise(
    name="override_attention",
    card=Card(
        title="Tell some heads where to look",
        difficulty=4,
        minutes=18,
        why="An overlap is a correlation. Making a head do in one task what it does in another, and watching the model "
        "get better, is an experiment.",
        paper="The intervention of section 5: attention of the inhibition heads and the negative mover forced onto the "
        "wrong colours.",
    ),
    groups=(
        Group(
            "planted: two heads, share 1",
            2,
            partial(_draw_planted, share=1.0),
            hint="The row of the last position becomes 1/k on each of the k positions and 0 elsewhere, for these heads "
            "only; return the logits at the last position, [batch, vocab].",
        ),
        Group(
            "planted: a mixture",
            2,
            partial(_draw_planted, share=0.4),
            hint="(1 - share) times the head's own row, plus share times the equal split: the row still sums to 1.",
        ),
        Group(
            "two heads of one layer of lab-lm",
            3,
            _draw_lab,
            hint="Both heads of the layer change, the others do not.",
        ),
        Group(
            "a random model, heads in two layers",
            2,
            _draw_random,
            hint="Later heads are live: a head in a later layer mixes with the row that it has after the change below.",
        ),
        Group(
            "share 0 changes nothing",
            1,
            partial(_draw_random, share=0.0),
            cases=1,
            hint="With share = 0 the logits are those of the unchanged model.",
        ),
        Group(
            "the model afterwards",
            2,
            partial(_draw_random, and_after=True),
            hint="If result['overridden'] is wrong, the override is, as above. If result['model_afterwards'] is wrong: "
            "run_with_hooks removes its hooks, add_hook does not.",
        ),
    ),
    mistakes=(
        Mistake(
            gives_every_position_the_whole_share,
            "Every position gets the whole share, so that the row sums to more than 1 and the head speaks louder than "
            "any attention could: divide by the number of positions.",
            1,
        ),
        Mistake(
            changes_every_row,
            "You change where every position looks. Only the last one is told: pattern[:, head, -1].",
            5,
        ),
        Mistake(
            changes_who_looks_at_the_last,
            "You change a column: who looks at the last position. The axes are [batch, head, query, key]; the row of "
            "the last query is pattern[:, head, -1].",
            1,
        ),
        Mistake(
            changes_every_head,
            "You override all heads of the layer. The movers and all others keep their own pattern.",
            1,
        ),
        Mistake(
            adds_in_place_of_mixing,
            "You add the new attention to the old one: the row sums to 1 + share. Take share away from the head's own "
            "row first.",
            1,
        ),
        Mistake(
            mixes_before_the_softmax,
            "You mix before the softmax. A score of 1/k is not an attention of 1/k: softmax turns it into an almost "
            "flat row. Hook in after it, at hook_pattern.",
            1,
        ),
        Mistake(
            changes_the_last_head_only,
            "Of several heads in one layer only one changes. Either a later hook has replaced the earlier one, or your "
            "hook function looks at `head` when it runs, after the loop: loop over the heads inside the hook.",
            5,
        ),
        Mistake(
            gives_all_positions,
            "You return the logits of all positions. Those at the last one are asked for, [batch, vocab].",
            0,
        ),
        Mistake(
            leaves_the_override_on,
            "The logits are right, but the heads are still overridden: every later cell would run the changed model. "
            "Use net.run_with_hooks.",
            10,
        ),
        Mistake(
            exchanges_the_two_shares,
            "share and 1 - share are exchanged: share is what the positions get, 1 - share what is left of the head's "
            "own row.",
            0,
        ),
        Mistake(
            forgets_the_share,
            "You replace the whole row, whatever share is. Keep 1 - share of the head's own attention.",
            2,
        ),
        Mistake(
            takes_the_first_rows_positions,
            "You use the first row's positions for all rows. Row 1 of the batch looks at positions[1].",
            1,
        ),
        Mistake(
            gives_every_row_all_positions,
            "Every row looks at the positions of all rows: indexing with [:, positions] does that. Use scatter, or row "
            "numbers of shape [batch, 1] beside positions.",
            1,
        ),
        Mistake(
            changes_the_first_head_only,
            "Only the first head in the list changes: all of them do, in one run.",
            1,
        ),
        Mistake(
            forgets_which_layer_a_head_is_in,
            "Every hook changes all heads in the list, whatever layer it sits in: head 2 of layer 2 changes head 2 of "
            "layer 1 as well. Compare the layer with hook.name.",
            4,
        ),
        Mistake(
            splits_in_two_whatever_k_is,
            "You give one half to each position. k is positions.shape[1], and it is not always two.",
            8,
        ),
    ),
    variants=(override_head_by_head, override_through_z),
    probe="ch03.override",
    rtol=1e-3,
    atol=2e-3,
)
