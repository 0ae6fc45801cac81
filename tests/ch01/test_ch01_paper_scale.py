"""The paper-scale path, offline, on a random checkpoint of GPT-2's architecture."""

from __future__ import annotations

import re

import matplotlib
import pytest
import torch

from autograder.build.source import read_source
from mechanisms.data.vocabulary import countries
from mechanisms.models import paper, paper_relations
from mechanisms.models.paper_relations import capital_prompt, first_tokens, nonsense_contexts

matplotlib.use("agg")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a random gpt2-medium of a few thousand weights, and a real subword tokenizer."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    root = tmp_path_factory.mktemp("paper")
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    text = [f"Q: What is the capital of {c.name}?\nA: {c.capital}".replace("_", " ") for c in countries()]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        text, trainers.BpeTrainer(vocab_size=400, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet)
    )
    end = "<|endoftext|>"
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token=end, eos_token=end, unk_token=end)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_embd=32, n_layer=4, n_head=4, n_positions=128, initializer_range=0.3,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    for parameter in model.parameters():
        if parameter.dim() == 1:  # biases start at zero: make them count
            parameter.data += 0.3 * torch.randn_like(parameter)
    model.save_pretrained(root / "gpt2-medium")
    tokenizer.save_pretrained(root / "gpt2-medium")
    return root


@pytest.fixture
def model(folder, monkeypatch):
    monkeypatch.setenv("MECHANISMS_PAPER_DIR", str(folder))
    return paper.load_paper_model("gpt2-medium")


def test_early_decoding_ends_in_the_models_own_logits(model, solution):
    tokens = torch.randint(1, model.cfg.d_vocab, (3, 9), generator=torch.Generator().manual_seed(1))
    decoded = solution["early_decode"](model, tokens)
    torch.testing.assert_close(decoded[-1], model(tokens)[:, -1], rtol=1e-3, atol=1e-3)
    assert decoded.shape[0] == 9


def test_prompts_and_contexts_are_what_they_say(model):
    facts, _ = paper.paper_facts(model)
    shown, asked = list(facts)[:2]
    text = model.tokenizer.decode(capital_prompt(model, facts, shown, asked).tolist())
    assert text.endswith(f"{shown}?\nA: {facts[shown]}\nQ: What is the capital of {asked}?\nA:")
    for word, tokens in nonsense_contexts(model, list(facts)[:5], torch.Generator().manual_seed(0)):
        spelled = model.tokenizer.encode(f" {word}", add_special_tokens=False)
        row, n = tokens[0].tolist(), len(spelled) + 3
        assert len(row) == 2 * n + 3 and row[:n] == row[n : 2 * n] and row[3:n] == spelled and row[-3:] == row[:3]
        assert first_tokens(model, [word]) == [spelled[0]]


def test_a_flip_is_captured_and_the_vector_is_what_the_ffn_adds(model, solution):
    tokens = torch.randint(1, model.cfg.d_vocab, (9,), generator=torch.Generator().manual_seed(2))
    flips = 0
    for argument in range(40):
        try:
            found = solution["capture_ffn"](model, tokens, argument, argument + 50)
        except ValueError:
            continue
        flips += 1
        own = model.run_with_cache(tokens[None])[1][f"blocks.{found['layer']}.hook_mlp_out"][0, -1]
        torch.testing.assert_close(found["vector"], own)
    assert flips > 3


def run_paper_cells(source, namespace):
    exec("from mechanisms.plots import relational as plots", namespace)
    for cell in read_source(source):
        if cell.role == "paper" and cell.kind == "code":
            exec(compile(cell.text, str(source), "exec"), namespace)


def test_the_notebooks_paper_cells_run_to_their_end(model, solution, source, capsys, monkeypatch):
    """A random model knows no capital: what it says is taken for the truth, so that the cells have something to do."""
    real_facts, real_tokens = paper.paper_facts, paper_relations.first_tokens
    facts = dict(list(real_facts(model)[0].items())[:14])
    shown = next(iter(facts))
    says = {
        facts[asked]: int(model(capital_prompt(model, facts, shown, asked)[None])[0, -1].argmax())
        for asked in list(facts)[1:]
    }
    monkeypatch.setattr(paper, "paper_facts", lambda model: (facts, None))
    monkeypatch.setattr(
        paper_relations,
        "first_tokens",
        lambda model, words: [says.get(word, real_tokens(model, [word])[0]) for word in words],
    )
    run_paper_cells(source, dict(solution))
    printed = capsys.readouterr().out
    assert "13 of 13 capitals right" in printed
    assert re.search(r"FFN \d of 4", printed) and re.search(r"mean rank of the capital: \d+ → \d+", printed)


def test_a_model_that_knows_nothing_is_told_so(model, solution, source, capsys, monkeypatch):
    facts = dict(list(paper.paper_facts(model)[0].items())[:3])
    monkeypatch.setattr(paper, "paper_facts", lambda model: (facts, None))
    monkeypatch.setattr(paper_relations, "first_tokens", lambda model, words: [0] * len(words))
    run_paper_cells(source, dict(solution))
    printed = capsys.readouterr().out
    assert "0 of 2 capitals right" in printed and "No prompt in which an FFN" in printed


def test_without_a_gpu_one_sentence_and_none(monkeypatch, capsys):
    monkeypatch.delenv("MECHANISMS_PAPER_DIR", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert paper.load_paper_model("gpt2-medium") is None
    shown = capsys.readouterr()
    assert shown.out.count("\n") == 1 and "needs a GPU" in shown.out and shown.err == ""
