"""The paper-scale path, offline, on a random checkpoint of GPT-2's architecture with a real subword tokenizer."""

from __future__ import annotations

import re

import matplotlib
import pytest
import torch

from autograder.build.source import read_source
from mechanisms.data import two_names
from mechanisms.data.two_names import NAMES, TEMPLATE, two_name_prompts
from mechanisms.errors import CourseError
from mechanisms.models import paper
from mechanisms.models.mover import Mover

matplotlib.use("agg")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a random gpt2 of ten layers and eleven heads, and names of which some are single tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    root = tmp_path_factory.mktemp("paper")
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    text = [TEMPLATE.format(a=a, b=b, s=a) for a in NAMES[:6] for b in NAMES[:6]]
    end = "<|endoftext|>"
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(text, trainers.BpeTrainer(vocab_size=400, special_tokens=[end], initial_alphabet=alphabet))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token=end, eos_token=end, unk_token=end)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_embd=44, n_layer=10, n_head=11, n_positions=64, initializer_range=0.2,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    for parameter in model.parameters():
        if parameter.dim() == 1:  # biases start at zero: make them count
            parameter.data += 0.2 * torch.randn_like(parameter)
    model.save_pretrained(root / "gpt2")
    tokenizer.save_pretrained(root / "gpt2")
    return root


@pytest.fixture
def model(folder, monkeypatch):
    monkeypatch.setenv("MECHANISMS_PAPER_DIR", str(folder))
    return paper.load_paper_model("gpt2")


def test_prompts_name_the_right_places(model):
    pairs = two_name_prompts(model, 20, seed=1)
    rows = torch.arange(20)
    assert (pairs.prompts[rows, pairs.wanted] == pairs.targets).all() and (pairs.inhibited.sum(1) == 1).all()
    repeated = pairs.prompts[pairs.inhibited]
    assert ((pairs.prompts == repeated[:, None]).sum(1) == 2).all()
    assert ((pairs.prompts == pairs.targets[:, None]).sum(1) == 1).all()
    first = pairs.inhibited.float().argmax(1) < pairs.wanted
    assert first.sum() == 10, "the repeated name comes first in one half"


def test_a_tokenizer_without_names_is_told(model, monkeypatch):
    monkeypatch.setattr(two_names, "NAMES", ("Maximilienne", "Bartholomew"))
    with pytest.raises(CourseError, match="splits every name"):
        two_name_prompts(model, 2, seed=0)


def test_the_mover_holds_on_gpt2s_architecture(model):
    pairs = two_name_prompts(model, 6, seed=0)
    mover = Mover(model, pairs.prompts, 9, 9)
    shift = 0.1 * torch.randn(mover.resid.shape, generator=torch.Generator().manual_seed(1))
    seen = {}

    def look(pattern, hook):
        seen["pattern"] = pattern[:, 9]

    hooks = [("blocks.9.hook_resid_pre", lambda x, hook: x + shift), ("blocks.9.attn.hook_pattern", look)]
    model.run_with_hooks(pairs.prompts, fwd_hooks=hooks)
    ours = mover.pattern(mover.resid + shift, mover.resid + shift)
    torch.testing.assert_close(ours, seen["pattern"], rtol=1e-3, atol=1e-4)


def test_the_notebooks_paper_cells_run_to_their_end(model, solution, source, capsys):
    namespace = dict(solution)
    exec("from mechanisms.plots import talking_heads as plots\nfrom mechanisms.models.mover import Mover", namespace)
    for cell in read_source(source):
        if cell.role == "paper":
            exec(compile(cell.text, str(source), "exec"), namespace)
    printed = capsys.readouterr().out
    assert len(namespace["paper_table"]) == 4 * 4, "every component of the four heads"
    assert len(re.findall(r"head \d\.\d+: \d+% of its inhibition", printed)) == 4


def test_without_a_gpu_one_sentence_and_none(monkeypatch, capsys):
    monkeypatch.delenv("MECHANISMS_PAPER_DIR", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert paper.load_paper_model("gpt2") is None
    shown = capsys.readouterr()
    assert shown.out.count("\n") == 1 and "needs a GPU" in shown.out and shown.err == ""
