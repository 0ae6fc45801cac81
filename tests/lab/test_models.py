"""Loading lab models: what a student gets, and what is said when it cannot be had."""

import json
import shutil
import subprocess
import sys

import pytest
import torch

from mechanisms import models, torchvision_ops
from mechanisms.errors import ModelMissing

FOLDER = models.checkpoint_folder("lab-lm")


def test_the_same_model_each_time_unless_fresh():
    assert models.load() is models.load()
    fresh = models.load(fresh=True)
    assert fresh is not models.load()
    assert not any(p.requires_grad for p in fresh.parameters())


def test_compatibility_mode_changes_no_probability():
    from transformers import AutoModelForCausalLM

    model = models.load()
    tokens = model.to_tokens("the capital of Poland is Rome . Q : what is the capital of Poland ? A :")
    assert tokens[0, 0] == model.tokenizer.bos_token_id and (tokens == model.tokenizer.bos_token_id).sum() == 1
    plain = AutoModelForCausalLM.from_pretrained(FOLDER).eval()
    with torch.no_grad():
        torch.testing.assert_close(
            model(tokens).log_softmax(-1), plain(tokens).logits.log_softmax(-1), rtol=1e-4, atol=1e-4
        )


def test_loading_is_silent(tmp_path):
    code = "from mechanisms import models; models.load()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stderr == "" and done.stdout == ""


def test_every_head_has_its_own_weights():
    model = models.load()
    cfg = model.cfg
    for block in model.blocks:
        assert block.attn.W_V.shape == (cfg.n_heads, cfg.d_model, cfg.d_head)
        assert block.attn.W_O.shape == (cfg.n_heads, cfg.d_head, cfg.d_model)


def test_a_missing_model_folder_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("MECHANISMS_LAB_DIR", str(tmp_path))
    with pytest.raises(ModelMissing, match=r"config\.json.*MECHANISMS_LAB_DIR"):
        models.load()


def test_an_unknown_model_is_missing_too():
    with pytest.raises(ModelMissing, match="lab-nothing"):
        models.load("lab-nothing")


@pytest.mark.parametrize("part", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_damaged_part_is_one_sentence(monkeypatch, tmp_path, part):
    shutil.copytree(FOLDER, tmp_path / "lab-lm")
    (tmp_path / "lab-lm" / part).write_bytes(b"\x00\x01 broken")
    monkeypatch.setenv("MECHANISMS_LAB_DIR", str(tmp_path))
    with pytest.raises(ModelMissing, match="cannot be read.*Reinstall") as caught:
        models.load()
    assert len(str(caught.value).splitlines()) == 1


def test_a_model_without_card(monkeypatch, tmp_path):
    shutil.copytree(FOLDER, tmp_path / "lab-lm")
    (tmp_path / "lab-lm" / "card.json").write_text("{")
    monkeypatch.setenv("MECHANISMS_LAB_DIR", str(tmp_path))
    with pytest.raises(ModelMissing, match="no readable card"):
        models.card()


def test_the_card_names_its_command_and_seed():
    card = models.card()
    assert card["command"].startswith("python -m mechanisms.training lab-lm")
    assert card["recipe"]["seed"] == 0 or f"--seed {card['recipe']['seed']}" in card["command"]
    assert json.loads((FOLDER / "config.json").read_text())["vocab_size"] == card["vocabulary"]


def test_torchvision_can_be_imported_after_mechanisms():
    code = "import mechanisms, torchvision; from transformers import GPT2LMHeadModel, CLIPModel; print('ok')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "ok"


def test_declaring_twice_is_harmless():
    assert torchvision_ops.declare_if_missing() is False  # importing mechanisms has done it, where it was needed
