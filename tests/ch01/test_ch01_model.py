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
    copyable,
    fact_prompts,
)
from mechanisms.models.relational import Relational, RelationalConfig
from mechanisms.training import relational_sweep
from mechanisms.training.lab_relational import ATTENTION, Recipe, build, kept_ffns, train
from mechanisms.training.measure_relational import curves, measure


def fresh_model(**sizes) -> Relational:
    torch.manual_seed(3)
    return Relational(RelationalConfig(VOCABULARY, LENGTH, **sizes), small_rows=WORDS).requires_grad_(False)


def test_the_stream_is_the_sum_of_what_the_hooks_hold():
    model, tokens = fresh_model(), torch.randint(VOCABULARY, (5, LENGTH))
    logits, cache = model.run_with_cache(tokens)
    added = [cache[f"blocks.{layer}.hook_attn_out"] for layer in range(4)] + [
        cache[f"blocks.{layer}.hook_mlp_out"] for layer in (2, 3)
    ]
    assert "blocks.0.hook_mlp_out" not in cache
    torch.testing.assert_close(cache["hook_embed"] + sum(added), cache["blocks.3.hook_resid_post"])
    torch.testing.assert_close(model.decode(cache["blocks.3.hook_resid_post"]), logits)
    after = cache["blocks.3.hook_resid_post"] - cache["blocks.3.hook_mlp_out"]
    torch.testing.assert_close(cache["blocks.3.hook_resid_mid"], after)


def test_no_position_sees_what_comes_after_it():
    model, tokens = fresh_model(), torch.randint(VOCABULARY, (5, LENGTH))
    torch.testing.assert_close(model(tokens)[:, :6], model(tokens[:, :6]))


def read_by_attention(model, tokens, layer):
    """What a layer's attention passes on when all texts have the same values: it shows where the layer looks."""
    block, real, kept = model.blocks[layer], model.blocks[layer].W_V.forward, {}
    values = torch.randn(1, tokens.shape[1], 64, generator=torch.Generator().manual_seed(0))
    block.W_V.forward = lambda x: values.expand(len(x), -1, -1)
    model.run_with_hooks(
        tokens, fwd_hooks=[(f"blocks.{layer}.hook_attn_out", lambda value, hook: kept.update(read=value.clone()))]
    )
    block.W_V.forward = real
    return kept["read"]


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_blind_attention_reads_the_same_places_whatever_stands_there(layer):
    tokens = fact_prompts(Task(), 1, torch.arange(6), 2, torch.Generator().manual_seed(0))
    other = tokens.clone()
    cue = tokens >= FIRST_CUES
    other[cue] = torch.where(tokens < SECOND_CUES, FIRST_CUES, SECOND_CUES)[cue] + (tokens[cue] + 1) % CUES
    models = {}
    for attention in ("blind", "free"):
        torch.manual_seed(3)
        models[attention] = build(Recipe(attention=attention)).requires_grad_(False)
    for block in models["free"].blocks:
        block.W_QK.weight *= 10  # sharp patterns, so that content shows
    assert torch.allclose(*(read_by_attention(models["blind"], text, layer) for text in (tokens, other)), atol=1e-5)
    assert not torch.allclose(*(read_by_attention(models["free"], text, layer) for text in (tokens, other)), atol=1e-2)
    assert not torch.allclose(*(models["blind"](text)[:, -1] for text in (tokens, other)), atol=1e-2), "values see cues"


def test_blind_heads_start_by_looking_back():
    blocks = build(Recipe()).blocks
    assert blocks[1].pattern.shape == (4, LENGTH, LENGTH) and not hasattr(blocks[-1], "pattern")
    assert blocks[1].pattern[:, 8].argmax(-1).tolist() == [8, 7, 6, 5]


def test_far_attention_sees_nothing_nearer():
    torch.manual_seed(0)
    one_layer = Relational(RelationalConfig(20, 12, 16, 1, 2, (), nearest=4)).requires_grad_(False)
    tokens = torch.arange(12)[None]
    before = one_layer(tokens)[0]
    for changed in range(12):
        other = tokens.clone()
        other[0, changed] = 15
        moved = ((one_layer(other)[0] - before).abs().amax(-1) > 1e-6).nonzero()[:, 0].tolist()
        assert moved == [changed, *range(changed + 4, 12)]
    looks = {attention: build(Recipe(attention=attention)).cfg for attention in ATTENTION}
    assert {name: cfg.nearest for name, cfg in looks.items()} == {"blind": 3, "near": 0, "free": 0}
    assert looks["near"].blind_layers == looks["blind"].blind_layers == (0, 1, 2) and looks["free"].blind_layers == ()


