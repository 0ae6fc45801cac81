"""Long work: a bar, a figure that grows, the stop button, and going on as if nothing had happened."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import SimpleNamespace

import pytest
import torch
from jupyter_client.manager import start_new_kernel

from mechanisms.errors import CourseError
from mechanisms.training import lab_dual, lab_gate, live
from mechanisms.training.interrupt import Stopped, interruptible

GATE = lab_gate.Recipe(steps=8, d_model=16, batch=4, measure_every=4, tuples=6, warm_up=2)
DUAL = lab_dual.Recipe(steps=8, every=2, until=6, content=40, spare=6, d_model=16, batch=4, measure_every=4)


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def press_stop(*_):
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def few_tests(monkeypatch):
    """Accuracy on few streams."""
    real = lab_gate.test_accuracy
    monkeypatch.setattr(lab_gate, "test_accuracy", lambda model, task: real(model, task, n=12))


@pytest.mark.parametrize(
    ("train", "recipe", "named"),
    [(lab_gate.train, GATE, {}), (lab_dual.train, DUAL, {"n_test": 8})],
    ids=["lab-gate", "lab-dual"],
)
def test_stopped_at_a_step_it_ends_in_the_same_weights(tmp_path, train, recipe, named):
    whole, progress = train(recipe, tmp_path / "whole", **named)
    half = recipe.measure_every
    with pytest.raises(Stopped, match=f"Stopped at step {half} of {recipe.steps}. Its state is kept in .*parts: run"):
        train(recipe, tmp_path / "parts", watch=press_stop, **named)
    said = []
    rest, further = train(recipe, tmp_path / "parts", log=said.append, **named)
    assert said == [f"Going on from step {half} of {recipe.steps}."]
    assert torch.equal(weights(whole), weights(rest)) and further.curve == progress.curve


def test_an_interrupt_after_the_last_step_loses_nothing(tmp_path):
    def at_the_end(progress):
        if progress.step == GATE.steps:
            press_stop()

    model, progress = lab_gate.train(GATE, tmp_path, watch=at_the_end)
    assert progress.step == GATE.steps and not model.training


def test_the_second_interrupt_stops_at_once():
    with pytest.raises(KeyboardInterrupt), interruptible() as asked:
        press_stop()
        assert asked()
        press_stop()


def test_interrupts_are_as_before_afterwards():
    before = signal.getsignal(signal.SIGINT)
    with interruptible():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_it_is_simply_not_asked():
    found = []

    def work():
        with interruptible() as asked:
            found.append(asked())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]


def test_stopped_is_one_sentence():
    assert Stopped(5, 4000, "my-lab-gate")._render_traceback_() == [
        "Stopped at step 5 of 4,000. Its state is kept in my-lab-gate: run this again to go on from there."
    ]
    assert isinstance(Stopped(1, 2, "x"), CourseError)


def test_a_corrected_loss_starts_afresh(tmp_path, capsys):
    def first(logits, tokens):
        return lab_gate.answer_loss(logits, tokens)

    def second(logits, tokens):
        return 2 * lab_gate.answer_loss(logits, tokens)

    live.train_live(first, live=True, folder=tmp_path, recipe=GATE)
    live.train_live(first, live=True, folder=tmp_path, recipe=GATE)
    assert "starts afresh" not in capsys.readouterr().out
    live.train_live(second, live=True, folder=tmp_path, recipe=GATE)
    assert "The loss has changed" in capsys.readouterr().out


def test_a_long_loop_shows_how_far_it_is_and_then_nothing(monkeypatch):
    shown = []
    monkeypatch.setattr(live, "live_screen", lambda first: SimpleNamespace(update=lambda html: shown.append(html.data)))
    assert list(live.watched(("a", "b"), "training <heads>")) == ["a", "b"]
    assert [text[: text.index("<div aria")] for text in shown[:2]] == [
        f'<div role="status">training &lt;heads&gt;: {done} of 2' for done in (0, 1)
    ]
    assert "width:50%" in shown[1] and shown[2] == ""


def test_outside_a_notebook_a_long_loop_is_a_loop(capfd):
    assert list(live.watched([1, 2, 3], "work")) == [1, 2, 3]
    assert capfd.readouterr() == ("", "")


CELL = """
from mechanisms.training import lab_gate, live
recipe = lab_gate.Recipe(steps=100_000, d_model=16, batch=4, measure_every=1, tuples=6, warm_up=2)
lab_gate.test_accuracy = lambda model, task: {"accuracy": 0.5}
model, curve = live.train_live(lab_gate.answer_loss, True, "here", recipe, draw=lambda rows: f"{len(rows)} points")
"""


@pytest.mark.slow
def test_in_a_real_kernel_the_stop_button_gives_one_line(tmp_path):
    """What a student sees: a bar, a figure that is replaced as it grows, and after ■ a sentence."""
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(tmp_path), startup_timeout=120)
    try:
        client.execute(CELL)
        grown, shown, error, pressed, end = [], [], None, False, time.monotonic() + 240
        while time.monotonic() < end:
            message = client.get_iopub_msg(timeout=200)
            kind, content = message["msg_type"], message["content"]
            if kind == "update_display_data":
                grown.append(content["data"]["text/plain"])
            if kind in ("display_data", "stream"):
                shown.append(str(content))
            if kind == "error":
                error = content
            if len(grown) >= 2 and not pressed:
                pressed = True
                manager.interrupt_kernel()
            if kind == "status" and content["execution_state"] == "idle" and pressed:
                break
        assert any("lab-gate" in text or "FloatProgress" in text or "HBox" in text for text in shown)
        assert len(set(grown)) >= 2
        assert error["ename"] == "Stopped" and len(error["traceback"]) == 1
        assert "run this again to go on" in error["traceback"][0]
        assert (tmp_path / "here" / "training_state.pt").exists()
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
