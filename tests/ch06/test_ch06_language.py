"""The toy language: what is drawn is what the task says, from the seed, and the test sets hold what they name."""

from __future__ import annotations

import pytest
import torch

from mechanisms.data import dual_process as lab
from mechanisms.data.dual_process import KINDS, World


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_zipf_sums_to_one_and_falls_by_the_law():
    chances = lab.zipf(200, 1.2)
    assert chances.sum().item() == pytest.approx(1) and chances[0] / chances[9] == pytest.approx(10**1.2)
    assert torch.allclose(lab.zipf(7, 0.0), torch.full((7,), 1 / 7, dtype=torch.float64))


def test_the_same_seed_draws_the_same(world):
    assert all(
        torch.equal(a, b)
        for a, b in zip(lab.practice(world, 9, generator()), lab.practice(world, 9, generator()), strict=True)
    )
    assert not torch.equal(lab.practice(world, 9, generator(0))[0], lab.practice(world, 9, generator(1))[0])


def test_a_sequence_follows_its_structure(world):
    tokens, answers = lab.practice(world, 500, generator())
    noun, adjective = lab.slots(world, tokens)
    asks_adjective = tokens[:, lab.QUERY] == adjective
    assert ((tokens[:, :3] == world.copula).sum(1) == 1).all() and (tokens[:, 2] != world.copula).all()
    assert (tokens[:, 4:] == world.mask).all()
    assert torch.equal(answers[:, 0], adjective)
    for place in (1, 2):
        assert torch.equal(answers[:, place], torch.where(asks_adjective, adjective, noun))
    assert 0.3 < asks_adjective.float().mean() < 0.7 and 0.3 < (tokens[:, 0] == world.copula).float().mean() < 0.7


def test_only_ambiguous_tokens_change_class_and_half_of_the_time(world):
    noun, adjective = lab.draw(world, 20_000, generator())
    wrong = torch.cat([noun >= world.half, adjective < world.half])
    drawn = torch.cat([noun, adjective])
    assert world.is_ambiguous[drawn[wrong]].all() and world.is_ambiguous.sum() == 40
    assert wrong.sum() / world.is_ambiguous[drawn].sum() == pytest.approx(0.5, abs=0.05)
    assert (drawn < world.content).all()


def test_a_language_without_ambiguity_has_none():
    plain = World(ambiguous=0.0)
    noun, adjective = lab.draw(plain, 1000, generator())
    assert (noun < plain.half).all() and (adjective >= plain.half).all() and not plain.is_ambiguous.any()


def test_the_cue_is_hidden_in_its_share_and_leaves_no_trace():
    tokens, _ = lab.practice(World(hidden=0.25), 8000, generator())
    hidden = (tokens[:, :3] != World().copula).all(1)
    assert hidden.float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert (tokens[hidden, 2] == World().mask).all()
    noun_first = tokens[hidden, 0] < World().half
    assert noun_first.float().mean().item() == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("kind", KINDS)
def test_sets_hold_what_they_name(world, kind):
    test = lab.test_set(world, kind, 400, generator())
    noun, adjective = test.candidates.unbind(1)
    assert (noun != adjective).all()
    assert ((test.answers == noun[:, None]) | (test.answers == adjective[:, None])).all()
    assert torch.equal(test.answers[:, 0], adjective)
    if kind == "random":
        assert (test.candidates >= world.content + 2).all()
    elif kind != "validation":
        assert not world.is_ambiguous[test.candidates].any()
        switched = kind.endswith("switch")
        assert ((noun >= world.half) == switched).all() and ((adjective < world.half) == switched).all()
        ranks = test.candidates % world.half
        assert (ranks > 170).all() if kind.startswith("tail") else (ranks < 25).all()
    if kind.endswith("no cue"):
        assert not (test.tokens == world.copula).any()
    else:
        assert torch.equal(torch.stack(lab.slots(world, test.tokens), 1), test.candidates)
