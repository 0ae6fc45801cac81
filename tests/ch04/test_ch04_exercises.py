"""What the seven functions promise beyond the cases of their checks."""

from __future__ import annotations

import numpy
import pytest
import torch

from autograder.specs import chapters
from mechanisms import models
from mechanisms.check.probes import find
from mechanisms.data.missing_item import Task, lists
from mechanisms.models.mover import Mover
from mechanisms.models.planted_channel import plant
from mechanisms.training import composition_scores as composition


def head(model, spot):
    return {name: getattr(model, name)[spot] for name in ("W_Q", "W_K", "W_V", "W_O")}


@pytest.mark.parametrize("name", ["lab-list", "lab-lm"])
def test_the_components_of_trained_heads_add_up_to_the_head(solution, name):
    model = models.load(name)
    for spot in ((0, 0), (1, 0)):
        W_V, W_O = model.W_V[spot], model.W_O[spot]
        found = solution["ov_components"](W_V, W_O)
        whole = (found["reads"].T * found["strengths"]) @ found["writes"]
        torch.testing.assert_close(whole, W_V @ W_O, rtol=1e-4, atol=1e-4)
        eye = torch.eye(W_O.shape[0])
        torch.testing.assert_close(found["reads"] @ found["reads"].T, eye, rtol=0, atol=1e-4)
        torch.testing.assert_close(found["writes"] @ found["writes"].T, eye, rtol=0, atol=1e-4)


def test_the_library_takes_heads_apart_as_the_exercise_does(solution, lists_model):
    ours = solution["ov_components"](lists_model.W_V[1, 2], lists_model.W_O[1, 2])
    theirs = composition.components(lists_model.W_V[1, 2], lists_model.W_O[1, 2])
    for one, other in zip(ours.values(), theirs, strict=True):
        torch.testing.assert_close(one, other)


def by_numpy(W_V, W_O):
    U, S, Vh = numpy.linalg.svd((W_V @ W_O).numpy())
    k = W_V.shape[1]
    return {"reads": torch.tensor(U.T[:k]), "strengths": torch.tensor(S[:k]), "writes": torch.tensor(Vh[:k])}


def test_a_large_decomposition_is_seen_whoever_makes_it(solution):
    W_V, W_O = torch.randn(12, 3).double(), torch.randn(3, 12).double()
    probe, word, svd = find("ch04.components"), "decomposed a d_model x d_model matrix", numpy.linalg.svd
    assert probe(by_numpy, True, W_V=W_V, W_O=W_O)[word] is True
    assert probe(solution["ov_components"], True, W_V=W_V, W_O=W_O)[word] is False
    assert numpy.linalg.svd is svd, "numpy is left as it was"


def test_reads_are_turned_even_where_the_writes_have_another_shape(solution):
    W_V, W_O = torch.randn(12, 3).double(), torch.randn(3, 12).double()
    right = find("ch04.components")(solution["ov_components"], False, W_V=W_V, W_O=W_O)

    def with_columns(W_V, W_O):
        found = solution["ov_components"](W_V, W_O)
        return {**found, "reads": -found["reads"], "writes": found["writes"].T}

    found = find("ch04.components")(with_columns, False, W_V=W_V, W_O=W_O)
    torch.testing.assert_close(found["reads"], right["reads"])
    assert found["writes"].shape == (12, 3), "what is wrong with the writes is their shape, and that is said"


@pytest.mark.parametrize("kind", ["q", "k", "v"])
def test_in_the_score_of_a_rank_one_matrix_the_singular_value_cancels(solution, lists_model, kind):
    target, spot = head(lists_model, (2, 0)), (0, 5)
    found = solution["ov_components"](lists_model.W_V[spot], lists_model.W_O[spot])
    scores = solution["component_scores"](kind, found["writes"], target)
    for i in (0, 3):
        for strength in (found["strengths"][i].item(), 1.0, 1000.0):
            single = {"W_V": strength * found["reads"][i][:, None], "W_O": found["writes"][i][None]}
            assert solution["composition_score"](kind, single, target) == pytest.approx(scores[i].item(), rel=1e-4)
    torch.testing.assert_close(solution["component_scores"](kind, -7 * found["writes"], target), scores)


def test_the_score_of_a_head_is_made_of_those_of_its_components(solution, lists_model):
    target, spot = head(lists_model, (2, 0)), (1, 4)
    found = solution["ov_components"](lists_model.W_V[spot], lists_model.W_O[spot])
    scores, weight = solution["component_scores"]("q", found["writes"], target), found["strengths"] ** 2
    whole = ((weight * scores**2).sum() / weight.sum()).sqrt().item()
    assert solution["composition_score"]("q", head(lists_model, spot), target) == pytest.approx(whole, rel=1e-4)


