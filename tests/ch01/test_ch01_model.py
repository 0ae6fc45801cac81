"""The model of chapter 01, its recipe and its measurement, on fresh weights; the sweep's table."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import pytest
import torch

from mechanisms.data.relations import (
    CUES,
    FIRST_CUES,
    LENGTH,
    SECOND_CUES,
    VOCABULARY,
    WORDS,
    Task,
    batch,
    fact_prompts,
)
from mechanisms.models.relational import Relational, RelationalConfig
from mechanisms.training import relational_sweep
from mechanisms.training.lab_relational import Recipe, build, kept_ffns, train
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


def patterns_read(model, tokens, layer):
    """What a layer's values are weighted with, seen through its output: the layer's values are made the positions'."""
    kept = {}
    block = model.blocks[layer]
    real = block.attention

    def attention(x, seen):
        kept["read"] = real(torch.randn(x.shape[1:], generator=torch.Generator().manual_seed(0)).expand_as(x), seen)
        return real(x, seen)

    block.attention = attention
    model(tokens)
    del block.attention
    return kept["read"]


@pytest.mark.parametrize(("attention", "layer"), [("blind", 0), ("blind", 1), ("cue-blind", 1), ("cue-blind", 2)])
def test_attention_that_is_blind_to_the_cues_reads_the_same_whatever_cue_stands_there(attention, layer):
    torch.manual_seed(3)
    model = build(Recipe(attention=attention)).requires_grad_(False)
    torch.manual_seed(3)
    free = build(Recipe()).requires_grad_(False)
    for one in (model, free):
        for block in one.blocks:
            block.W_QK.weight *= 10  # sharp patterns, so that content would show
    tokens = fact_prompts(Task(), 1, torch.arange(6), 2, torch.Generator().manual_seed(0))
    other = tokens.clone()
    cue = tokens >= FIRST_CUES
    other[cue] = torch.where(tokens < SECOND_CUES, FIRST_CUES, SECOND_CUES)[cue] + (tokens[cue] + 1) % CUES
    assert torch.allclose(patterns_read(model, tokens, layer), patterns_read(model, other, layer), atol=1e-5)
    assert not torch.allclose(patterns_read(free, tokens, layer), patterns_read(free, other, layer), atol=1e-2)
    assert not torch.allclose(model(tokens)[:, -1], model(other)[:, -1], atol=1e-2), "FFNs still see the cues"


def test_cue_blind_attention_still_sees_words():
    torch.manual_seed(3)
    model = build(Recipe(attention="cue-blind")).requires_grad_(False)
    tokens = fact_prompts(Task(), 1, torch.arange(6), 2, torch.Generator().manual_seed(0))
    other = tokens.clone()
    other[:, 1] = (other[:, 1] + 4) % WORDS
    assert not torch.allclose(patterns_read(model, tokens, 2), patterns_read(model, other, 2), atol=1e-4)


def test_documents_lose_their_last_ffns_first():
    model, tokens = fresh_model(), torch.randint(VOCABULARY, (3, LENGTH))
    kept = model(tokens, torch.tensor([0, 1, 2]))
    for row, layers in enumerate([(1, 2), (2,), ()]):
        hooks = [(f"blocks.{layer}.hook_mlp_out", lambda value, hook: torch.zeros_like(value)) for layer in layers]
        torch.testing.assert_close(kept[row], model.run_with_hooks(tokens, fwd_hooks=hooks)[row])


def test_dropout_grows_and_takes_the_documents_that_it_should():
    draw = torch.Generator().manual_seed(0)
    tokens, weights = batch(Task(), 4000, draw)
    kept, same = kept_ffns(Recipe(ffn_dropout=0.4), 750, tokens, weights, draw)
    assert kept.bincount().tolist() == pytest.approx([400, 400, 3200], abs=90) and same is weights
    assert kept_ffns(Recipe(), 750, tokens, weights, draw)[0] is None
    kept, changed = kept_ffns(Recipe(ffn_dropout=0.4, dropout_on="copying"), 1500, tokens, weights, draw)
    blocks, invented = (tokens[:, :4] == tokens[:, 4:8]).all(1), (weights == 0).any(1)
    lost = kept < 2
    assert not lost[~(blocks | invented)].any()
    assert lost[blocks].float().mean().item() == pytest.approx(0.4, abs=0.06)
    assert lost[invented].float().mean().item() == pytest.approx(0.4, abs=0.08)
    assert (changed[lost & invented, :-1] == 0).all() and (changed[lost & invented, -1] == 1).all()
    assert torch.equal(changed[~(lost & invented)], weights[~(lost & invented)])


def test_an_unknown_view_is_refused():
    with pytest.raises(ValueError, match="not 'nothing'"):
        RelationalConfig(10, 10, sees=("nothing",))


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
    first, again = (train(Recipe(steps=6, batch=32))[0] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    other = train(Recipe(steps=6, batch=32, table="random"))[0]
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
