"""The recipe's command: it writes a checkpoint that students' code loads, with a card that says what was measured."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import torch
from safetensors.torch import load_file

from mechanisms import models
from mechanisms.errors import ModelMissing
from mechanisms.models import lab, random_relational, relational
from mechanisms.training import __main__ as command
from mechanisms.training.lab_relational import Recipe


def test_the_command_writes_a_checkpoint_that_students_code_loads(tmp_path):
    sizes = ["--steps", "3", "--batch", "20", "--copying-steps", "2", "--attention", "free", "--table", "random"]
    assert command.main(["lab-relational", "--out", str(tmp_path), *sizes]) == 0
    card = json.loads((tmp_path / "card.json").read_text())
    recipe = Recipe(steps=3, batch=20, copying_steps=2, attention="free", table="random")
    assert card["recipe"] == asdict(recipe) and card["name"] == "control-relational"
    assert card["command"].startswith("python -m mechanisms.training lab-relational --steps 3 --table random")
    assert "--attention free --copying-steps 2" in card["command"]
    assert len(card["aims"]) == 8 and not card["aims"][0]["met"], "three steps teach nothing"
    model = lab.boot(tmp_path)
    assert model.cfg.blind_layers == () and not model.training
    assert model(torch.zeros(1, 11, dtype=torch.long)).shape == (1, 11, 332)


def test_a_checkpoint_gives_the_same_model_back_and_draws_nothing(tmp_path):
    torch.manual_seed(0)
    sizes = relational.RelationalConfig(20, 8, 16, 2, 2, (0,), (1,))
    model = relational.Relational(sizes).requires_grad_(False)
    relational.save(model, tmp_path)
    state = torch.get_rng_state()
    again = lab.boot(tmp_path)
    tokens = torch.randint(20, (2, 8))
    assert again.cfg == model.cfg and torch.equal(again(tokens), model(tokens))
    torch.manual_seed(0)
    torch.set_rng_state(state)
    lab.boot(tmp_path)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("part", ["config.json", "model.safetensors"])
def test_a_damaged_checkpoint_is_one_sentence(tmp_path, part):
    random_relational.write(tmp_path)
    content = b'{"model_type": "relational", "d_vocab": 3}' if part == "config.json" else b"\x00broken"
    (tmp_path / part).write_bytes(content)
    with pytest.raises(ModelMissing, match="cannot be read.*Reinstall") as caught:
        lab.boot(tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_planted_networks_are_built_on_demand():
    assert models.load("planted-relations-1") is models.load("planted-relations-1")
    assert models.load("planted-relations-1", fresh=True) is not models.load("planted-relations-1")
    with pytest.raises(ModelMissing, match="planted-relations-9"):
        models.load("planted-relations-9")
    with pytest.raises(ModelMissing, match="planted-relations-x"):
        models.load("planted-relations-x")


def test_random_relational_is_written_again_with_the_same_weights(tmp_path):
    random_relational.write(tmp_path)
    shipped = load_file(models.checkpoint_folder("random-relational") / "model.safetensors")
    again = load_file(tmp_path / "model.safetensors")
    assert shipped.keys() == again.keys() and all(torch.equal(shipped[name], again[name]) for name in again)
