"""The lab corpus: documents say what their generators promise."""

import pytest
import torch

from mechanisms.data import vocabulary as vocab
from mechanisms.data.conflict import conflict_set, questions
from mechanisms.data.documents import Corpus, pack

GENERATORS = {
    "facts": lambda c: c.facts(64),
    "language": lambda c: c.facts(64, "language"),
    "conflict": lambda c: c.context(64, "conflict"),
    "distractor": lambda c: c.context(64, "distractor"),
    "ioi": lambda c: c.ioi(64),
    "ioi colors": lambda c: c.ioi(64, "colors"),
    "inventory": lambda c: c.colored_objects(64, 4, 3),
    "table": lambda c: c.colored_objects(64, 3, 2, "table"),
    "question": lambda c: c.colored_objects(64, 3, 1, "question"),
    "laundry": lambda c: c.laundry(64, 8),
    "past": lambda c: c.relation(64, "past"),
    "capital": lambda c: c.relation(64, "capital"),
    "text": lambda c: c.text(64),
}


@pytest.mark.parametrize("name", GENERATORS)
def test_same_seed_same_documents_and_another_seed_others(name):
    first, again, other = (GENERATORS[name](Corpus(seed)) for seed in (5, 5, 6))
    assert torch.equal(first.tokens, again.tokens) and torch.equal(first.answers, again.answers)
    assert not torch.equal(first.tokens, other.tokens)


@pytest.mark.parametrize("name", GENERATORS)
def test_documents_begin_with_bos_and_end_in_an_answer(name):
    batch = GENERATORS[name](Corpus(1))
    assert (batch.tokens[:, 0] == vocab.word_ids()[vocab.BOS]).all()
    assert batch.answers[:, -1].all() and not batch.answers[:, 0].any()
    assert torch.equal(batch.prompts[:, -1], batch.tokens[:, -2])


def test_world_is_large_and_every_name_is_one_token():
    rows = vocab.countries()
    assert len(rows) >= 150
    assert len({c.name for c in rows}) == len({c.capital for c in rows}) == len(rows)
    assert not {c.name for c in rows} & {c.capital for c in rows}
    tokenizer = vocab.build_tokenizer()
    text = "the capital of Sri_Lanka is Buenos_Aires ."
    assert tokenizer(text).input_ids == [1, *(vocab.word_ids()[w] for w in text.split())]
    assert tokenizer.decode(tokenizer(text).input_ids) == f"<bos> {text}"


def test_a_conflict_statement_is_false_and_about_the_country_asked():
    corpus = Corpus(3, trust=0.5)
    batch = corpus.context(4000, "conflict", uniform=True, template=0)
    assert (batch.info["in_context"] != batch.info["memorised"]).all()
    assert torch.equal(batch.tokens[:, 4], batch.tokens[:, 15])  # the country stated, the country asked
    follows = (batch.targets == batch.info["in_context"]).float().mean().item()
    assert 0.45 < follows < 0.55
    assert ((batch.targets == batch.info["in_context"]) | (batch.targets == batch.info["memorised"])).all()


def test_a_distractor_statement_is_about_another_country_and_the_answer_is_true():
    batch = Corpus(3).context(1000, "distractor", template=0)
    assert (batch.tokens[:, 4] != batch.tokens[:, 15]).all()
    assert torch.equal(batch.targets, batch.info["memorised"])


def test_frequent_countries_come_more_often():
    drawn = Corpus(0, zipf=1.0).facts(20_000).info["country"]
    counts = torch.bincount(drawn, minlength=len(vocab.countries()))
    assert counts[:10].sum() > 5 * counts[-10:].sum() > 0


def test_indirect_object_is_the_name_not_repeated():
    batch = Corpus(2).ioi(500, template=0)
    for row, subject, answer in zip(batch.tokens, batch.info["subject"], batch.info["indirect_object"], strict=True):
        assert (row == subject).sum() == 2 and (row[:-1] == answer).sum() == 1 and row[-1] == answer


@pytest.mark.parametrize("style", ["inventory", "table", "question"])
def test_coloured_object_answer_is_the_colour_beside_the_object(style):
    words = vocab.words()
    batch = Corpus(4).colored_objects(200, 4, 1, style)
    for row, objects, colors in zip(batch.tokens, batch.info["objects"], batch.info["colors"], strict=True):
        text = [words[t] for t in row]
        asked = next(w for w in reversed(text[:-1]) if w in vocab.OBJECTS)
        pairs = dict(zip(objects.tolist(), colors.tolist(), strict=True))
        assert words[pairs[vocab.word_ids()[asked]]] == text[-1]


def test_held_out_objects_are_never_asked_in_training_documents():
    corpus = Corpus(0)
    held = set(vocab.OBJECTS[:6])
    used = {vocab.words()[t] for t in corpus.colored_objects(500, 4).info["objects"].flatten()}
    assert not used & held
    assert {vocab.words()[t] for t in corpus.colored_objects(200, 3, held_out=True).info["objects"].flatten()} <= held


def test_laundry_answer_is_the_one_item_not_listed_again():
    batch = Corpus(1).laundry(300, 6)
    for items, got, target in zip(batch.info["items"], batch.info["got"], batch.targets, strict=True):
        assert set(items.tolist()) - set(got.tolist()) == {target.item()}


def test_held_out_verbs_are_absent_unless_asked_for():
    corpus = Corpus(0)
    held = set(corpus.held_out["past"].tolist())
    assert not held & set(corpus.relation(1000, "past").info["item"].flatten().tolist())
    assert set(corpus.relation(200, "past", held_out=True).info["item"][:, -1].tolist()) <= held


def test_blurred_answers_are_any_colour_of_the_list():
    batch = Corpus(0, blur=True).colored_objects(600, 3)
    true = batch.info["colors"].gather(1, batch.info["asked"])[:, 0]
    assert 0.2 < (batch.targets == true).float().mean() < 0.47
    assert (batch.targets[:, None] == batch.info["colors"]).any(1).all()


def test_pack_pads_on_the_right():
    corpus = Corpus(0)
    short, long = corpus.facts(2, template=0), corpus.laundry(3, 8)
    packed = pack([short, long])
    assert packed.tokens.shape == (5, long.tokens.shape[1])
    assert (packed.tokens[:2, short.tokens.shape[1] :] == 0).all()
    assert not packed.answers[:2, short.tokens.shape[1] :].any()


def test_conflict_set_never_states_the_truth_and_is_deterministic():
    corpus = Corpus(0)
    items, again = conflict_set(corpus, 5, 9), conflict_set(corpus, 5, 9)
    assert len(items) == 5 * len(vocab.countries())
    assert torch.equal(items.prompts, again.prompts)
    assert (items.in_context != items.memorised).all()
    pairs = torch.stack([items.country, items.in_context], 1)
    assert len(pairs.unique(dim=0)) == len(items)
    assert len(items.where(items.country == 0)) == 5


def test_questions_cover_every_country_in_order():
    corpus = Corpus(0)
    prompts, answers = questions(corpus)
    assert torch.equal(prompts[:, 8], corpus.country) and torch.equal(answers, corpus.value["capital"])
