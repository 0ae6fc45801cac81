"""The attention-only model: what it computes, its hooks, its checkpoint."""

from __future__ import annotations

import math

import pytest
import torch
from safetensors.torch import load_file

from mechanisms import models
from mechanisms.errors import ModelMissing
from mechanisms.models import attention_only, lab, random_gate
from mechanisms.models.attention_only import AttentionOnly, AttentionOnlyConfig


@pytest.fixture
def small():
    torch.manual_seed(0)
    return AttentionOnly(AttentionOnlyConfig(d_vocab=12, n_ctx=10, d_model=8, n_layers=2, n_heads=2)).eval()


TOKENS = torch.arange(20).view(2, 10) % 12


def test_later_tokens_do_not_change_earlier_logits(small):
    other = TOKENS.clone()
    other[:, 6] = 3
    assert torch.equal(small(TOKENS)[:, :6], small(other)[:, :6])
    assert not torch.allclose(small(TOKENS)[:, 6:], small(other)[:, 6:])


def test_a_window_hides_what_is_further_back_in_the_first_layer_only():
    torch.manual_seed(0)
    model = AttentionOnly(AttentionOnlyConfig(12, 10, 8, 2, 2, first_window=4)).eval()
    _, cache = model.run_with_cache(TOKENS)
    first, second = (cache[f"blocks.{layer}.attn.hook_pattern"][0, 0, 9] for layer in (0, 1))
    assert (first[:6] == 0).all() and (first[6:] > 0).all() and (second > 0).all()


def test_the_pattern_is_that_of_queries_and_keys_and_z_that_of_values(small):
    _, cache = small.run_with_cache(TOKENS)
    for layer in range(2):
        q, k, v, z, pattern = (cache[f"blocks.{layer}.attn.hook_{name}"] for name in ("q", "k", "v", "z", "pattern"))
        scores = torch.einsum("bihd,bjhd->bhij", q, k) / math.sqrt(4)
        scores = scores.masked_fill(torch.ones(10, 10).triu(1).bool(), -math.inf)
        torch.testing.assert_close(pattern, scores.softmax(-1))
        torch.testing.assert_close(z, torch.einsum("bhij,bjhd->bihd", pattern, v))
        normed = small.blocks[layer].ln1(cache[f"blocks.{layer}.hook_resid_pre"])
        bias = small.blocks[layer].attn.W_QKV.bias[8:16].view(2, 4)
        torch.testing.assert_close(k, torch.einsum("bpd,hdk->bphk", normed, small.W_K[layer]) + bias)
        out = torch.einsum("bphk,hkd->bpd", z, small.W_O[layer]) + small.blocks[layer].attn.W_out.bias
        torch.testing.assert_close(cache[f"blocks.{layer}.hook_attn_out"], out)
    assert small.W_Q.shape == small.W_V.shape == (2, 2, 8, 4) and small.W_U.shape == (8, 12)


def test_hooks_change_the_run_and_nothing_stays(small):
    before = small(TOKENS)
    hooks = [("blocks.1.attn.hook_k", lambda k, hook: torch.zeros_like(k))]
    assert not torch.allclose(small.run_with_hooks(TOKENS, fwd_hooks=hooks), before)
    assert torch.equal(small(TOKENS), before)


def test_a_checkpoint_gives_the_same_model_back(small, tmp_path):
    attention_only.save(small, tmp_path)
    state = torch.get_rng_state()
    again = lab.boot(tmp_path)
    assert torch.equal(torch.get_rng_state(), state), "loading draws no random numbers that others would miss"
    assert torch.equal(again(TOKENS), small(TOKENS)) and again.cfg == small.cfg
    assert not any(parameter.requires_grad for parameter in again.parameters()) and not again.training


@pytest.mark.parametrize("part", ["config.json", "model.safetensors"])
def test_a_damaged_checkpoint_is_one_sentence(small, tmp_path, part):
    attention_only.save(small, tmp_path)
    content = b'{"model_type": "attention-only", "d_vocab": 3}' if part == "config.json" else b"\x00broken"
    (tmp_path / part).write_bytes(content)
    with pytest.raises(ModelMissing, match="cannot be read.*Reinstall") as caught:
        lab.boot(tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_models_load_knows_lab_gate_and_gives_fresh_ones():
    assert models.load("lab-gate") is models.load("lab-gate") is not models.load("lab-gate", fresh=True)
    assert models.load("lab-gate").cfg.n_layers == models.load("lab-gate").cfg.n_heads == 2


def test_random_gate_is_written_again_with_the_same_weights(tmp_path):
    random_gate.write(tmp_path)
    shipped = load_file(models.checkpoint_folder("random-gate") / "model.safetensors")
    again = load_file(tmp_path / "model.safetensors")
    assert shipped.keys() == again.keys() and all(torch.equal(shipped[name], again[name]) for name in again)
