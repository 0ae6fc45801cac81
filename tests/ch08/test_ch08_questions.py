"""Candidate captions: one of five is true, the false ones are as the text says, and no position gives it away."""

from __future__ import annotations

import pytest
import torch

from mechanisms.data import binding as data
from mechanisms.data.scenes import objects


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def is_true(caption, colours, shapes):
    """Whether a caption holds of a scene, by looking at its objects from left to right."""
    words = caption.split()
    nouns = [objects.noun(c, s) for c, s in zip(colours, shapes, strict=True)]
    if len(words) == 2:
        return caption in nouns
    names = [objects.SHAPES[s] for s in shapes]
    places = {name: i for i, name in enumerate(names)} | {noun: i for i, noun in enumerate(nouns)}
    link = next(word for word in words if word in objects.LINKS)
    first, second = caption.split(f" {link} ")
    if first not in places or second not in places:
        return False
    if link == "and":
        return places[first] != places[second]
    return places[first] < places[second] if link == "left" else places[first] > places[second]


@pytest.mark.parametrize("split", ["seen", "held out"])
@pytest.mark.parametrize("setting", data.SETTINGS)
def test_exactly_the_first_candidate_is_true(setting, split):
    scenes = objects.draw(200, 1 if setting == "single" else 2, generator(), split)
    asked = data.text(data.questions(scenes, setting, generator(1)))
    for captions, colours, shapes in zip(asked, scenes.colours.tolist(), scenes.shapes.tolist(), strict=True):
        assert len(set(captions)) == 5
        assert [is_true(caption, colours, shapes) for caption in captions] == [True] + [False] * 4


def test_the_converse_with_the_opposite_relation_is_true_and_never_a_distractor():
    scenes = objects.draw(100, 2, generator())
    asked = data.text(data.questions(scenes, "relation", generator(1)))
    for (true, *false), colours, shapes in zip(asked, scenes.colours.tolist(), scenes.shapes.tolist(), strict=True):
        subject, relation, thing = true.split()
        converse = f"{thing} {'right' if relation == 'left' else 'left'} {subject}"
        assert is_true(converse, colours, shapes) and converse not in false


def test_questions_of_the_held_out_split_are_about_the_held_out_pair():
    table = objects.held_out_pairs()
    for count, setting in ((1, "single"), (2, "two")):
        scenes = objects.draw(200, count, generator(), "held out")
        true = data.questions(scenes, setting, generator(1))[:, 0]
        assert table[true[:, 0], true[:, 1] - data.FIRST_SHAPE].all()


@pytest.mark.parametrize("setting", ["two", "relation"])
def test_whole_captions_have_the_same_words_and_one_is_true(setting):
    scenes = objects.draw(100, 2, generator())
    both = data.full_captions(scenes, generator(1), setting)
    for pair, colours, shapes in zip(data.text(both), scenes.colours.tolist(), scenes.shapes.tolist(), strict=True):
        assert [is_true(caption, colours, shapes) for caption in pair] == [True, False]
        assert sorted(pair[0].split()) == sorted(pair[1].split())
    first_is_left = both[:, 0, 0] == scenes.colours[:, 0]
    assert 30 < int(first_is_left.sum()) < 70


@pytest.mark.parametrize(
    "call",
    [
        lambda: data.questions(objects.draw(2, 1, generator()), "three", generator()),
        lambda: data.questions(objects.draw(2, 1, generator()), "two", generator()),
        lambda: data.full_captions(objects.draw(2, 2, generator()), generator(), "single"),
    ],
)
def test_bad_wishes_are_refused_in_a_sentence(call):
    with pytest.raises(ValueError, match="setting"):
        call()
