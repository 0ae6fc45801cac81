"""lab-dual's recipe: reproducible, resumable, live with a student's functions, and clear about what goes wrong."""

from __future__ import annotations

import json

import pytest
import torch

from mechanisms.errors import CourseError
from mechanisms.models.lab import boot
from mechanisms.training import __main__ as command
from mechanisms.training import lab_dual, live_dual, state
from mechanisms.training.forgetting import reset_embeddings, should_reset

TINY = lab_dual.Recipe(steps=8, every=2, until=6, content=40, spare=6, d_model=16, batch=4, measure_every=4)


def train(recipe, folder, **more):
    return lab_dual.train(recipe, folder, n_test=12, **more)


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_an_interrupted_training_ends_in_the_same_weights(tmp_path, monkeypatch):
    whole, progress = train(TINY, tmp_path / "whole")
    assert [row["step"] for row in progress.curve] == [4, 8]
    monkeypatch.setattr(lab_dual, "SAVE_EVERY_SECONDS", 0.0)

    def stop(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(TINY, tmp_path / "parts", watch=stop)
    said = []
    resumed, progress = train(TINY, tmp_path / "parts", log=said.append)
    assert said == ["Going on from step 3 of 8."]
    assert torch.equal(weights(whole), weights(resumed)) and len(progress.curve) == 2
    assert not torch.equal(weights(whole), weights(lab_dual.build_model(TINY)))


def test_resets_come_when_they_are_due_and_never_after_the_last_step(tmp_path):
    seen = []

    def forget(model, optimizer, fresh):
        seen.append(fresh.std().item())
        reset_embeddings(model, optimizer, fresh)

    train(TINY, tmp_path / "temporary", forget=forget)
    assert len(seen) == 2 and all(std == pytest.approx(0.02, rel=0.3) for std in seen)
    seen.clear()
    train(lab_dual.Recipe(**{**vars(TINY), "until": 0}), tmp_path / "active", forget=forget)
    assert len(seen) == 3, "steps 2, 4 and 6, and not step 8, after which the model is kept"
    seen.clear()
    train(lab_dual.Recipe(**{**vars(TINY), "every": 0}), tmp_path / "vanilla", forget=forget)
    assert seen == []


def test_a_reset_changes_what_is_learned(tmp_path):
    forgetful, _ = train(TINY, tmp_path / "a")
    vanilla, _ = train(lab_dual.Recipe(**{**vars(TINY), "every": 0}), tmp_path / "b")
    assert not torch.equal(weights(forgetful), weights(vanilla))


def test_measuring_leaves_no_trace_in_the_model(tmp_path):
    model, _ = train(TINY, tmp_path / "a")
    before = weights(model)
    lab_dual.scores(model, TINY.world(), 0.02, n=10)
    assert torch.equal(before, weights(model))


def test_a_damaged_or_foreign_state_is_one_sentence(tmp_path):
    (tmp_path / lab_dual.STATE).write_bytes(b"not a checkpoint")
    with pytest.raises(CourseError, match="damaged .*; delete it to start afresh"):
        train(TINY, tmp_path)
    train(TINY, tmp_path / "other")
    with pytest.raises(CourseError, match="another recipe"):
        train(lab_dual.Recipe(**{**vars(TINY), "seed": 1}), tmp_path / "other")


def test_the_command_writes_a_checkpoint_with_its_card(tmp_path, monkeypatch):
    real = lab_dual.scores
    monkeypatch.setattr(lab_dual, "scores", lambda model, world, spread, n=12: real(model, world, spread, 12))
    flags = ["--steps", "3", "--content", "40", "--spare", "6", "--d-model", "16", "--batch", "4"]
    assert command.main(["lab-dual", "--out", str(tmp_path / "mine"), *flags]) == 0
    card = json.loads((tmp_path / "mine" / "card.json").read_text())
    assert card["name"] == "mine" and "--steps 3" in card["command"] and card["curve"][0]["step"] == 3
    assert not (tmp_path / "mine" / lab_dual.STATE).exists()
    model = boot(tmp_path / "mine")
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_live_uses_the_students_functions_and_draws(tmp_path, monkeypatch):
    monkeypatch.setattr(
        live_dual, "train", lambda recipe, folder, **more: lab_dual.train(TINY, folder, n_test=12, **more)
    )
    called = []

    def forget(model, optimizer, fresh):
        called.append(1)
        reset_embeddings(model, optimizer, fresh)

    models, curves = live_dual.forget_live(True, should_reset, forget, folder=tmp_path)
    assert set(models) == set(curves) == {"vanilla", "active", "temporary"} and len(called) == 6
    assert all([row["step"] for row in rows] == [4, 8] for rows in curves.values())


def test_a_corrected_function_starts_the_training_afresh(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        live_dual, "train", lambda recipe, folder, **more: lab_dual.train(TINY, folder, n_test=12, **more)
    )
    called = []

    def wrong(model, optimizer, fresh):
        called.append("wrong")

    def right(model, optimizer, fresh):
        called.append("right")
        reset_embeddings(model, optimizer, fresh)

    live_dual.forget_live(True, should_reset, wrong, folder=tmp_path)
    assert called == ["wrong"] * 6 and "afresh" not in capsys.readouterr().out
    live_dual.forget_live(True, should_reset, wrong, folder=tmp_path)
    said = capsys.readouterr().out
    assert called == ["wrong"] * 6 and said.count("Going on from step 8 of 8.") == 3 and "afresh" not in said
    models, _ = live_dual.forget_live(True, should_reset, right, folder=tmp_path)
    said = capsys.readouterr().out
    assert called == ["wrong"] * 6 + ["right"] * 6 and "Going on" not in said
    assert said.count("should_reset or reset_embeddings has changed since the states in") == 1
    expected, _ = train(TINY, tmp_path / "alone", forget=right)
    assert torch.equal(weights(models["temporary"]), weights(expected))


def test_a_fingerprint_is_of_what_is_written_and_of_what_it_calls():
    def functions(body, helper="return 1"):
        import linecache

        name = f"<ipython-input-{hash((body, helper))}>"
        source = f"def helper():\n    {helper}\n\n\ndef own(step):\n    {body}\n"
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        scope = {"__name__": "a_notebook"}
        exec(compile(source, name, "exec"), scope)
        return [scope["own"]]

    plain = state.fingerprint(functions("return helper()"))
    assert plain == state.fingerprint(functions("return  helper()  # the same"))
    assert plain != state.fingerprint(functions("return helper() + 1"))
    assert plain != state.fingerprint(functions("return helper()", "return 2"))
    assert state.fingerprint([should_reset, reset_embeddings]) != state.fingerprint([reset_embeddings, should_reset])
    scope = {}
    exec("def own(step):\n    return step", scope)  # no source to be read
    assert state.fingerprint([scope["own"]]) == state.fingerprint([scope["own"]]) and state.fingerprint([len])


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "vanilla").write_text("a file in the way")
    with pytest.raises(CourseError, match="cannot be used for a training's state"):
        live_dual.forget_live(True, folder=tmp_path)


def test_without_live_the_shipped_models_are_there_at_once():
    models, curves = live_dual.forget_live(False)
    assert all(rows[-1]["step"] == 1800 for rows in curves.values()) and len(models) == 3


def test_paper_scale_says_one_sentence_without_a_gpu_and_runs_on_demand(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert live_dual.paper_scale_toy() is None
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "need a GPU" in said
    curve = live_dual.paper_scale_toy(TINY, tmp_path, device="cpu")
    assert [row["step"] for row in curve] == [4, 8]
