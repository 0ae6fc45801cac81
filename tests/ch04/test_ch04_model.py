"""lab-list and what it is made of: the task, the two ways its last layer is bound, the mover, its training."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
import torch

from mechanisms import models
from mechanisms.data import missing_item as lab
from mechanisms.data.missing_item import Task, lists, practice
from mechanisms.errors import CourseError
from mechanisms.models.attention_only import AttentionOnly, AttentionOnlyConfig, fold_layer_norm
from mechanisms.models.lab import boot
from mechanisms.models.mover import Mover, component_output
from mechanisms.training import __main__ as command
from mechanisms.training import lab_list, measure_list
from mechanisms.training.talking_heads import as_lists

TINY = lab_list.Recipe(
    steps=6, d_model=16, n_heads=2, batch=4, measure_every=3, items=20, slots=5, longest=4, warm_up=2
)


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


@pytest.mark.parametrize("length", [2, 7, 12])
def test_a_list_is_what_it_says(length):
    task, batch = Task(), lists(Task(), 50, length, torch.Generator().manual_seed(0))
    assert batch.prompts.shape == (50, task.length) and (batch.prompts[:, task.view] == lab.GOT).all()
    for n in range(50):
        first, second = (part[part != lab.DOT].tolist() for part in (batch.prompts[n, :13], batch.prompts[n, 14:]))
        assert first == batch.items[n].tolist() and len(set(first)) == length
        assert set(first) - set(second) == {batch.targets[n].item()} and len(second) == length - 1
        assert batch.prompts[n, -1] == second[-1], "the last token is the last thing that was got"
        assert batch.prompts[n, batch.wanted[n]] == batch.targets[n] == batch.items[n, batch.missing[n]]
        assert set(batch.prompts[n, batch.got[n]].tolist()) == set(second)


def test_lists_need_room():
    for length in (1, 13):
        with pytest.raises(ValueError, match="2 to 12"):
            lists(Task(), 3, length, torch.Generator())


def test_practice_asks_for_what_is_still_due():
    prompts, targets = practice(Task(), 300, torch.Generator().manual_seed(0))
    assert prompts.shape == targets.shape == (300, 26)
    asked = targets != lab.DOT
    assert (asked.sum(1) >= 1).all() and (asked.sum(1) <= 7).all()
    used = set()
    for n in range(300):
        first = set(prompts[n, 1:13].tolist()) - {lab.DOT}
        for position in asked[n].nonzero()[:, 0].tolist():
            got = set(prompts[n, 14 : position + 1].tolist()) - {lab.DOT}
            assert targets[n, position].item() in first - got
            used.add(position)
        assert first - set(prompts[n, 14:].tolist()) == {targets[n, asked[n]][-1].item()}
    assert used == set(range(14, 26)), "every slot is met"


def test_words_and_sentences():
    assert len(set(lab.ITEMS)) == Task().items == 60
    batch = lists(Task(), 1, 2, torch.Generator().manual_seed(0))
    assert len(lab.sentence(batch.prompts[0], Task()).split()) == 4
    assert lab.words(Task())[batch.targets[0]] in lab.sentence(batch.prompts[0], Task())


@pytest.fixture
def bound():
    torch.manual_seed(0)
    return AttentionOnly(AttentionOnlyConfig(12, 10, 8, 2, 2, last_view=4, last_alone=True)).eval()


TOKENS = torch.arange(20).view(2, 10) % 12


def test_the_last_layer_sees_the_first_positions_only_and_stands_alone(bound):
    _, cache = bound.run_with_cache(TOKENS)
    first, last = (cache[f"blocks.{layer}.attn.hook_pattern"][0, 0, 9] for layer in (0, 1))
    assert (last[4:] == 0).all() and (last[:4] > 0).all() and (first > 0).all()
    torch.testing.assert_close(cache["blocks.1.hook_resid_post"], cache["blocks.1.hook_attn_out"], rtol=0, atol=0)


def test_folding_keeps_the_function_and_centres_the_weights(bound):
    for part in bound.modules():
        if isinstance(part, torch.nn.LayerNorm):
            part.weight.data, part.bias.data = 0.5 + torch.rand(8), torch.randn(8)
    before = bound(TOKENS).log_softmax(-1)
    fold_layer_norm(bound)
    torch.testing.assert_close(bound(TOKENS).log_softmax(-1), before, rtol=1e-4, atol=1e-5)
    assert all((block.ln1.weight == 1).all() and (block.ln1.bias == 0).all() for block in bound.blocks)
    for part in (bound.W_Q, bound.W_K, bound.W_V):
        assert part.sum(-2).abs().max() < 1e-4
    assert bound.W_O.sum(-1).abs().max() < 1e-4


def test_the_second_list_reaches_lab_lists_mover_through_its_query_alone(lists_model):
    batch = lists(Task(), 20, 6, torch.Generator().manual_seed(0))
    other = batch.prompts.clone()
    other[:, 14:] = other[:, 14:].roll(1, 0)
    seen = [lists_model.run_with_cache(tokens)[1] for tokens in (batch.prompts, other)]
    for name in ("k", "v"):
        vectors = [cache[f"blocks.2.attn.hook_{name}"][:, :13, 0] for cache in seen]
        torch.testing.assert_close(*vectors, rtol=0, atol=1e-5)
    queries = [cache["blocks.2.attn.hook_q"][:, -1, 0] for cache in seen]
    assert (queries[0] - queries[1]).abs().max() > 0.1
    assert lists_model.W_O[2, 1:].abs().max() == 0, "one head of the last layer writes"


@pytest.mark.parametrize("name", ["lab-list", "lab-lm"])
def test_the_mover_is_the_models_own_head(name):
    model = models.load(name)
    if name == "lab-list":
        batch, at = lists(Task(), 6, 5, torch.Generator().manual_seed(0)), (2, 0)
    else:
        from mechanisms.data.documents import Corpus

        batch, at = as_lists(Corpus(0).laundry(6, 4)), (1, 1)
    mover = Mover(model, batch.prompts, *at)
    torch.testing.assert_close(mover.pattern(mover.resid, mover.resid), mover.clean, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(mover.logits_with(mover.clean), mover.logits, rtol=1e-4, atol=1e-4)
    shift = 0.3 * torch.randn(mover.resid.shape, generator=torch.Generator().manual_seed(1))
    name = f"blocks.{at[0]}.hook_resid_pre"
    changed = {}

    def look(pattern, hook):
        changed["pattern"] = pattern[:, at[1]]

    hooks = [(name, lambda x, hook: x + shift), (f"blocks.{at[0]}.attn.hook_pattern", look)]
    model.run_with_hooks(batch.prompts, fwd_hooks=hooks)
    ours = mover.pattern(mover.resid + shift, mover.resid + shift)
    torch.testing.assert_close(ours, changed["pattern"], rtol=1e-3, atol=1e-4)


def test_the_components_of_a_head_write_what_the_head_writes(lists_model):
    from mechanisms.training.composition_scores import components

    batch = lists(Task(), 4, 5, torch.Generator().manual_seed(0))
    mover = Mover(lists_model, batch.prompts, 2, 0)
    writes = components(lists_model.W_V[1, 6], lists_model.W_O[1, 6])[2]
    parts = sum(mover.output(1, 6, write) for write in writes)
    torch.testing.assert_close(parts, mover.z[1][:, :, 6] @ lists_model.W_O[1, 6], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(
        mover.output(1, 6, writes[0]), component_output(mover.z[1][:, :, 6], lists_model.W_O[1, 6], writes[0])
    )


def test_as_lists_finds_the_places_in_lab_lms_prompts():
    from mechanisms.data.documents import Corpus

    batch = Corpus(0).laundry(20, 5)
    found = as_lists(batch)
    assert torch.equal(found.prompts.gather(1, found.places), found.items)
    assert torch.equal(found.items.gather(1, found.missing[:, None])[:, 0], found.targets)
    assert (found.got.sum(1) == 4).all()


def test_an_interrupted_training_ends_in_the_same_weights(tmp_path, monkeypatch):
    whole, progress = lab_list.train(TINY, tmp_path / "whole")
    assert [row["step"] for row in progress.curve] == [3, 6]
    monkeypatch.setattr(lab_list, "SAVE_EVERY_SECONDS", 0.0)
    real, calls = lab_list.accuracy, []

    def stop(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:  # the second measurement of the training
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(lab_list, "accuracy", stop)
    with pytest.raises(KeyboardInterrupt):
        lab_list.train(TINY, tmp_path / "parts")
    said = []
    resumed, progress = lab_list.train(TINY, tmp_path / "parts", log=said.append)
    assert said == ["Going on from step 5 of 6."] and len(progress.curve) == 2
    assert torch.equal(weights(whole), weights(resumed))
    with pytest.raises(CourseError, match="another recipe"):
        lab_list.train(replace(TINY, seed=1), tmp_path / "parts")


def test_the_command_writes_a_checkpoint_that_students_code_loads(tmp_path, monkeypatch):
    monkeypatch.setattr(measure_list, "measure", lambda model, task: {"by_length": {"2": 1.0}})
    monkeypatch.setattr(measure_list, "aims", lambda report: [])
    sizes = ["--steps", "3", "--d-model", "16", "--n-heads", "2", "--batch", "4", "--measure-every", "3"]
    assert command.main(["lab-list", "--out", str(tmp_path), *sizes]) == 0
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["recipe"] == asdict(lab_list.Recipe(steps=3, d_model=16, n_heads=2, batch=4, measure_every=3))
    model = boot(tmp_path)
    assert model.cfg.last_alone and model.cfg.last_view == 13 and not any(p.requires_grad for p in model.parameters())
    assert model(torch.zeros(1, 26, dtype=torch.long)).shape == (1, 26, 62)
    assert model.W_O[-1, 1:].abs().max() == 0 and (model.blocks[0].ln1.weight == 1).all()
