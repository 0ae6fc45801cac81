"""The planted network does what it says: its roles, its ground truth, its files."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file

from mechanisms import models
from mechanisms.models import lab
from mechanisms.models import planted as network
from mechanisms.training import measure_circuits as circuits

MOVERS = [(2, 0), (2, 1), (2, 2)]


def accuracy(model, pairs):
    return (model(pairs.clean)[:, -1].argmax(-1) == pairs.right).float().mean().item()


def test_it_solves_two_tasks_and_half_of_the_third(planted):
    generator = torch.Generator().manual_seed(4)
    assert accuracy(planted, network.indirect_objects(300, generator)) == 1
    assert accuracy(planted, network.partners(300, generator)) == 1
    assert 0.45 < accuracy(planted, network.colored_objects(1000, generator)) < 0.65


@pytest.mark.parametrize("task", list(network.TRUTH))
def test_path_patching_finds_the_truth_and_nothing_else(planted, planted_pairs, task):
    truth, pairs = network.TRUTH[task], planted_pairs[task]
    direct = circuits.effects(planted, pairs)
    assert {divmod(i, 4) for i in (direct.flatten().abs() > 0.01).nonzero()[:, 0].tolist()} == set(truth["logits"])
    assert direct.sum().item() == pytest.approx(1, abs=0.02), "the paths to the logits add up to the whole effect"
    queries = circuits.effects(planted, pairs, MOVERS, "q")
    found = {divmod(i, 4) for i in (queries.flatten().abs() > 0.01).nonzero()[:, 0].tolist()}
    assert found == set(truth["mover queries"])
    for feeder in truth["mover queries"]:
        values = circuits.effects(planted, pairs, [feeder], "v", pairs.repeat)
        assert {divmod(i, 4) for i in (values.flatten().abs() > 0.01).nonzero()[:, 0].tolist()} == set(truth["repeat"])


def test_the_previous_token_head_is_needed_and_never_found(planted, planted_pairs):
    pairs = planted_pairs["coloured objects"]
    hook = [("blocks.0.attn.hook_z", lambda z, hook: z * torch.tensor([0.0, 1, 1, 1])[:, None])]
    without = planted.run_with_hooks(pairs.clean, fwd_hooks=hook)
    lost = circuits.logit_difference(without, pairs.right, pairs.wrong).mean()
    whole = circuits.logit_difference(planted(pairs.clean), pairs.right, pairs.wrong).mean()
    assert whole > 2 and lost < 0.5 * whole
    assert circuits.effects(planted, pairs, MOVERS, "q")[0, 0].abs() < 0.01


def test_a_pair_that_exchanges_two_objects_finds_the_previous_token_head(planted, planted_pairs):
    """What the mark scheme says: in the movers' keys at the two colours, half of the effect at each. Exchanging the
    colours does not find it: what stands before a colour is the same."""
    pairs = planted_pairs["coloured objects"]
    rows = torch.arange(len(pairs))[:, None]
    said = pairs.clean.gather(1, pairs.options)
    colors = torch.stack([pairs.options[said == answer[:, None]] for answer in (pairs.right, pairs.wrong)], 1)
    for before, found in ((1, 0.5), (0, 0.0)):
        corrupt = pairs.clean.clone()
        corrupt[rows, colors - before] = pairs.clean[rows, colors.flip(1) - before]
        exchanged = dataclasses.replace(pairs, corrupt=corrupt)
        for place in colors.T:
            scores = circuits.effects(planted, exchanged, MOVERS, "k", place)
            assert scores[0, 0].item() == pytest.approx(found, abs=0.06)
            scores[0, 0] = 0
            assert scores.abs().max() < 0.01


def test_the_repair_is_that_of_the_paper_in_direction(planted):
    pairs = network.colored_objects(600, torch.Generator().manual_seed(5))

    def hits(heads, positions):
        return (circuits.override(planted, pairs.clean, heads, positions).argmax(-1) == pairs.right).float().mean()

    base = accuracy(planted, pairs)
    one, other, both = (hits(heads, pairs.wrong_options) for heads in ([(2, 2)], [(1, 0)], [(1, 0), (2, 2)]))
    assert base + 0.15 < one < other < both and both > 0.95
    assert hits([(1, 0), (2, 2)], pairs.wrong_options - 1).item() == pytest.approx(base, abs=0.01)


def test_the_files_are_written_again_with_the_same_weights(tmp_path):
    network.write(tmp_path)
    shipped = models.checkpoint_folder("planted-circuit")
    first, again = (load_file(folder / "model.safetensors") for folder in (shipped, tmp_path))
    assert first.keys() == again.keys() and all(torch.equal(first[name], again[name]) for name in first)
    assert json.loads((tmp_path / "card.json").read_text()) == models.card("planted-circuit")
    assert lab.boot(tmp_path).cfg == models.load("planted-circuit").cfg


def test_layernorm_only_multiplies(planted, planted_pairs):
    names = [f"blocks.{layer}.hook_resid_post" for layer in range(3)]
    for pairs in planted_pairs.values():
        _, cache = planted.run_with_cache(pairs.clean)
        for name in names:
            stream = cache[name]
            assert stream.mean(-1).abs().max() < 1e-3
            scale = stream.std(-1, unbiased=False)
            assert (scale.max() - scale.min()) / scale.min() < 0.02