def test_the_planted_talk_is_found_by_components_and_by_nothing_else(solution):
    for seed in range(20):
        case = plant(seed)
        target = case.heads["reader"]
        parts = {name: solution["ov_components"](h["W_V"], h["W_O"]) for name, h in case.heads.items()}
        whole = {name: solution["composition_score"]("q", case.heads[name], target) for name in ("writer", "loud")}
        assert whole["loud"] > whole["writer"], "the whole-head score is misled"
        scores = {name: solution["component_scores"]("q", parts[name]["writes"], target) for name in ("writer", "loud")}
        assert scores["writer"].argmax() == case.component == parts["writer"]["strengths"].argmin()
        others = torch.cat([scores["writer"][: case.component], scores["loud"]])
        assert scores["writer"][case.component] > 1.5 * others.max()


def test_no_head_can_be_planted_where_there_is_no_room():
    with pytest.raises(ValueError, match="too large"):
        plant(0, d_model=16, d_head=8)


@pytest.mark.parametrize("gain", [0.0, 2.5, -1.0])
def test_an_edit_of_the_weights_is_an_intervention_on_the_activations(solution, lists_model, gain):
    batch, (layer, spot, component) = lists(Task(), 20, 5, torch.Generator().manual_seed(0)), (1, 3, 2)
    before = lists_model(batch.prompts)
    W_V, W_O = lists_model.W_V[layer, spot], lists_model.W_O[layer, spot]
    edited = models.load("lab-list", fresh=True)
    edited.set_W_O(layer, spot, solution["scale_component"](W_V, W_O, component, gain))
    hooks = composition.edit(lists_model, layer, spot, composition.components(W_V, W_O)[2][component], gain)
    by_weights, by_hooks = edited(batch.prompts)[:, -1], composition.last(lists_model, batch, hooks)
    torch.testing.assert_close(by_weights, by_hooks, rtol=1e-4, atol=1e-4)
    assert (by_weights - before[:, -1]).abs().max() > 0.05
    torch.testing.assert_close(lists_model(batch.prompts), before, rtol=0, atol=0)


def test_the_query_can_be_scaled_in_weights_and_in_activations(lists_model):
    batch, edited = lists(Task(), 20, 9, torch.Generator().manual_seed(0)), models.load("lab-list", fresh=True)
    edited.scale_query(2, 0, 2.0)
    hooked = composition.last(lists_model, batch, composition.sharpen((2, 0), 2.0))
    torch.testing.assert_close(edited(batch.prompts)[:, -1], hooked, rtol=1e-4, atol=1e-4)


def test_a_component_that_is_not_there_inhibits_nothing(solution, lists_model):
    batch = lists(Task(), 30, 6, torch.Generator().manual_seed(0))
    mover = Mover(lists_model, batch.prompts, 2, 0)
    end = torch.full((30,), 25)
    score = solution["inhibition_score"]
    assert score(mover.clean, mover.clean, end, batch.wanted, batch.got) == 0
    uniform = torch.full_like(mover.clean, 1 / 26)
    whole = score(mover.clean, uniform, end, batch.wanted, batch.got)
    assert whole == pytest.approx(composition.gap(mover.clean[:, -1], batch), abs=1e-6) and whole > 0.2


def test_setting_a_channel_to_its_own_coordinates_changes_nothing(solution):
    generator = torch.Generator().manual_seed(0)
    x, directions = torch.randn(3, 4, 8, generator=generator), torch.randn(2, 8, generator=generator)
    position = torch.tensor([0, 3, 1])
    own = x[torch.arange(3), position] @ torch.linalg.pinv(directions)
    for n in range(3):
        one = slice(n, n + 1)
        torch.testing.assert_close(solution["set_channel"](x[one], directions, own[n], position[one]), x[one])
    moved = solution["set_channel"](x, directions, torch.tensor([5.0, -2.0]), position)
    again = solution["set_channel"](moved, directions, own[0], position)
    torch.testing.assert_close(again[0], x[0], rtol=1e-4, atol=1e-4)


def test_recall_adds_up(solution):
    generator = torch.Generator().manual_seed(0)
    length = torch.randint(2, 6, (200,), generator=generator)
    place = (torch.rand(200, generator=generator) * length).long()
    right = torch.rand(200, generator=generator) < 0.7
    found = solution["recall_by_place"](right, length, place, 6)
    assert found["by_length"].isnan().tolist() == [True, True, False, False, False, False, True]
    for n in range(2, 6):
        shares = torch.stack([((length == n) & (place == p)).float().sum() for p in range(n)])
        mean = (found["by_place"][n, :n] * shares).nansum() / shares.sum()
        assert mean.item() == pytest.approx(found["by_length"][n].item(), abs=1e-5)


def test_the_notebook_says_how_much_work_it_is(source):
    exercises = chapters()["04_talking_heads"].exercises
    points = sum(group.points for exercise in exercises for group in exercise.groups)
    minutes = sum(exercise.card.minutes for exercise in exercises)
    intro = source.read_text("utf-8").split("## Setup")[0]
    assert len(exercises) == 7 and f"Seven exercises, about {5 * round(minutes / 5)} minutes, {points} points" in intro
