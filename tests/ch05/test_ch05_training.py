"""lab-gate's recipe: reproducible, resumable, live with a student's loss, and clear about what goes wrong."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
import torch

from mechanisms.errors import CourseError
from mechanisms.models.lab import boot
from mechanisms.training import __main__ as command
from mechanisms.training import lab_gate, live, measure_gate

TINY = lab_gate.Recipe(steps=8, d_model=16, batch=4, measure_every=4, tuples=6, warm_up=2)


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


@pytest.fixture(autouse=True)
def few_tests(monkeypatch):
    """Accuracy on few streams."""
    real = lab_gate.test_accuracy
    monkeypatch.setattr(lab_gate, "test_accuracy", lambda model, task: real(model, task, n=12))


def test_an_interrupted_training_ends_in_the_same_weights(tmp_path, monkeypatch):
    whole, progress = lab_gate.train(TINY, tmp_path / "whole")
    assert [row["step"] for row in progress.curve] == [4, 8]
    monkeypatch.setattr(lab_gate, "SAVE_EVERY_SECONDS", 0.0)

    def stop(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lab_gate.train(TINY, tmp_path / "parts", watch=stop)
    said = []
    resumed, progress = lab_gate.train(TINY, tmp_path / "parts", log=said.append)
    assert said == ["Going on from step 3 of 8."]
    assert torch.equal(weights(whole), weights(resumed)) and len(progress.curve) == 2
    assert not torch.equal(weights(whole), weights(lab_gate.build_model(TINY)))


def test_a_finished_training_is_not_repeated(tmp_path):
    first, _ = lab_gate.train(TINY, tmp_path)
    again, progress = lab_gate.train(TINY, tmp_path, loss=None, log=lambda text: None)
    assert torch.equal(weights(first), weights(again)) and progress.step == 8


def test_a_state_of_another_recipe_is_refused(tmp_path):
    lab_gate.train(TINY, tmp_path)
    with pytest.raises(CourseError, match="another recipe"):
        lab_gate.train(replace(TINY, seed=1), tmp_path)


def test_a_damaged_state_says_what_to_do(tmp_path):
    (tmp_path / lab_gate.STATE).write_bytes(b"not a checkpoint")
    with pytest.raises(CourseError, match="delete it to start afresh"):
        lab_gate.train(TINY, tmp_path)


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    def full(state, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(CourseError, match="Make room"):
        lab_gate.train(TINY, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_loss_is_that_of_the_exercise(solution):
    logits, tokens = torch.randn(3, 24, 16), lab_gate.sequences(TINY.task(), 3, torch.Generator())
    torch.testing.assert_close(lab_gate.answer_loss(logits, tokens), solution["answer_loss"](logits, tokens))


def test_the_command_writes_a_checkpoint_that_students_code_loads(tmp_path, monkeypatch):
    real = measure_gate.measure
    monkeypatch.setattr(measure_gate, "measure", lambda model, task: real(model, task, n=40))
    sizes = ["--steps", "3", "--d-model", "16", "--batch", "4", "--measure-every", "3"]
    assert command.main(["lab-gate", "--out", str(tmp_path), *sizes]) == 0
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["recipe"] == asdict(lab_gate.Recipe(steps=3, d_model=16, batch=4, measure_every=3))
    assert len(card["aims"]) == 8 and not all(row["met"] for row in card["aims"]), "three steps teach nothing"
    assert card["curve"][0]["step"] == 3 and not (tmp_path / lab_gate.STATE).exists()
    assert boot(tmp_path)(torch.zeros(1, 39, dtype=torch.long)).shape == (1, 39, 16)


def test_without_live_training_the_shipped_model_and_its_curve_come_at_once(gate):
    model, curve = live.train_live(None, live=False)
    assert model is gate and curve[-1]["step"] == 4000


def test_live_training_uses_the_students_loss(tmp_path, solution):
    calls = []

    def loss(logits, tokens):
        calls.append(tuple(logits.shape))
        return solution["answer_loss"](logits, tokens)

    model, curve = live.train_live(loss, live=True, folder=tmp_path, recipe=TINY)
    expected, _ = lab_gate.train(TINY, tmp_path / "other")
    assert len(calls) == 8 and len(curve) == 2 and torch.equal(weights(model), weights(expected))
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_without_a_gpu_one_sentence_and_none(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert live.paper_scale(None, lab_gate.Recipe(registers=3)) is None
    shown = capsys.readouterr()
    assert shown.out.count("\n") == 1 and "need a GPU" in shown.out and shown.err == ""


def test_the_paper_scale_runs_where_it_is_told_to(tmp_path, solution):
    recipe = replace(TINY, registers=3, first_window=0)
    curves = live.paper_scale(solution["answer_loss"], recipe, seeds=2, folder=tmp_path, device="cpu")
    assert len(curves) == 2 and [row["step"] for row in curves[1]] == [4, 8]
