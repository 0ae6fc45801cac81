"""The paper-scale path, offline, on a random checkpoint of GPT-2's architecture with a real subword tokenizer."""

from __future__ import annotations

import itertools
import re

import matplotlib
import pytest
import torch

from autograder.build.source import read_source
from mechanisms.models import paper
from mechanisms.training import circuits_paper
from mechanisms.training.circuits_paper import PaperPairs, colored_prompts, ioi_prompts

matplotlib.use("agg")
NAME = "gpt2-medium"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, solution):
    """A folder with a random gpt2-medium of three layers and a byte-pair tokenizer that knows the prompts' words."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    root = tmp_path_factory.mktemp("paper")
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    rows = ioi_prompts(solution["ioi_pair"], 60) + colored_prompts(solution["colored_pair"], 90)
    text = [f"{row['clean']}{row['right']}" for row in rows] + [f"{row['corrupt']}{row['wrong']}" for row in rows]
    end, alphabet = "<|endoftext|>", pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=1000, special_tokens=[end], initial_alphabet=alphabet, min_frequency=1)
    core.train_from_iterator(text, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token=end, eos_token=end, unk_token=end)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_embd=32, n_layer=3, n_head=4, n_positions=128, initializer_range=0.3,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    for parameter in model.parameters():
        if parameter.dim() == 1:  # biases start at zero: make them count
            parameter.data += 0.3 * torch.randn_like(parameter)
    model.save_pretrained(root / NAME)
    tokenizer.save_pretrained(root / NAME)
    return root


@pytest.fixture
def model(folder, monkeypatch):
    monkeypatch.setenv("MECHANISMS_PAPER_DIR", str(folder))
    return paper.load_paper_model(NAME)


def pairs_of(model, solution, task, n=20):
    if task == "ioi":
        return PaperPairs.from_text(model, ioi_prompts(solution["ioi_pair"], n))
    return PaperPairs.from_text(model, colored_prompts(solution["colored_pair"], n))


def test_prompts_read_as_gpt2_expects(solution):
    first = ioi_prompts(solution["ioi_pair"], 4)
    assert all(row["clean"].startswith("When ") and " ," not in row["clean"] for row in first)
    assert all(row["right"][0] == " " and row["right"].strip() in row["options"] for row in first)
    colored = colored_prompts(solution["colored_pair"], 6)
    assert all(row["clean"].endswith("?\nA:") and row["right"].strip().lower() in row["options"] for row in colored)
    assert ioi_prompts(solution["ioi_pair"], 4) == first, "the same seed gives the same prompts"


@pytest.mark.parametrize("task", ["ioi", "colors"])
def test_pairs_have_one_length_and_differ_in_one_token(model, solution, task):
    pairs = pairs_of(model, solution, task)
    assert len(pairs) >= 10, "most prompts survive"
    differs = pairs.clean != pairs.corrupt
    assert (differs.sum(1) == 1).all() and torch.equal(differs.int().argmax(1), pairs.edited)
    assert (pairs.right != pairs.wrong).all()
    spelled = [model.tokenizer.decode([token]) for token in pairs.clean.gather(1, pairs.wrong_options)[0].tolist()]
    right = model.tokenizer.decode([pairs.right[0].item()])
    assert len(spelled) == (1 if task == "ioi" else 2) and right.strip().lower() not in [w.strip() for w in spelled]


def test_functions_written_for_lab_lm_work_on_the_papers_architecture_and_leave_it_alone(model, solution):
    pairs = pairs_of(model, solution, "colors", 8)
    before = model(pairs.clean)
    given = (pairs.clean, pairs.corrupt)
    args = (pairs.right, pairs.wrong)
    direct = solution["path_to_logits"](model, *given, 1, 2, *args)
    indirect = solution["path_to_receivers"](model, *given, [0, 1], [[1, 2], [2, 0]], "v", pairs.edited, *args)
    clean = solution["logit_difference"](before, *args)
    assert not torch.allclose(direct, clean, atol=1e-3) and not torch.allclose(indirect, clean, atol=1e-3)
    forced = solution["override_attention"](model, pairs.clean, [[1, 2], [2, 1]], pairs.wrong_options, 1.0)
    assert not torch.allclose(forced, before[:, -1], atol=1e-3)
    torch.testing.assert_close(model(pairs.clean), before, rtol=0, atol=0)


def test_no_pair_left_is_a_sentence(model):
    row = {"clean": "a red pen", "corrupt": "a red pen", "right": " Red", "wrong": " Blue", "options": ["red"]}
    with pytest.raises(ValueError, match="No pair is left"):
        PaperPairs.from_text(model, [row])


def test_the_notebooks_paper_cells_run_to_their_end(folder, solution, source, monkeypatch, capsys):
    monkeypatch.setenv("MECHANISMS_PAPER_DIR", str(folder))
    # the paper's heads do not exist in three layers of four: name others
    monkeypatch.setattr(circuits_paper, "SHARED_MOVERS", [[2, 1], [2, 3]])
    monkeypatch.setattr(circuits_paper, "NEGATIVE_MOVER", [[2, 0]])
    monkeypatch.setattr(circuits_paper, "INHIBITION", [[1, 0], [1, 3]])
    namespace, helpers = (
        dict(solution),
        ("def ends(", "def working(", "def to_logits(", "def last_place(", "def told(", "def hit_rate("),
    )
    for cell in read_source(source):
        wanted = cell.role == "paper" and cell.kind == "code"
        if cell.role == "demo" and cell.kind == "code":
            namespace |= {"plots": None}
            for start, text in itertools.product(helpers, functions_of(cell.text)):
                if text.startswith(start):
                    exec(text, namespace)
            exec("\n".join(re.findall(r"(?m)^(?:TOP, FLOOR|MIN_GAP) = .*$", cell.text)), namespace)
        if wanted:
            exec(compile(cell.text, str(source), "exec"), namespace)
    printed = capsys.readouterr().out
    assert re.search(r"indirect objects: \d+ pairs, d clean", printed) and "head 2.1: " in printed
    assert printed.count("attention") >= 2 and printed.count("as the third inhibition head") == 2
    assert "of the union" in printed


def functions_of(text):
    """The top-level functions of a cell, as text."""
    return re.findall(r"(?ms)^def .*?(?=^\S|\Z)", text)


def test_without_a_gpu_one_sentence_and_none(monkeypatch, capsys):
    monkeypatch.delenv("MECHANISMS_PAPER_DIR", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert paper.load_paper_model(NAME) is None
    shown = capsys.readouterr()
    assert shown.out.count("\n") == 1 and "needs a GPU" in shown.out and shown.err == ""
