"""What the six functions promise beyond the cases of their checks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from autograder.specs.ch02.prompts import conflict_tokens
from mechanisms import models


@pytest.fixture(params=["lab-lm", "random-gpt2"])
def model(request):
    return models.load(request.param)


@pytest.fixture
def prompts():
    return conflict_tokens(np.random.default_rng(0), 12)


def test_parts_add_up_to_the_logit_difference(solution, model, prompts):
    parts = solution["logit_difference_parts"](model, **prompts)
    total = parts["heads"].sum((1, 2)) + parts["mlps"].sum(1) + parts["embed"] + parts["bias"]
    logits, rows = model(prompts["tokens"])[:, -1], torch.arange(12)
    difference = logits[rows, prompts["in_context"]] - logits[rows, prompts["memorised"]]
    torch.testing.assert_close(total, difference, rtol=1e-4, atol=1e-4)


def test_exchanging_the_answers_changes_every_sign(solution, model, prompts):
    there = solution["logit_difference_parts"](model, **prompts)
    exchanged = {"in_context": prompts["memorised"], "memorised": prompts["in_context"]}
    back = solution["logit_difference_parts"](model, prompts["tokens"], **exchanged)
    for name, part in there.items():
        torch.testing.assert_close(part, -back[name], msg=name)


def test_a_head_scaled_by_one_changes_nothing_and_leaves_nothing(solution, model, prompts):
    before = model(prompts["tokens"])[:, -1]
    torch.testing.assert_close(solution["scale_head"](model, prompts["tokens"], 1, 1, 1.0), before)
    changed = solution["scale_head"](model, prompts["tokens"], 1, 1, -3.0)
    assert not torch.allclose(changed, before, atol=1e-3)
    torch.testing.assert_close(model(prompts["tokens"])[:, -1], before, rtol=0, atol=0)


def test_silenced_heads_contribute_nothing(solution, model, prompts):
    layer = model.cfg.n_layers - 1
    hooks = [(f"blocks.{layer}.attn.hook_z", lambda z, hook: torch.zeros_like(z))]
    with model.hooks(fwd_hooks=hooks):
        silent = solution["logit_difference_parts"](model, **prompts)["heads"]
    assert silent[:, layer].abs().max() == 0 and silent[:, 0].abs().max() > 0


def test_every_prompt_of_the_lab_world_is_a_conflict(solution):
    facts, first = solution["facts"], solution["first_token"]
    recalled = list(facts)[:3]
    items = solution["build_conflict_items"](facts, recalled, first, solution["CONFLICT_TEMPLATE"])
    assert len(items) == 3 * (len(facts) - 1)
    assert all(item["in_context"] != item["memorised"] for item in items)
    tokens = solution["model"].to_tokens([item["prompt"] for item in items])
    bos = solution["model"].tokenizer.bos_token_id
    assert (tokens == bos).sum() == len(items), "exactly one <bos> in front of each prompt"
    assert (tokens != solution["model"].tokenizer.unk_token_id).all()


@pytest.mark.parametrize("seed", range(5))
def test_correlation_agrees_with_scipy_under_ties(solution, seed):
    rng = np.random.default_rng(seed)
    x, y = (torch.tensor(rng.integers(0, 6, size=30), dtype=torch.float32) for _ in range(2))
    found = solution["frequency_effect"](x, y, torch.tensor(rng.integers(0, 30, size=(40, 30))), n_bins=4)
    assert found["rho"] == pytest.approx(spearmanr(x, y).statistic, abs=1e-6)
    assert found["low"] <= found["high"] and found["bin_share"].shape == (4,)


def test_the_choice_may_be_to_change_nothing(solution):
    """When every other setting breaks too much, the unchanged model wins."""
    alphas = [0.0, 1.0, 2.0]
    dev = torch.full((2, 2, 3, 3), 1 / 3)
    dev[..., 0] = torch.tensor([0.9, 0.4, 0.8])
    unrelated = torch.tensor([0.1, 0.9, 0.2]).expand(2, 2, 3)
    found = solution["choose_head"](dev, dev, unrelated, alphas, 0.05)
    assert found["alpha"] == 1.0 and found["held_out"] == pytest.approx(0.4)
