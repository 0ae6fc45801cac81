"""The reference-back task: its answers, its balance, the rules that almost solve it, pairs and traps."""

from __future__ import annotations

import pytest
import torch

from mechanisms.data import reference_back as lab
from mechanisms.data.reference_back import DIFFERENT, SAME, Task


def draw(task=None, n=3000, seed=0):
    return lab.sequences(task or Task(), n, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("control", lab.CONTROLS)
@pytest.mark.parametrize("lures", [0.0, 0.7])
def test_the_answers_in_a_stream_are_the_right_ones(control, lures):
    task = Task(control=control, lures=lures)
    tokens = draw(task, 500)
    assert torch.equal(tokens[:, 3::4], lab.answers(tokens, task))
    assert tokens.shape == (500, task.length) and tokens.max() < task.vocabulary == len(lab.words(task))


def test_the_same_seed_gives_the_same_streams():
    assert torch.equal(draw(n=20), draw(n=20)) and not torch.equal(draw(n=20), draw(n=20, seed=1))


def test_where_a_register_holds_something_half_of_the_answers_are_same():
    """Without ignoring, a register holds something from its second mention on."""
    tokens = draw(Task(registers=1, control="no ignore"))
    assert (tokens[:, 7::4] == SAME).float().mean().item() == pytest.approx(0.5, abs=0.02)
    assert (tokens[:, 3] == DIFFERENT).all()


@pytest.mark.parametrize(
    ("rule", "accuracy", "whole"),
    [
        ("always different", 0.69, 0.03),
        ("last mention", 0.921, 0.40),
        ("ever mentioned", 0.930, 0.48),
        ("stored anywhere", 0.960, 0.644),
        ("ever stored", 0.985, 0.867),
    ],
)
def test_rules_without_a_gate_come_as_far_as_the_page_says(rule, accuracy, whole):
    tokens = draw()
    hits = lab.rule_answers(tokens, Task(), rule) == tokens[:, 3::4]
    assert hits.float().mean().item() == pytest.approx(accuracy, abs=0.01)
    assert hits.all(1).float().mean().item() == pytest.approx(whole, abs=0.03)


def test_without_ignoring_the_last_mention_is_the_truth():
    task = Task(control="no ignore")
    tokens = draw(task, 300)
    assert torch.equal(lab.rule_answers(tokens, task, "last mention"), tokens[:, 3::4])


def test_in_the_split_set_the_symbol_tells_the_register():
    task = Task(control="split set")
    tokens = draw(task, 300)
    register, symbol = tokens[:, 1::4] - 4, tokens[:, 2::4] - 4 - task.registers
    assert torch.equal(symbol % task.registers, register)


def test_lures_make_the_rules_worse():
    plain, lured = draw(), draw(Task(lures=0.7))
    for rule in ("last mention", "ever stored"):
        right = [(lab.rule_answers(t, Task(), rule) == t[:, 3::4]).float().mean() for t in (plain, lured)]
        assert right[1] < right[0] - 0.015, rule


@pytest.mark.parametrize("edit", lab.EDITS)
@pytest.mark.parametrize("registers", [2, 3])
def test_a_pair_differs_in_one_token_and_in_the_last_answer_alone(edit, registers):
    task = Task(registers=registers)
    pairs = lab.minimal_pairs(task, 200, edit, torch.Generator().manual_seed(0))
    differs = pairs.clean != pairs.corrupt
    assert len(pairs) == 200 and (differs.sum(1) == 1).all()
    assert torch.equal(differs.float().argmax(1), pairs.position)
    clean, corrupt = (
        lab.answers(torch.cat([stream, torch.full((200, 1), SAME)], 1), task) for stream in (pairs.clean, pairs.corrupt)
    )
    assert torch.equal(clean[:, :-1], corrupt[:, :-1]) and (clean[:, -1] != corrupt[:, -1]).all()
    assert torch.equal(clean[:, -1], pairs.clean_answer) and torch.equal(corrupt[:, -1], pairs.corrupt_answer)
    assert (pairs.clean_answer == SAME).sum() == 100, "the two directions are balanced"
    assert torch.equal(pairs.clean[:, 3::4], clean[:, :-1]), "the answers in the stream are right in both"
    assert (pairs.tuple_mask().sum(1) == (3 if edit == "query" else 4)).all()


@pytest.mark.parametrize("trap", lab.TRAPS)
def test_traps_catch_the_rules(trap):
    task = Task()
    tokens, answer = lab.adversarial(task, 300, trap, torch.Generator().manual_seed(0))
    tokens = torch.cat([tokens, answer[:, None]], 1)
    assert torch.equal(lab.answers(tokens, task)[:, -1], answer)
    wrong_rule = "ever stored" if trap == "overwritten" else "last mention"
    assert (lab.rule_answers(tokens, task, wrong_rule)[:, -1] != answer).all()


def test_words_and_tuples_are_those_of_the_tokens():
    stream = draw(n=1)[0]
    names = lab.words(Task())
    rows = lab.tuples_of(stream, Task())
    assert [list(row) for row in rows] == [[names[t] for t in stream[i : i + 3]] for i in range(0, 40, 4)]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda g: Task(control="no such"),
        lambda g: Task(symbols=9, control="split set"),
        lambda g: lab.minimal_pairs(Task(), 5, "symbol", g),
        lambda g: lab.adversarial(Task(), 5, "none", g),
        lambda g: lab.rule_answers(draw(n=2), Task(), "magic"),
    ],
)
def test_an_unknown_name_is_refused(wrong):
    with pytest.raises(ValueError, match="must be one of|as many symbols"):
        wrong(torch.Generator())
