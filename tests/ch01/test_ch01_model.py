"""The model of chapter 01, its recipe and its measurement, on fresh weights; the sweep's table."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import pytest
import torch

from mechanisms.data.relations import LENGTH, VOCABULARY, WORDS
from mechanisms.models.relational import Relational, RelationalConfig
from mechanisms.training import relational_sweep
from mechanisms.training.lab_relational import Recipe, train
from mechanisms.training.measure_relational import curves, measure


def fresh_model(**sizes) -> Relational:
    torch.manual_seed(3)
    return Relational(RelationalConfig(VOCABULARY, LENGTH, **sizes), small_rows=WORDS).requires_grad_(False)


def test_the_stream_is_the_sum_of_what_the_hooks_hold():
    model, tokens = fresh_model(), torch.randint(VOCABULARY, (5, LENGTH))
    logits, cache = model.run_with_cache(tokens)
    added = [cache[f"blocks.{layer}.hook_attn_out"] for layer in range(3)] + [
        cache[f"blocks.{layer}.hook_mlp_out"] for layer in (1, 2)
    ]
    assert "blocks.0.hook_mlp_out" not in cache
    torch.testing.assert_close(cache["hook_embed"] + sum(added), cache["blocks.2.hook_resid_post"])
    torch.testing.assert_close(model.decode(cache["blocks.2.hook_resid_post"]), logits)


def test_no_position_sees_what_comes_after_it():
    model, tokens = fresh_model(), torch.randint(VOCABULARY, (5, LENGTH))
    torch.testing.assert_close(model(tokens)[:, :6], model(tokens[:, :6]))


@pytest.mark.parametrize("blind", [0, 1])
def test_blind_attention_is_linear_in_the_tokens_up_to_layernorm(blind):
    """With blind attention another cue at one position cannot change how much of the others is read."""
    model = fresh_model(blind_layers=blind)
    block, places = model.blocks[0], model.pos_embed.weight
    block.ln1.weight.data *= 20  # sharp patterns, so that content would show
    x = torch.randn(4, LENGTH, 64)
    v = torch.randn(LENGTH, 64)
    block.ln1 = torch.nn.Identity()
    both = block.attention(x + v, places) - block.attention(x, places) - block.attention(v.expand(4, -1, -1), places)
    zero = block.attention(torch.zeros_like(x), places)
    assert ((both + zero).abs().max() < 1e-3) == bool(blind)


def test_logits_added_by_the_sublayers_sum_to_the_answer_minus_argument():
    model, tokens = fresh_model(), torch.randint(WORDS, (6, LENGTH))
    logits, cache = model.run_with_cache(tokens)
    from mechanisms.training.measure_relational import _sublayers

    word, answer = torch.arange(6), torch.arange(6) + 9
    rows = curves(model, _sublayers(model, cache), word, answer)
    wanted = (logits[:, -1].gather(1, answer[:, None]) - logits[:, -1].gather(1, word[:, None])).mean().item()
    assert math.isclose(sum(row["logits"] for row in rows), wanted, rel_tol=1e-3, abs_tol=1e-4)
    assert [row["after"] for row in rows][:3] == ["embedding", "attention 0", "attention 1"]


def test_a_few_steps_learn_something_and_repeat():
    first, again = (train(Recipe(steps=6, batch=32)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    other = train(Recipe(steps=6, batch=32, table="random"))
    assert not torch.equal(first.embed.weight, other.embed.weight)
    found = measure(first, Recipe().task())
    assert len(found["injection"]) == 3 and found["removal"][0]["removed"] == []
    assert measure(first, Recipe().task()) == found


def test_the_table_holds_runs_of_the_present_recipe_and_prints(capsys):
    runs = relational_sweep.load()
    recipes = [json.loads(json.dumps(asdict(recipe))) for _, recipe in relational_sweep.RUNS]
    assert runs and all(run["recipe"] in recipes for run in runs)
    assert relational_sweep.main(["--print"]) == 0
    printed = capsys.readouterr().out
    assert all(f"{run['condition']}, seed {run['recipe']['seed']}:" in printed for run in runs)
    assert printed.count("both FFNs removed") == len(runs)
    assert len(relational_sweep.unfinished(runs)) == len(relational_sweep.RUNS) - len(runs)
