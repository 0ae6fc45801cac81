"""Minimal pairs: one word differs, and the answers are those of the prompts as they read."""

from __future__ import annotations

import pytest
import torch

from mechanisms.data import circuit_tasks as tasks
from mechanisms.data.documents import HELD_OUT_OBJECTS, Corpus
from mechanisms.data.vocabulary import OBJECTS, countries, word_ids, words
from mechanisms.models import planted as network

WORDS = words()
CAPITALS = {country.name: country.capital for country in countries()}


def spelled(row):
    return [WORDS[token] for token in row]


def answer_of(task, prompt):
    """The right answer, worked out from the words alone."""
    text = spelled(prompt)
    if task == "indirect objects":
        giver = text[max(i for i, word in enumerate(text) if text[:i].count(word) == 1 and word.istitle())]
        first, second = text[2], text[4]
        return second if giver == first else first
    if task == "laundry lists":
        stop = text.index(".")
        needed = [word for word in text[3:stop] if word != ","]
        got = text[stop + 3 : text.index(".", stop + 1)]
        [missing] = [word for word in needed if word not in got]
        return missing
    if task == "coloured objects":
        return text[text.index(text[-1]) + 1]
    return CAPITALS[text[text.index("of") + 1]]


@pytest.fixture(params=list(tasks.TASKS))
def drawn(request):
    return request.param, tasks.TASKS[request.param](Corpus(5, trust=0.6, zipf=1.5, conflict_zipf=0.5), 60)


def test_pairs_differ_in_one_word_and_in_their_answers(drawn):
    _, pairs = drawn
    differs = pairs.clean != pairs.corrupt
    assert len(pairs) == 60 and (differs.sum(1) == 1).all()
    assert torch.equal(differs.int().argmax(1), pairs.edited) and (pairs.right != pairs.wrong).all()


def test_answers_are_right(drawn):
    task, pairs = drawn
    for row in range(len(pairs)):
        assert answer_of(task, pairs.clean[row]) == WORDS[pairs.right[row]]
        assert answer_of(task, pairs.corrupt[row]) == WORDS[pairs.wrong[row]]


@pytest.mark.parametrize("style", ["inventory", "table"])
def test_the_listed_colors_are_where_options_says(style):
    pairs = tasks.colored_objects(Corpus(6), 40, 3, style)
    listed = pairs.clean.gather(1, pairs.options)
    objects = pairs.clean.gather(1, pairs.fillers)
    assert ((listed == pairs.right[:, None]).sum(1) == 1).all() and pairs.wrong_options.shape == (40, 2)
    assert (pairs.clean.gather(1, pairs.wrong_options) != pairs.right[:, None]).all()
    assert (abs(pairs.options - pairs.fillers) == 1).all() and (objects == pairs.clean[:, -1:]).any(1).all()


def test_held_out_objects_are_those_of_the_recipe():
    held_out = {word_ids()[name] for name in OBJECTS[:HELD_OUT_OBJECTS]}
    for flag in (True, False):
        pairs = tasks.colored_objects(Corpus(7), 40, held_out=flag)
        assert all((token in held_out) is flag for token in pairs.clean[:, -1].tolist())


@pytest.mark.parametrize("pool", ["names", "colors", "objects"])
def test_indirect_objects_of_every_kind(pool):
    pairs = tasks.indirect_objects(Corpus(8), 30, pool)
    persons = pairs.clean.gather(1, pairs.options)
    assert torch.equal(persons[:, 0], pairs.wrong) and torch.equal(persons[:, 1], pairs.right)


@pytest.mark.parametrize("draw", [network.indirect_objects, network.colored_objects, network.partners])
def test_planted_pairs_differ_in_one_word(draw):
    pairs = draw(50, torch.Generator().manual_seed(3))
    differs = pairs.clean != pairs.corrupt
    assert (differs.sum(1) == 1).all() and torch.equal(differs.int().argmax(1), pairs.repeat)
    assert (pairs.right != pairs.wrong).all() and len(pairs) == 50
