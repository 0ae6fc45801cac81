"""What the nine functions promise beyond the cases of their checks, and the questions of the notebook."""

from __future__ import annotations

import json

import pytest
import torch

from mechanisms.check import exercises
from mechanisms.data import binding as data
from mechanisms.data.scenes import objects
from mechanisms.training import composition
from mechanisms.training.binding import caption_scores, image_vectors
from mechanisms.training.composition import KINDS, fair_accuracy

QUESTIONS = json.loads((exercises.folder() / "questions" / "08_binding_in_clip.json").read_text("utf-8"))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def double(*shape, seed):
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed))


def test_fair_counting_is_what_shuffling_and_drawing_lots_gives(solution):
    scores = torch.randint(3, (40, 5), generator=generator()).float()  # many ties
    fair = solution["choice_accuracy"](scores, torch.zeros(40, dtype=torch.long), 1e-6)
    g, right, rounds = generator(1), 0.0, 3000
    for _ in range(rounds):
        lots = scores + 0.5 * torch.rand(40, 5, generator=g)
        right += (lots.argmax(1) == 0).double().mean().item() / rounds
    assert fair == pytest.approx(right, abs=0.01)
    assert fair == pytest.approx(fair_accuracy(scores))


def test_shuffled_candidates_give_the_same_accuracy(solution):
    scores = torch.randn(50, 5, generator=generator())
    order = torch.stack([torch.randperm(5, generator=generator(i)) for i in range(50)])
    labels = (order == 0).long().argmax(1)
    first = solution["choice_accuracy"](scores, torch.zeros(50, dtype=torch.long), 1e-6)
    assert solution["choice_accuracy"](scores.gather(1, order), labels, 1e-6) == pytest.approx(first)


def test_the_notebooks_scores_are_the_librarys(solution, clip):
    scenes = objects.draw(12, 2, generator())
    asked = data.questions(scenes, "two", generator(1))
    different, place = asked.flatten(0, 1).unique(dim=0, return_inverse=True)
    from mechanisms.models import scene_clip

    vectors = clip.encode_text(scene_clip.tokenizer()(data.text(different)))
    mine = solution["zero_shot_scores"](clip.encode_image(scenes.images), vectors, place.view(12, 5))
    assert torch.allclose(mine, caption_scores(clip, image_vectors(clip, scenes.images), asked), atol=1e-5)


@pytest.mark.parametrize(("setting", "level"), [("single", 1), ("two", 1 / 3), ("relation", 1 / 3)])
def test_the_level_without_binding_is_the_one_of_the_text(solution, setting, level):
    scenes = objects.draw(60, 1 if setting == "single" else 2, generator())
    asked = data.text(data.questions(scenes, setting, generator(1)))
    words = []
    for colours, shapes in zip(scenes.colours.tolist(), scenes.shapes.tolist(), strict=True):
        there = [objects.COLOURS[c] for c in colours] + [objects.SHAPES[s] for s in shapes]
        words.append(there + (["left", "right"] if setting == "relation" else []))
    assert solution["attribute_level"](words, asked) == pytest.approx(level)


def test_distractors_are_those_of_the_questions(solution):
    scenes = objects.draw(30, 2, generator())
    for true, *false in data.text(data.questions(scenes, "relation", generator(1))):
        subject, relation, thing = true.split()
        opposite = "right" if relation == "left" else "left"
        third = next(shape for shape in objects.SHAPES if shape not in (subject, thing))
        made = solution["relation_distractors"](subject, relation, thing, opposite, third)
        assert made == false and f"{thing} {opposite} {subject}" not in made


def test_circular_convolution_has_its_identities(solution):
    convolve = solution["circular_convolution"]
    for d in (5, 8):
        a, b, c = double(3, d, seed=d)
        delta = torch.zeros(d, dtype=torch.float64)
        delta[0] = 1
        assert torch.allclose(convolve(a, b), convolve(b, a))
        assert torch.allclose(convolve(convolve(a, b), c), convolve(a, convolve(b, c)))
        assert torch.allclose(convolve(a, b + c), convolve(a, b) + convolve(a, c))
        assert torch.allclose(convolve(a, delta), a)


