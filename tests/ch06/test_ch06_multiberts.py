"""The probe of MultiBERTs, offline, on a random BERT of a few thousand weights and a made-up treebank."""

from __future__ import annotations

import pytest
import torch

from mechanisms.errors import BadData
from mechanisms.models import multiberts, paper

NOUNS = [f"thing{letter}" for letter in "abcdefghijkl"]
ADJECTIVES = [f"kind{letter}" for letter in "abcdefghijkl"]


def line(number, word, tag):
    return "\t".join([str(number), word, word, tag, "_", "_", "0", "_", "_", "_"])


@pytest.fixture(scope="module")
def treebank(tmp_path_factory):
    rows = []
    # each sentence in both orders, so that the place of a word tells nothing
    for noun, adjective in zip(NOUNS * 3, ADJECTIVES * 3, strict=True):
        for first, second in (((noun, "NOUN"), (adjective, "ADJ")), ((adjective, "ADJ"), (noun, "NOUN"))):
            words = [("The", "DET"), first, ("is", "AUX"), second]
            rows += ["# a comment", line("1-2", "cannot", "_")]
            rows += [*(line(number, *word) for number, word in enumerate(words, start=1)), ""]
    path = tmp_path_factory.mktemp("treebank") / "tiny.conllu"
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("paper")
    name = folder / "google" / "multiberts-seed_3-step_20k"
    name.mkdir(parents=True)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "is", "x", "y", "thing", "kind"]
    words += [f"##{letter}" for letter in "abcdefghijkl"]
    (name / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    BertTokenizerFast(str(name / "vocab.txt")).save_pretrained(name)
    torch.manual_seed(0)
    BertModel(
        BertConfig(
            vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
        ),
        add_pooling_layer=False,
    ).save_pretrained(name)
    return folder


def test_a_treebank_is_read(treebank):
    sentences = multiberts.read_conllu(treebank)
    assert len(sentences) == 72 and sentences[0].words == ("The", "thinga", "is", "kinda")
    assert multiberts.nouns_and_adjectives(sentences) == {"NOUN": NOUNS, "ADJ": ADJECTIVES}


def test_words_of_both_kinds_are_neither():
    both = [multiberts.Sentence(("cold",), (tag,)) for tag in ("NOUN", "ADJ")]
    assert multiberts.nouns_and_adjectives(both) == {"NOUN": [], "ADJ": []}


def test_what_is_no_treebank_is_one_sentence(tmp_path):
    (tmp_path / "text.txt").write_text("1 word without tabs\n")
    with pytest.raises(BadData, match="Line 1 .* has 1 columns"):
        multiberts.read_conllu(tmp_path / "text.txt")
    with pytest.raises(BadData, match="cannot be read"):
        multiberts.read_conllu(tmp_path / "absent.conllu")


def test_every_layer_is_probed_on_every_set(root, treebank, monkeypatch):
    monkeypatch.setenv("MECHANISMS_PAPER_DIR", str(root))
    model, tokenizer = multiberts.load_multibert(20)
    found = multiberts.probe_layers(model, tokenizer, multiberts.read_conllu(treebank), n_test=40)
    assert set(found) == {"in place", "switched", "new words"}
    assert all(len(rows) == 3 and all(0 <= value <= 1 for value in rows) for rows in found.values())
    # in the embeddings (layer 0) the words themselves decide: in place all right, exchanged all wrong
    assert found["in place"][0] > 0.75 and found["switched"][0] < 0.25


def test_too_small_a_treebank_is_one_sentence(root, monkeypatch):
    monkeypatch.setenv("MECHANISMS_PAPER_DIR", str(root))
    with pytest.raises(BadData, match="fewer than ten"):
        multiberts.probe_layers(*multiberts.load_multibert(20), [multiberts.Sentence(("a",), ("NOUN",))])


def test_without_the_model_one_sentence(capsys, monkeypatch):
    monkeypatch.delenv("MECHANISMS_PAPER_DIR", raising=False)
    monkeypatch.setattr(paper, "hub_answers", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert multiberts.load_multibert(2000) is None
    assert multiberts.load_multibert(2000, device="cpu") is None
    said = capsys.readouterr().out
    assert said.count("No probe of google/multiberts-seed_3-step_2000k here") == 2 and said.count("\n") == 2
