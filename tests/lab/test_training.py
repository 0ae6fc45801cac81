"""The lab-lm recipe: reproducible, resumable, and clear about what goes wrong."""

import errno
import json

import pytest
import torch

from mechanisms import models
from mechanisms.errors import CourseError
from mechanisms.models.lab import boot
from mechanisms.training import __main__ as command
from mechanisms.training import lab_lm
from mechanisms.training import measure as measuring
from mechanisms.training.measure import bootstrap_spearman, rates, value_scaling_hook

TINY = lab_lm.Recipe(
    steps=8, d_model=16, n_layers=2, n_heads=2, live_heads="2,1", binding_steps=3, binding=8, laundry=4, conflict=8
)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def interrupt_at(monkeypatch, step):
    draw = lab_lm.draw

    def stop(corpus, recipe, progress):
        if progress.step == step:
            raise KeyboardInterrupt
        return draw(corpus, recipe, progress)

    monkeypatch.setattr(lab_lm, "draw", stop)


def test_an_interrupted_training_ends_in_the_same_weights(tmp_path, monkeypatch):
    whole, _ = lab_lm.train(TINY, tmp_path / "whole")
    monkeypatch.setattr(lab_lm, "SAVE_EVERY_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        interrupt_at(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            lab_lm.train(TINY, tmp_path / "parts")
    said = []
    resumed, _ = lab_lm.train(TINY, tmp_path / "parts", log=said.append)
    assert said == ["Going on from 3 steps of binding and 5 of 8 of the mixture."]
    assert torch.equal(weights(whole), weights(resumed))
    assert not torch.equal(weights(whole), weights(lab_lm.build_model(TINY)))


def test_a_state_of_another_recipe_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(lab_lm, "SAVE_EVERY_SECONDS", 0.0)
    lab_lm.train(TINY, tmp_path)
    other = lab_lm.Recipe(**{**lab_lm.asdict(TINY), "seed": 1})
    with pytest.raises(CourseError, match="another recipe"):
        lab_lm.train(other, tmp_path)


def test_a_damaged_state_says_what_to_do(tmp_path):
    (tmp_path / lab_lm.STATE).write_bytes(b"not a checkpoint")
    with pytest.raises(CourseError, match="delete it to start afresh"):
        lab_lm.train(TINY, tmp_path)


def test_a_full_disk_keeps_the_last_state(tmp_path, monkeypatch):
    (tmp_path / lab_lm.STATE).unlink(missing_ok=True)
    monkeypatch.setattr(lab_lm, "SAVE_EVERY_SECONDS", 0.0)
    real, calls = torch.save, []

    def full_after_three(state, path):
        calls.append(path)
        if len(calls) > 3:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        real(state, path)

    monkeypatch.setattr(torch, "save", full_after_three)
    with pytest.raises(CourseError, match="Make room"):
        lab_lm.train(TINY, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [lab_lm.STATE]
    assert torch.load(tmp_path / lab_lm.STATE, weights_only=True)["progress"]["binding"] == 3


SIZES = ["--steps", "3", "--d-model", "16", "--n-layers", "2", "--n-heads", "2"]
SIZES += ["--live-heads", "2,1", "--binding-steps", "1"]


def test_the_command_writes_a_checkpoint_that_students_code_loads(tmp_path, capsys, monkeypatch):
    report = models.card("lab-lm")["measured"]
    monkeypatch.setattr(measuring, "measure", lambda model, settings: report)
    assert command.main(["lab-lm", "--out", str(tmp_path / "lab-lm"), *SIZES]) == 0
    card = json.loads((tmp_path / "lab-lm" / "card.json").read_text())
    assert card["recipe"]["steps"] == 3 and card["training_seconds"] >= 0
    assert card["measured"] == report and len(card["aims"]) > 10
    model = boot(tmp_path / "lab-lm")
    assert model(model.to_tokens("the capital of France is")).shape[-1] == card["vocabulary"]
    assert "trained in" in capsys.readouterr().out
    assert not (tmp_path / "lab-lm" / lab_lm.STATE).exists()


def test_a_model_that_learned_nothing_is_not_given_a_card(tmp_path, capsys):
    assert command.main(["lab-lm", "--out", str(tmp_path / "lab-lm"), *SIZES]) == 1
    assert "more --steps" in capsys.readouterr().err
    assert not (tmp_path / "lab-lm" / "card.json").exists()


def test_the_command_reports_a_course_error_in_one_line(tmp_path, capsys):
    (tmp_path / lab_lm.STATE).write_bytes(b"x")
    assert command.main(["lab-lm", "--out", str(tmp_path)]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert "delete it to start afresh" in lines[-1] and "Traceback" not in "".join(lines)


@pytest.mark.parametrize(("every", "promise"), [(0.0, "goes on from the last saved state"), (1e9, "had saved nothing")])
def test_a_stopped_training_promises_what_it_can_keep(tmp_path, monkeypatch, capsys, every, promise):
    monkeypatch.setattr(lab_lm, "SAVE_EVERY_SECONDS", every)
    interrupt_at(monkeypatch, 2)
    assert command.main(["lab-lm", "--out", str(tmp_path), *SIZES]) == 130
    assert promise in capsys.readouterr().err
    assert (tmp_path / lab_lm.STATE).exists() == (every == 0)


def test_pruned_heads_never_write(tmp_path):
    model, _ = lab_lm.train(TINY, tmp_path)
    norms = [block.attn.out_proj.weight.view(16, 2, 8).norm(dim=(0, 2)) for block in model.transformer.blocks]
    assert (norms[0] > 0).all() and norms[1][0] > 0 and norms[1][1] == 0


def test_rates_add_to_one():
    found = rates(torch.tensor([0, 0, 1, 2]))
    assert found == {"in_context": 0.5, "memorised": 0.25, "other": 0.25}


def test_bootstrap_interval_holds_the_correlation_and_knows_its_sign():
    x = torch.arange(60.0)
    up = bootstrap_spearman(x, x + torch.randn(60, generator=torch.Generator().manual_seed(0)) * 10, seed=0, draws=200)
    assert 0.5 < up["low"] < up["rho"] < up["high"] <= 1.0
    down = bootstrap_spearman(x, -x, seed=0, draws=50)
    assert down["rho"] == pytest.approx(-1.0)


def test_value_scaling_changes_one_head_and_not_its_input():
    name, hook = value_scaling_hook(1, 2, -1.5)
    value = torch.ones(2, 3, 4, 5)
    scaled = hook(value, hook=None)
    assert name == "blocks.1.attn.hook_v"
    assert (scaled[:, :, 2] == -1.5).all() and (scaled[:, :, [0, 1, 3]] == 1).all() and (value == 1).all()
