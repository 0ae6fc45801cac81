"""What the eight functions promise beyond the cases of their checks."""

from __future__ import annotations

import pytest
import torch

from mechanisms import models
from mechanisms.data.relations import FORMS, Task, fact_prompts, unrelated_contexts
from mechanisms.models import planted_relations as planted
from mechanisms.training.measure_relational import LAYER, SCALE, stages


def facts(relation=1, n=8, shots=1):
    stems = Task().trained_stems(relation)[:n]
    prompts = fact_prompts(Task(), relation, stems, shots, torch.Generator().manual_seed(0))
    return prompts, stems, Task().answers[stems, relation]


@pytest.mark.parametrize("name", ["lab-relational", "random-relational", "random-gpt2"])
def test_the_last_stage_is_the_models_own_answer(solution, name):
    model = models.load(name)
    tokens = torch.randint(20, (3, 6), generator=torch.Generator().manual_seed(0))
    decoded = solution["early_decode"](model, tokens)
    stages = 1 + model.cfg.n_layers + len(solution["ffn_layers"](model))
    assert decoded.shape == (stages, 3, model.cfg.d_vocab)
    torch.testing.assert_close(decoded[-1], model(tokens)[:, -1], rtol=1e-3, atol=1e-3)
    assert not torch.allclose(decoded[0], decoded[-1], atol=1e-2)


def test_the_top_token_has_reciprocal_rank_one_and_the_last_one_the_least(solution):
    logits = torch.randn(3, 5, 11, generator=torch.Generator().manual_seed(0))
    top, bottom = logits[1].argmax(-1), logits[1].argmin(-1)
    assert torch.equal(solution["reciprocal_ranks"](logits, top)[1], torch.ones(5))
    torch.testing.assert_close(solution["reciprocal_ranks"](logits, bottom)[1], torch.full((5,), 1 / 11))


@pytest.mark.parametrize("flip", [1, 2, 3])
def test_planted_networks_have_an_x_where_they_were_built_to(solution, flip):
    model = models.load(f"planted-relations-{flip}")
    words = torch.arange(planted.STEMS) * planted.FORMS
    decoded = solution["early_decode"](model, torch.stack([torch.full_like(words, planted.CUES), words], 1))
    argument, answer = (solution["reciprocal_ranks"](decoded, tokens).mean(1) for tokens in (words, words + 1))
    found = solution["find_stages"](argument, answer, 0.5, 0.9)
    assert found["x_shaped"] and found["application"] == found["saturation"] == 2 * flip + 1
    assert stages(argument.tolist(), answer.tolist())["application"] == 2 * flip + 1


def test_the_rule_of_the_exercise_is_the_librarys(solution):
    generator = torch.Generator().manual_seed(0)
    shaped = 0
    for _ in range(300):
        argument, answer = torch.rand(2, 6, generator=generator)
        ours, library = solution["find_stages"](argument, answer, 0.5, 0.9), stages(argument.tolist(), answer.tolist())
        assert ours["application"] == library["application"] and ours["x_shaped"] == library["x_shaped"]
        shaped += ours["x_shaped"]
    assert 20 < shaped < 280


@pytest.mark.parametrize("flip", [1, 2, 3])
@pytest.mark.parametrize("relation", [1, 2])
def test_the_captured_vector_is_the_one_that_was_planted(solution, flip, relation):
    model = models.load(f"planted-relations-{flip}")
    prompt = torch.tensor([planted.CUES + relation - 1, 6])
    found = solution["capture_ffn"](model, prompt, 6, 6 + relation)
    assert found["layer"] == flip
    torch.testing.assert_close(found["vector"], planted.relation_vector(relation), rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match="FFN"):
        solution["capture_ffn"](model, prompt, 6, 9)


def test_subtracting_the_captured_vector_gives_the_argument_back(solution):
    model = models.load("planted-relations-2")
    prompt = torch.tensor([[planted.CUES, 6]])
    found = solution["capture_ffn"](model, prompt[0], 6, 7)
    assert model(prompt)[0, -1].argmax() == 7
    assert solution["inject"](model, prompt, -found["vector"], [2], False)[0].argmax() == 6


def test_injecting_nothing_changes_nothing_and_replacing_by_nothing_removes(solution, trained):
    prompts, *_ = facts()
    before = trained(prompts)[:, -1]
    nothing = torch.zeros(64)
    torch.testing.assert_close(solution["inject"](trained, prompts, nothing, [2, 3], False), before)
    torch.testing.assert_close(solution["inject"](trained, prompts, nothing, [], True), before)
    removed = solution["drop_ffns"](trained, prompts, 0.5)
    torch.testing.assert_close(solution["inject"](trained, prompts, nothing, [3], True), removed)
    torch.testing.assert_close(trained(prompts)[:, -1], before, rtol=0, atol=0)


def test_functions_on_ffns_run_on_a_transformer_bridge(solution):
    model = models.load("random-gpt2")
    tokens = torch.randint(20, (2, 6), generator=torch.Generator().manual_seed(1))
    before = model(tokens)[:, -1]
    vector = torch.randn(model.cfg.d_model, generator=torch.Generator().manual_seed(2))
    layers = solution["ffn_layers"](model)
    assert layers == list(range(model.cfg.n_layers))
    assert not torch.allclose(solution["inject"](model, tokens, vector, layers, True), before, atol=1e-3)
    assert not torch.allclose(solution["drop_ffns"](model, tokens, 0.5), before, atol=1e-3)
    torch.testing.assert_close(solution["drop_ffns"](model, tokens, 0.0), before)


def test_the_injection_beats_its_controls_with_the_students_functions(solution, trained):
    task, own, controls = Task(), [], []
    for relation in range(1, FORMS):
        prompts, stems, _ = facts(relation, n=4)
        other, *_ = facts(1 + relation % 3, n=1)
        vectors = trained.run_with_cache(prompts)[1][f"blocks.{LAYER}.hook_mlp_out"][:, -1]
        wrong = trained.run_with_cache(other)[1][f"blocks.{LAYER}.hook_mlp_out"][0, -1]
        asked = task.trained_stems(relation)[4:]
        contexts = unrelated_contexts(asked, torch.Generator().manual_seed(1))
        noise = torch.randn(2, 64, generator=torch.Generator().manual_seed(2))
        for vector in vectors:
            found = solution["compare_vectors"](
                trained, contexts, task.answers[asked, relation], SCALE * vector, SCALE * wrong, noise, LAYER
            )["hits"]
            own.append(found["own"])
            controls.append(max(found["other"], found["random"]))
    assert sum(own) > 5 * sum(controls) and sum(own) / len(own) > 0.2


def test_twins_have_one_length_and_only_one_holds_the_answer(solution):
    rows = [[f"a{i}", f"word{i}", f"b{i}", f"answer{i}"] for i in range(6)]
    for shots in (1, 2, 4):
        twins = solution["build_twins"](rows, rows[0], shots)
        assert len(twins["abstractive"]) == len(twins["extractive"]) == 4 * shots + 3
        assert twins["answer"] not in twins["abstractive"] and twins["extractive"].count(twins["answer"]) == 1
        assert rows == [[f"a{i}", f"word{i}", f"b{i}", f"answer{i}"] for i in range(6)], "facts are left as they were"
