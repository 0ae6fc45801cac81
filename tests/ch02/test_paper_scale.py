"""The paper-scale path, offline, on random checkpoints of the paper's two architectures."""

from __future__ import annotations

import re

import matplotlib
import pytest
import torch
from huggingface_hub import constants

from autograder.build.source import read_source
from mechanisms.data.vocabulary import countries
from mechanisms.models import paper

matplotlib.use("agg")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with random pythia-1.4b and gpt2-xl, a few thousand weights each, and a real subword tokenizer."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GPT2Config, GPT2LMHeadModel, GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedTokenizerFast

    root = tmp_path_factory.mktemp("paper")
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    text = [
        f"The capital of {c.name} is {c.capital}. Q: What is the capital?\nA:".replace("_", " ") for c in countries()
    ]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        text, trainers.BpeTrainer(vocab_size=400, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet)
    )
    end = "<|endoftext|>"
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token=end, eos_token=end, unk_token=end)
    size = len(tokenizer)
    torch.manual_seed(0)
    neox = GPTNeoXConfig(
        vocab_size=size, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=128, initializer_range=0.3, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    gpt2 = GPT2Config(
        vocab_size=size, n_embd=32, n_layer=2, n_head=4, n_positions=128, initializer_range=0.3, bos_token_id=0,
        eos_token_id=0,
    )  # fmt: skip
    for name, model in {"EleutherAI/pythia-1.4b": GPTNeoXForCausalLM(neox), "gpt2-xl": GPT2LMHeadModel(gpt2)}.items():
        for parameter in model.parameters():
            if parameter.dim() == 1:  # biases start at zero: make them count
                parameter.data += 0.3 * torch.randn_like(parameter)
        model.save_pretrained(root / name)
        tokenizer.save_pretrained(root / name)
    return root


@pytest.fixture(params=["EleutherAI/pythia-1.4b", "gpt2-xl"])
def name(request, folder, monkeypatch):
    monkeypatch.setenv("MECHANISMS_PAPER_DIR", str(folder))
    return request.param


def test_the_decomposition_holds_on_the_papers_architectures(name, solution):
    model = paper.load_paper_model(name)
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(1, model.cfg.d_vocab, (6, 9), generator=generator)
    first, second = torch.randint(1, model.cfg.d_vocab, (2, 6), generator=generator)
    parts = solution["logit_difference_parts"](model, tokens, first, second)
    total = parts["heads"].sum((1, 2)) + parts["mlps"].sum(1) + parts["embed"] + parts["bias"]
    logits, rows = model(tokens)[:, -1], torch.arange(6)
    torch.testing.assert_close(total, logits[rows, first] - logits[rows, second], rtol=1e-3, atol=1e-3)


def test_a_local_folder_gives_what_the_hub_model_would(folder):
    assert paper.load_paper_model(str(folder / "gpt2-xl")).cfg.n_layers == 2


def test_conflicts_are_grouped_by_length_and_none_is_lost(name, solution):
    model = paper.load_paper_model(name)
    facts, first_token = paper.paper_facts(model)
    template = "The capital of {country} is {in_context}.\nA:"
    items = solution["build_conflict_items"](facts, list(facts)[:2], first_token, template)
    assert len(items) < 2 * (len(facts) - 1), "some capitals share a first token, so exercise 1 has left pairs out"
    groups = paper.conflicts_by_length(model, items, first_token)
    assert sum(len(group) for group in groups) == len(items)
    assert len({group.prompts.shape[1] for group in groups}) == len(groups) > 1
    assert all((group.in_context != group.memorised).all() for group in groups)


@pytest.mark.slow
def test_the_notebooks_paper_cells_run_to_their_end(name, solution, source, capsys):
    namespace = dict(solution)
    exec("from mechanisms.plots import factual_recall as plots", namespace)
    for cell in read_source(source):
        if cell.role == "paper":
            exec(compile(cell.text.replace("EleutherAI/pythia-1.4b", name), str(source), "exec"), namespace)
    printed = capsys.readouterr().out
    assert re.search(r"strongest memory head: \d\.\d", printed)
    assert sum(namespace["paper_sweep"][0]) == pytest.approx(1)


def test_without_a_gpu_one_sentence_and_none(monkeypatch, capsys):
    monkeypatch.delenv("MECHANISMS_PAPER_DIR", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert paper.load_paper_model("EleutherAI/pythia-1.4b") is None
    shown = capsys.readouterr()
    assert shown.out.count("\n") == 1 and "needs a GPU" in shown.out and shown.err == ""


def test_without_the_hub_one_sentence_and_none(monkeypatch, capsys):
    monkeypatch.delenv("MECHANISMS_PAPER_DIR", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(paper, "_in_cache", lambda name: False)
    assert paper.load_paper_model("EleutherAI/pythia-1.4b", device="cpu") is None
    shown = capsys.readouterr()
    assert shown.out.count("\n") == 1 and "hub does not answer" in shown.out and shown.err == ""


def test_a_damaged_checkpoint_gives_one_sentence(tmp_path, capsys):
    (tmp_path / "config.json").write_text("{}")
    assert paper.load_paper_model(str(tmp_path)) is None
    assert capsys.readouterr().out.count("\n") == 1
