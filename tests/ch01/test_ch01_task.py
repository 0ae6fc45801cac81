"""The documents of chapter 01 are what they are said to be."""

from __future__ import annotations

import pytest
import torch

from mechanisms.data.relations import (
    CUES,
    FIRST_CUES,
    FORMS,
    LENGTH,
    NEW_STEMS,
    SECOND_CUES,
    STEMS,
    VOCABULARY,
    WORDS,
    Task,
    batch,
    copy_documents,
    copyable,
    fact_documents,
    fact_prompts,
    text_documents,
    unrelated_contexts,
)


def fresh(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_facts_follow_the_table_and_never_a_held_out_pair():
    task = Task()
    tokens, weights = fact_documents(task, 2000, fresh())
    facts, weights = tokens.view(-1, 4), weights.view(-1, 4)
    relation = (facts[:, 0] - FIRST_CUES + facts[:, 2] - SECOND_CUES) % CUES
    stem, form = facts[:, 1] // FORMS, facts[:, 1] % FORMS
    expected = torch.where(relation == 0, facts[:, 1], task.answers[stem, relation])
    off = facts[:, 3] != expected
    assert (
        0.1 < off.float().mean() < 0.25
    )  # invented answers and their repetitions: .24 of documents, two facts of three
    assert not task.held_out[stem, relation].any()
    assert (form[relation > 0] == 0).all()
    first_sight = weights[:, 3] == 0
    assert off[first_sight].float().mean() > 0.95  # by chance an invented answer is the right one
    assert not first_sight.view(-1, 3)[:, 2].any() and abs(first_sight.float().mean() - 0.24 / 3) < 0.02


def test_one_cue_alone_says_nothing_of_the_relation():
    tokens, _ = fact_documents(Task(), 4000, fresh())
    facts = tokens.view(-1, 4)
    relation = (facts[:, 0] + facts[:, 2] - FIRST_CUES - SECOND_CUES) % CUES
    for cue, base in ((facts[:, 0], FIRST_CUES), (facts[:, 2], SECOND_CUES)):
        shares = [(relation[cue == base + value] == 0).float().mean().item() for value in range(CUES)]
        assert max(shares) - min(shares) < 0.05


def test_the_control_has_no_common_offset():
    regular, random = Task().answers, Task("random").answers
    offsets = [(table[:, 1] - table[:, 0]).unique().numel() for table in (regular, random)]
    assert offsets[0] == 1 and offsets[1] > STEMS // 2
    assert torch.equal(Task().held_out.sum(1)[-NEW_STEMS:], torch.full((NEW_STEMS,), FORMS))
    with pytest.raises(ValueError, match="regular"):
        Task("other")


def test_copying_and_text_documents():
    tokens, _ = copy_documents(50, fresh())
    assert torch.equal(tokens[:, :8], tokens[:, 4:])
    tokens, weights = text_documents(80, fresh())
    assert tokens.max() < FIRST_CUES and weights.min() > 0
    lists = tokens[:20]
    assert (lists < WORDS).all() and (lists % FORMS == lists[:, :1] % FORMS).all()
    triples = tokens[20:].reshape(-1, 3)
    word = triples[triples < WORDS]
    assert len(word) == len(triples)  # exactly one word in each
    assert torch.equal(triples[(triples >= WORDS) & (triples < WORDS + STEMS)] - WORDS, word // FORMS)
    assert torch.equal(triples[triples >= WORDS + STEMS] - WORDS - STEMS, word % FORMS)


@pytest.mark.parametrize("shots", [1, 2])
def test_prompts_state_the_answer_in_the_extractive_twin_alone(shots):
    task, stems = Task(), Task().trained_stems(2)
    answer = task.answers[stems, 2]
    plain = fact_prompts(task, 2, stems, shots, fresh())
    stated = fact_prompts(task, 2, stems, shots, fresh(), stated=True)
    assert plain.shape == stated.shape == (len(stems), 4 * shots + 3)
    assert not (plain == answer[:, None]).any()
    assert torch.equal(stated[:, -4], answer) and torch.equal(stated[:, -7:-4], stated[:, -3:])
    assert torch.equal(plain[:, -2], stems * FORMS)


@pytest.mark.parametrize("stated", [False, True])
def test_shots_never_show_the_form_that_is_asked_for(stated):
    task, relation = Task(), 1
    stems = task.trained_stems(relation)
    prompts = fact_prompts(task, relation, stems, 3, fresh(), stated=stated)
    shots = prompts[:, :12].view(-1, 3, 4)
    seen = (shots[..., 0] - FIRST_CUES + shots[..., 2] - SECOND_CUES) % CUES
    others = seen[:, :2] if stated else seen
    assert set(others.flatten().tolist()) == {0, 2, 3} and (not stated or (seen[:, 2] == relation).all())
    told = shots[:, : others.shape[1]]
    assert torch.equal(told[..., 3], task.answers[told[..., 1] // FORMS, others])
    assert (
        not (told[..., 1] // FORMS == stems[:, None]).any() and not task.held_out[told[..., 1] // FORMS, others].any()
    )
    asked = prompts[:, 12:]
    assert torch.equal(asked[:, 1], stems * FORMS)
    assert ((asked[:, 0] - FIRST_CUES + asked[:, 2] - SECOND_CUES) % CUES == relation).all()


def test_shots_of_the_asked_relation_are_there_on_request():
    prompts = fact_prompts(Task(), 2, torch.arange(9), 3, fresh(), same=True)
    facts = torch.cat([prompts, prompts[:, :1]], 1).view(-1, 4, 4)
    assert ((facts[..., 0] - FIRST_CUES + facts[..., 2] - SECOND_CUES) % CUES == 2).all()
    assert (facts[:, :3, 3] % FORMS == 2).all()


def test_what_can_be_copied():
    a, b = FIRST_CUES, SECOND_CUES
    copied, past = [a + 1, 8, b + 3, 8], [a, 12, b + 1, 13]
    documents = torch.tensor(
        [
            copied + past + past,
            past + copied + [a, 16, b + 2, 18],
            [a, 12, b + 1, 77] + past + [a, 12, b + 1, 77],
            [1, 2, 3, 4] * 3,
            list(range(12)),
        ]
    )
    block = set(range(4, 12))
    expected = {
        "copies": [{3, 11}, {7}, {11}, block, set()],
        "repeats": [{11}, set(), {11}, block, set()],
        "blocks": [set(), set(), set(), block, set()],
    }
    for kinds, rows in expected.items():
        assert [set(row.nonzero()[:, 0].tolist()) for row in copyable(documents, kinds)] == rows, kinds


def test_contexts_and_batches():
    stems = torch.arange(STEMS)
    contexts = unrelated_contexts(stems, fresh())
    assert contexts.shape == (STEMS, LENGTH - 1) and torch.equal(contexts[:, 3], stems * FORMS)
    assert torch.equal(contexts[:, :7], contexts[:, 4:])
    assert torch.equal(unrelated_contexts(stems, fresh(), 2)[:, 3], stems * FORMS + 2)
    tokens, weights = batch(Task(), 128, fresh(5))
    assert tokens.shape == weights.shape == (128, LENGTH) and tokens.min() >= 0 and tokens.max() < VOCABULARY
    assert torch.equal(tokens, batch(Task(), 128, fresh(5))[0])
