"""What the eight functions promise beyond the cases of their checks; figures, picker, questions, paper scale."""

from __future__ import annotations

import csv
import json
import os
import signal

import matplotlib
import pytest
import torch

from mechanisms.check import exercises
from mechanisms.data import creature_text as text
from mechanisms.data.scenes import creatures
from mechanisms.errors import CourseError
from mechanisms.models import paper_vision
from mechanisms.plots import limber as plots
from mechanisms.plots.claims import LIMBER, claims_table
from mechanisms.training import limber, limber_examples, limber_sweep
from mechanisms.training.interrupt import Stopped
from mechanisms.widgets import caption_page, caption_picker

matplotlib.use("agg")
QUESTIONS = json.loads((exercises.folder() / "questions" / "07_image_to_text.json").read_text("utf-8"))


def test_parameter_counts_are_the_papers(solution):
    for d_img, rows, count in ((3072, 4096, 12_587_008), (1024, 4096, 4_198_400), (2048, 4096, 8_392_704)):
        layer = torch.nn.Linear(d_img, rows, device="meta")
        assert sum(p.numel() for p in layer.parameters()) == count
        prompts = solution["project_features"](torch.empty(2, 3, d_img, device="meta"), layer.weight, layer.bias, 3)
        assert prompts.shape == (2, 3, rows)


def test_the_notebooks_loss_is_the_librarys(solution, encoders, lm, monkeypatch):
    from transformers import modeling_utils

    said = []
    monkeypatch.setattr(modeling_utils.logger, "warning_once", said.append)
    scenes = creatures.draw(6, torch.Generator().manual_seed(0))
    features = encoders.features("captions", scenes.images)
    torch.manual_seed(0)
    layer = torch.nn.Linear(256, 4 * 96)
    tokens = text.caption_tokens(scenes.labels)
    found = solution["projection_gradients"](lm, features, layer.weight.detach(), layer.bias.detach(), tokens)
    linear = limber.Map(layer.weight, layer.bias)
    loss = limber.caption_loss(lm, linear.prompts(features), tokens)
    loss.backward()
    assert found["loss"].item() == pytest.approx(loss.item(), rel=1e-4)
    assert torch.allclose(found["weight"], layer.weight.grad, atol=1e-5)
    assert said == []


def test_the_notebooks_captions_are_the_librarys(solution, lm):
    prompts = torch.randn(5, 4, 96, generator=torch.Generator().manual_seed(0))
    mine = solution["caption_images"](lm, prompts, text.encode("it says"), 2)
    assert torch.equal(mine, limber.continue_text(lm, prompts, "it says", 2))


def test_a_caption_without_anything_in_common_scores_zero(solution):
    one = torch.eye(3)
    found = solution["clip_scores"](one, one.roll(1, 0), one[:, None])
    assert found["clip"].tolist() == [0, 0, 0] and found["ref"].tolist() == [0, 0, 0]


def test_figures_show_every_encoder():
    runs = limber_sweep.load()[limber_sweep.MAIN]
    figure = plots.plot_seeds(runs, limber_sweep.summary(runs))
    assert {label.get_text() for label in figure.legends[0].get_texts()} == set(plots.LOOKS)
    scores = {name: runs[0][name]["seen"] for name in plots.LOOKS}
    shuffled = {name: runs[0][name]["shuffled"] for name in plots.LOOKS if name != "blind"}
    assert "shuffled images" in {t.get_text() for t in plots.plot_scores(scores, shuffled, "t").legends[0].get_texts()}
    sounds = {name: score["sound"] for name, score in scores.items()}
    assert plots.plot_sounds(sounds, {name: score["category"] for name, score in scores.items()}).axes
    gap = {"difference": 0.4, "low": 0.3, "high": 0.5}
    assert len(plots.plot_differences({"a − b": dict.fromkeys(creatures.ATTRIBUTES, gap)}).axes) == 3


def test_figures_of_the_training_show_what_they_are_given():
    [ax] = plots.plot_descent([0, 0.1, 0.2], [3.0, 2.5, 2.4], slope=8.0).axes
    foretold, found = (line.get_ydata().tolist() for line in ax.lines)
    assert foretold == pytest.approx([3.0, 2.2, 1.4]) and found == [3.0, 2.5, 2.4]
    [ax] = plots.plot_learning({"blind": {1: 3.0, 10: 1.2}, "captions": {1: 2.0, 10: 0.5}}, floor=1.04).axes
    assert [line.get_label() for line in ax.lines] == ["blind", "captions", "least without an image"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "10"]