@pytest.mark.parametrize("n_words", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_the_notebooks_phrases_are_the_librarys(solution, kind, n_words):
    words, roles = double(n_words, 4, 8, seed=1), double(n_words, 8, seed=2)
    matrix = double(4, 8, 8, seed=3)
    mine = solution["compose_phrases"](kind, words, roles, matrix)
    assert torch.allclose(mine, composition.compose(kind, list(words), roles, matrix))


@pytest.fixture
def gaps(solution):
    images, a, b = double(3, 30, 16, seed=4)
    inputs = (images, a, b, double(2, 16, seed=5), double(3, 16, seed=6), double(2, 16, 16, seed=7))
    return {kind: solution["order_gaps"](kind, *inputs) for kind in KINDS}


@pytest.mark.parametrize("kind", ["Add", "Mult", "Conv"])
def test_commutative_compositions_cannot_tell_the_order(gaps, kind):
    assert gaps[kind].abs().max() < 1e-12


def test_the_role_filler_model_is_right_on_exactly_one_of_two(gaps):
    left, right = gaps["RF"].T
    assert torch.allclose(left, right, atol=1e-12) and left.abs().min() > 1e-6
    answers = torch.stack([left > 0, right < 0], 1)  # a is left of b
    assert (answers.sum(1) == 1).all()


def test_the_type_logical_model_is_free_to_answer_both(gaps):
    left, right = gaps["TL"].T
    answers = torch.stack([left > 0, right < 0], 1).sum(1)
    assert {0, 1, 2} == set(answers.tolist())


def test_the_split_lets_nothing_leak(solution):
    scenes = objects.draw(400, 2, generator())
    order = [(c, s) for c in range(8) for s in range(3)]
    order = [order[i] for i in torch.randperm(24, generator=generator(2)).tolist()]
    split = solution["seen_unseen_split"](scenes.colours, scenes.shapes, order, 6)
    held = {tuple(pair) for pair in split["held_out"]}
    rest = [pair for pair in order if pair not in held]
    assert len(held) == 6 and {c for c, _ in rest} == set(range(8)) and {s for _, s in rest} == set(range(3))
    pairs = [list(zip(c, s, strict=True)) for c, s in zip(scenes.colours.tolist(), scenes.shapes.tolist(), strict=True)]
    number = torch.tensor([sum(pair in held for pair in scene) for scene in pairs])
    assert torch.equal(split["train"], number == 0) and torch.equal(split["test"], number == 1)
    assert split["train"].any() and split["test"].any() and (number == 2).any()


def test_no_more_pairs_can_be_held_out_than_leave_every_word_seen(solution):
    scenes = objects.draw(3, 1, generator())
    order = [(c, s) for c in range(8) for s in range(3)]
    assert len(solution["seen_unseen_split"](scenes.colours, scenes.shapes, order, 15)["held_out"]) == 15
    with pytest.raises(ValueError, match="16"):
        solution["seen_unseen_split"](scenes.colours, scenes.shapes, order, 16)


def test_trained_words_answer_about_new_scenes_and_untrained_ones_do_not(solution, clip):
    train, new = (objects.draw(n, 1, generator(n), "seen") for n in (800, 300))
    vectors, captions = image_vectors(clip, train.images), data.questions(train, "single", generator(1))
    asked, images = data.questions(new, "single", generator(2)), image_vectors(clip, new.images)
    right = []
    for steps in (0, 120):
        torch.manual_seed(0)
        words = solution["train_composition"](vectors, captions, steps)
        assert not words.requires_grad
        right.append(fair_accuracy((words[asked].sum(2) * images[:, None]).sum(-1)))
    assert right[0] < 0.4 and right[1] > 0.7


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["id"])
def test_every_choice_is_explained(question):
    assert question["choices"].keys() == question["explain"].keys() and len(question["choices"]) >= 3
    assert question["answer"] in question["choices"]
    assert len(set(question["explain"].values())) == len(question["choices"])
