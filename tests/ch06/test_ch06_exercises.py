"""What the eight functions promise beyond the cases of their checks."""

from __future__ import annotations

import copy

import pytest
import torch

from mechanisms.data import dual_process as lab
from mechanisms.training import forgetting
from mechanisms.training.measure_dual import hard, test_sets, two_alternative


def coins(n, seed=0):
    return torch.rand(n, generator=torch.Generator().manual_seed(seed)) < 0.5


def test_ranks_occur_as_often_as_the_law_says(solution):
    uniform = torch.rand(40_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    counts = torch.bincount(solution["zipf_ranks"](uniform, 30, 1.2), minlength=30) / 40_000
    torch.testing.assert_close(counts.double(), lab.zipf(30, 1.2), atol=0.01, rtol=0)


def test_sequences_are_those_of_the_library(solution, world):
    noun, adjective = lab.draw(world, 50, torch.Generator().manual_seed(0))
    tokens, answers = lab.assemble(world, noun, adjective, coins(50), coins(50, 1))
    built = solution["build_sequences"](noun, adjective, coins(50), coins(50, 1), world.copula, world.mask)
    assert torch.equal(built["tokens"], tokens) and torch.equal(built["answers"], answers)


def test_the_switch_set_is_right_by_structure_and_wrong_by_identity(solution, world):
    noun, adjective = torch.arange(60), torch.arange(60) + world.half
    found = solution["switch_set"](
        noun, adjective, world.is_ambiguous, coins(60), coins(60, 1), world.copula, world.mask
    )
    kept = ~(world.is_ambiguous[noun] | world.is_ambiguous[adjective])
    assert len(found["tokens"]) == kept.sum() < 60
    in_noun_slot, in_adjective_slot = lab.slots(world, found["tokens"])
    assert torch.equal(in_noun_slot, adjective[kept]) and torch.equal(in_adjective_slot, noun[kept])
    assert (found["answers"][:, 0] < world.half).all()


def test_scores_are_those_of_the_library(solution, world, vanilla):
    for kind, test in test_sets(world, 100).items():
        logits = vanilla(test.tokens).logits
        two = solution["two_alternative"](logits, test.answers, test.candidates)
        assert two == pytest.approx(two_alternative(logits, test).float().mean().item()), kind
        assert solution["hard_accuracy"](logits, test.answers) == pytest.approx(
            hard(logits, test).float().mean().item()
        )
        assert two >= solution["hard_accuracy"](logits, test.answers)


def test_a_model_that_cannot_decide_scores_nothing(solution, world):
    test = test_sets(world, 50)["validation"]
    assert solution["two_alternative"](torch.zeros(50, 7, world.vocabulary), test.answers, test.candidates) == 0


def test_the_schedule_is_that_of_the_library(solution):
    for every, until in ((0, 0), (5, 0), (5, 15), (5, 16), (1, 3)):
        ours = [step for step in range(1, 31) if solution["should_reset"](step, every, until)]
        assert ours == [step for step in range(1, 31) if forgetting.should_reset(step, every, until)]
    assert [step for step in range(1, 31) if solution["should_reset"](step, 5, 15)] == [5, 10]


def test_the_reset_is_that_of_the_library(solution, vanilla):
    def trained(model):
        for parameter in model.parameters():
            parameter.requires_grad_(True)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        model(torch.arange(7)[None]).logits.sum().backward()
        optimizer.step()
        return optimizer

    fresh = torch.randn(vanilla.get_input_embeddings().weight.shape, generator=torch.Generator().manual_seed(0))
    other = copy.deepcopy(vanilla)
    for model, reset in ((vanilla, solution["reset_embeddings"]), (other, forgetting.reset_embeddings)):
        optimizer = trained(model)
        assert reset(model, optimizer, fresh) is None
        weight = model.get_input_embeddings().weight
        assert torch.equal(weight, fresh) and model.get_output_embeddings().weight is weight
        assert all(float(value.abs().sum()) == 0 for value in optimizer.state[weight].values())
        body = model.bert.encoder.layer[0].attention.self.query.weight
        assert float(optimizer.state[body]["step"]) == 1
    for ours, theirs in zip(vanilla.parameters(), other.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_the_loop_keeps_the_order_of_the_library(solution):
    def record(loop):
        done = []
        loop(12, 3, 9, 4, lambda: done.append("step"), lambda *_: done.append("measure"), lambda: done.append("reset"))
        return done

    assert record(solution["forgetful_loop"]) == record(forgetting.forgetful_loop)
    assert record(forgetting.forgetful_loop).count("reset") == 2