def test_the_picker_shows_the_scene_that_is_chosen():
    views = limber_examples.load()
    picker = caption_picker(views)
    picker.scene.value = 3
    assert views[3]["image"] in picker.view.value
    markup = caption_page(views, "title")._repr_html_()
    assert len(markup) < 1_000_000 and markup.count("<option") == len(views) and 'alt="a ' in markup


def test_the_claims_table_reads_the_sweep():
    table = repr(claims_table(LIMBER, measured={}, model="five seeds"))
    assert "not run yet" not in table and "5 of 5 seeds" in table


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["id"])
def test_every_choice_is_explained(question):
    assert question["choices"].keys() == question["explain"].keys() and len(question["choices"]) >= 3
    assert question["answer"] in question["choices"]
    assert len(set(question["explain"].values())) == len(question["choices"])


@pytest.fixture
def photographs(tmp_path):
    from PIL import Image

    (tmp_path / "Images").mkdir()
    with (tmp_path / "captions.txt").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "caption"])
        for i in range(4):
            Image.new("RGB", (40, 30), (60 * i, 20, 90)).save(tmp_path / "Images" / f"{i}.png")
            writer.writerows([[f"{i}.png", f"A dog number {i} ."], [f"{i}.png", "Another caption ."]])
    return tmp_path


def test_paper_scale_runs_offline_on_random_weights(solution, photographs, tmp_path, monkeypatch):
    import open_clip
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    core.train_from_iterator(["A picture of a dog."], trainer)
    end = "<|endoftext|>"
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token=end, eos_token=end, unk_token=end)
    sizes = {"vocab_size": len(tokenizer), "n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 128}
    GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=0, eos_token_id=0)).save_pretrained(tmp_path / "gpt2")
    tokenizer.save_pretrained(tmp_path / "gpt2")
    torch.save(open_clip.create_model("ViT-B-32", pretrained=None).state_dict(), tmp_path / "ViT-B-32.pt")
    monkeypatch.setenv("MECHANISMS_PAPER_DIR", str(tmp_path))
    pair = paper_vision.load_pair(device="cpu")
    pairs = paper_vision.read_captions(photographs)
    assert [caption for _, caption in pairs] == [f"A dog number {i} ." for i in range(4)]
    patches = paper_vision.patch_features(pair, [path for path, _ in pairs])
    assert patches.shape == (4, 49, 768)
    project, build = solution["project_features"], solution["build_inputs"]
    linear = paper_vision.fit(
        pair, patches, [c for _, c in pairs], project, build, steps=3, batch=2, folder=tmp_path / "whole"
    )
    assert linear["weight"].shape == (32, 768)
    calls = []

    def interrupted(*values):
        calls.append(values)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return project(*values)

    parts = (pair, patches, [c for _, c in pairs], interrupted, build)
    with pytest.raises(Stopped, match=f"Stopped at step 2 of 3. Its state is kept in {tmp_path / 'parts'}"):
        paper_vision.fit(*parts, steps=3, batch=2, folder=tmp_path / "parts")
    again = paper_vision.fit(*parts, steps=3, batch=2, folder=tmp_path / "parts")
    assert len(calls) == 3 and all(torch.equal(again[name], linear[name]) for name in linear)
    assert paper_vision.fit(*parts, steps=3, batch=2, folder=tmp_path / "parts").keys() == linear.keys()
    assert len(calls) == 3  # it had ended
    with pytest.raises(CourseError, match="saved by another recipe; delete it, or give another folder"):
        paper_vision.fit(*parts, steps=4, batch=2, folder=tmp_path / "parts")
    assert len(paper_vision.describe(pair, patches, linear, project)) == 4


def test_without_a_gpu_or_captions_one_sentence_says_so(monkeypatch, capsys, tmp_path):
    monkeypatch.delenv("MECHANISMS_PAPER_DIR", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(paper_vision, "hub_answers", lambda: False)
    assert paper_vision.load_pair() is None and paper_vision.read_captions(tmp_path / "none") is None
    assert len(capsys.readouterr().out.strip().splitlines()) == 2


def test_an_original_map_is_read_or_refused(tmp_path):
    layer = torch.nn.Linear(6, 4)
    torch.save(layer.state_dict(), tmp_path / "map.pt")
    assert torch.equal(paper_vision.original_map(tmp_path / "map.pt")["weight"], layer.weight)
    torch.save({"a": torch.zeros(3, 3)}, tmp_path / "other.pt")
    with pytest.raises(CourseError, match="no single linear map"):
        paper_vision.original_map(tmp_path / "other.pt")
