"""``doctor()``: each situation of a student's machine gets its sentence, and what to do."""

from __future__ import annotations

import importlib.metadata
import sys
from types import SimpleNamespace

import pytest
import torch

from mechanisms import doctor, health, install
from mechanisms.errors import UsageError
from mechanisms.models import paper


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    """An ordinary laptop: no GPU, no Colab, no variables of ours, and nobody asks the network."""
    for name in (
        "COLAB_RELEASE_TAG",
        "MECHANISMS_PAPER_DIR",
        "HF_HUB_OFFLINE",
        "MECHANISMS_LAB_DIR",
        "MECHANISMS_BOOK",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MECHANISMS_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(paper, "hub_answers", lambda: pytest.fail("asked the network"))
    monkeypatch.setattr(health.shutil, "which", lambda name: None)
    monkeypatch.setattr(health.shutil, "disk_usage", lambda path: SimpleNamespace(free=50e9))


@pytest.fixture
def gpu(monkeypatch):
    """A GPU of 16 GB that nobody uses, and a hub that answers."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (15.5e9, 16e9))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    monkeypatch.setattr(paper, "hub_answers", lambda: True)


def line(made, name):
    return next(finding for finding in made.findings if finding.name == name)


def test_a_laptop_has_the_lab_tier_and_is_not_asked_for_the_network():
    made = doctor()
    assert made.tier == "lab" and made.ready and made.headline.startswith("Ready: all exercises run here.")
    assert "Lab tier" in line(made, "models").text and "9 chapters" in line(made, "models").text
    assert "need a GPU" in line(made, "models").text and "Not asked" in line(made, "internet").text
    assert f"torch {importlib.metadata.version('torch')}" in line(made, "libraries").text
    assert "GB free" in line(made, "memory").text and "50 GB free" in line(made, "disk").text


def test_a_gpu_and_the_hub_give_the_paper_tier(gpu):
    made = doctor()
    assert made.tier == "paper" and "Paper tier" in line(made, "models").text
    assert line(made, "GPU").text == "Tesla T4, 15.5 of 16.0 GB free."
    assert line(made, "internet").text == "The Hugging Face hub answers."


def test_a_gpu_without_the_hub_says_so(gpu, monkeypatch):
    monkeypatch.setattr(paper, "hub_answers", lambda: False)
    made = doctor()
    assert made.tier == "lab" and made.ready
    assert "need the internet once" in line(made, "models").text and "does not answer" in line(made, "internet").text
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "Unset HF_HUB_OFFLINE" in line(doctor(), "internet").text


def test_a_small_or_a_busy_gpu_is_told_apart(gpu, monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (3e9, 16e9))
    assert "shut down other notebooks" in line(doctor(), "GPU").text
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (4e9, 4e9))
    made = doctor()
    assert made.tier == "lab" and "about 8 GB" in line(made, "models").text


def test_a_folder_with_the_papers_models_needs_no_network(gpu, monkeypatch, tmp_path):
    monkeypatch.setattr(paper, "hub_answers", lambda: pytest.fail("asked the network"))
    monkeypatch.setenv("MECHANISMS_PAPER_DIR", str(tmp_path))
    assert doctor().tier == "paper"


def test_colab_is_told_how_to_get_a_gpu(monkeypatch):
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab")
    made = doctor()
    assert "Change runtime type" in line(made, "GPU").text and "on Colab" in line(made, "Python").text
    assert "progress(export=" in line(made, "progress").text


def test_a_processor_only_pytorch_beside_a_gpu(monkeypatch):
    monkeypatch.setattr(health.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "built for processors only" in line(doctor(), "GPU").text


def test_a_driver_that_fails_is_a_sentence(monkeypatch):
    def fail():
        raise RuntimeError("driver too old\nmore")

    monkeypatch.setattr(torch.cuda, "is_available", fail)
    assert line(doctor(), "GPU").text == "PyTorch cannot say (driver too old)."


def test_a_kernel_with_older_libraries(monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.0.0+cu118")
    made = doctor()
    finding = line(made, "libraries")
    assert not made.ready and "Not ready yet" in made.headline and finding.page == "kernel-has-older-libraries"
    assert finding.text.startswith("torch was replaced after") and "Restart the kernel" in finding.text


@pytest.mark.parametrize(
    ("need", "words"),
    [
        (install.Need("no-such-library", "no-such-library>=1", "1"), "Missing: no-such-library. Run the setup cell"),
        (install.Need("numpy", "numpy>=99", "99"), 'pip install -U "numpy>=99"'),
    ],
)
def test_missing_and_old_libraries_say_what_to_run(monkeypatch, need, words):
    monkeypatch.setattr(install, "needs", lambda *_: [need])
    made = doctor()
    assert not made.ready and words in line(made, "libraries").text


def test_a_newer_python_is_a_note(monkeypatch):
    monkeypatch.setattr(health.sys, "version_info", type("V", (tuple,), {"major": 3, "minor": 15})((3, 15, 0)))
    made = doctor()
    assert made.ready and "tested on 3.11 to 3.13" in line(made, "Python").text


def test_little_room_is_said(monkeypatch):
    monkeypatch.setattr(health.shutil, "disk_usage", lambda path: SimpleNamespace(free=4e9))
    assert "take up to 10 GB" in line(doctor(), "disk").text and doctor().ready
    monkeypatch.setattr(health.shutil, "disk_usage", lambda path: SimpleNamespace(free=0.2e9))
    assert "notebooks cannot be saved" in line(doctor(), "disk").text and not doctor().ready


def test_lab_models_that_are_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("MECHANISMS_LAB_DIR", str(tmp_path))
    made = doctor()
    assert not made.ready and "is not complete" in line(made, "models").text


def test_progress_is_looked_at_too(monkeypatch, tmp_path):
    (tmp_path / "progress.json").write_text("{")
    assert "is damaged" in line(doctor(), "progress").text
    monkeypatch.setenv("MECHANISMS_PROGRESS", "off")
    assert "says off" in line(doctor(), "progress").text


def test_what_cannot_be_looked_at_costs_its_line_only(monkeypatch):
    monkeypatch.setattr(health, "_memory", lambda: 1 / 0)
    assert "could not be looked at" in line(doctor(), "memory").text


def test_a_wrong_call_is_said():
    with pytest.raises(UsageError, match="internet=True"):
        doctor("yes")


def test_the_card_escapes_and_says_every_state_in_a_word(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (15e9, 16e9))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "<script>x</script>")
    card = doctor(internet=False)._repr_mimebundle_()["text/html"]
    assert "<script" not in card and "&lt;script&gt;" in card
    assert card.count("</span>good</span>") + card.count("</span>note</span>") == 8
    assert 'aria-label="Doctor: Ready' in card


def test_it_is_there_in_a_terminal(capsys):
    import runpy

    sys.modules.pop("mechanisms.health")
    runpy.run_module("mechanisms.health", run_name="__main__")
    sys.modules["mechanisms.health"] = health
    assert "Ready" in capsys.readouterr().out