def test_a_recipe_that_does_not_exist_is_refused():
    for name in ("attention", "dropout_on"):
        with pytest.raises(ValueError, match=f"{name} must be one of .*, not 'half'"):
            Recipe(**{name: "half"})


def test_documents_lose_their_last_ffns_first():
    model, tokens = fresh_model(), torch.randint(VOCABULARY, (3, LENGTH))
    kept = model(tokens, torch.tensor([0, 1, 2]))
    for row, layers in enumerate([(2, 3), (3,), ()]):
        hooks = [(f"blocks.{layer}.hook_mlp_out", lambda value, hook: torch.zeros_like(value)) for layer in layers]
        torch.testing.assert_close(kept[row], model.run_with_hooks(tokens, fwd_hooks=hooks)[row])


def test_dropout_takes_the_documents_in_which_something_can_be_copied():
    draw = torch.Generator().manual_seed(0)
    tokens, weights = batch(Task(), 4000, draw)
    kept, same = kept_ffns(Recipe(), 0.0, tokens, weights, draw)
    assert kept is None and same is weights
    kept, changed = kept_ffns(Recipe(), 0.4, tokens, weights, draw)
    possible, lost = copyable(tokens), kept < 2
    some = possible.any(1)
    assert not lost[~some].any() and 0.3 < some.float().mean() < 0.9
    assert [(kept[some] == number).float().mean().item() for number in (0, 1)] == pytest.approx([0.2, 0.2], abs=0.04)
    assert (changed[lost][~possible[lost]] == 0).all()
    assert torch.equal(changed[lost][possible[lost]], weights[lost][possible[lost]])
    assert torch.equal(changed[~lost], weights[~lost])


def test_with_dropout_on_blocks_facts_keep_all_ffns():
    draw = torch.Generator().manual_seed(0)
    tokens, weights = batch(Task(), 20000, draw)
    kept, changed = kept_ffns(Recipe(dropout_on="blocks"), 0.4, tokens, weights, draw)
    facts, lost = tokens[:, 0] >= FIRST_CUES, kept < 2
    assert not lost[facts].any() and torch.equal(changed[facts], weights[facts])
    blocks = copyable(tokens, "blocks").any(1)
    assert not facts[blocks].any() and lost[blocks].float().mean().item() == pytest.approx(0.4, abs=0.03)


def test_a_layer_that_does_not_exist_is_refused():
    for name in ("blind_layers", "ffn_layers"):
        with pytest.raises(ValueError, match="no layer 4"):
            RelationalConfig(10, 10, **{name: (1, 4)})


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
    few = {"steps": 4, "copying_steps": 3, "batch": 32}
    seen = []

    def halfway(model):
        seen.append(model.embed.weight.clone())

    first, again = (train(Recipe(**few), halfway=halfway)[0] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert torch.equal(*seen) and not torch.equal(seen[0], first.embed.weight)
    other = train(Recipe(**few, table="random"))[0]
    assert not torch.equal(first.embed.weight, other.embed.weight)
    found = measure(first, Recipe().task())
    assert len(found["injection"]) == 3 and found["removal"][0]["removed"] == []
    assert measure(first, Recipe().task()) == found


def test_the_second_part_is_the_one_that_loses_ffns():
    """With an empty second part, dropout changes nothing."""
    few = {"steps": 3, "copying_steps": 0, "batch": 32}
    one, two = (train(Recipe(**few, ffn_dropout=share))[0] for share in (0.0, 0.9))
    assert torch.equal(one.embed.weight, two.embed.weight)
    few["copying_steps"] = 2
    one, two = (train(Recipe(**few, ffn_dropout=share))[0] for share in (0.0, 0.9))
    assert not torch.equal(one.embed.weight, two.embed.weight)


def test_the_table_holds_runs_of_the_present_recipe_and_prints(capsys):
    runs = relational_sweep.load()
    recipes = [json.loads(json.dumps(asdict(recipe))) for _, recipe in relational_sweep.RUNS]
    assert runs and all(run["recipe"] in recipes for run in runs)
    assert relational_sweep.main(["--print"]) == 0
    printed = capsys.readouterr().out
    for name in ("", relational_sweep.BEFORE):
        assert all(f"{run['condition']}{name}, seed {run['recipe']['seed']}:" in printed for run in runs)
    assert printed.count("both FFNs removed") == 2 * len(runs)
    assert len(relational_sweep.unfinished(runs)) == len(relational_sweep.RUNS) - len(runs)
