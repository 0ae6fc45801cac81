"""lab-clip: open_clip reads its folder, its tokenizer says what ours says, and its recipe trains."""

from __future__ import annotations

import pytest
import torch

from mechanisms.data import binding as data
from mechanisms.data.scenes import objects
from mechanisms.errors import CourseError, ModelMissing
from mechanisms.models import lab, paper_clip, scene_clip
from mechanisms.training import lab_clip


def test_it_is_open_clips_own_class_and_frozen(clip):
    import open_clip

    assert isinstance(clip, open_clip.CLIP)
    assert not any(p.requires_grad for p in clip.parameters()) and not clip.training
    assert clip.reset_hooks() is None


def test_booting_leaves_the_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    scene_clip.boot(lab.checkpoint_folder("lab-clip"))
    assert torch.equal(torch.rand(1), expected)


def test_three_ways_to_tokens_agree():
    scenes = objects.draw(40, 2, torch.Generator().manual_seed(0))
    whole = data.full_captions(scenes, torch.Generator().manual_seed(1))[:, 0]
    texts = data.text(whole)
    tokenizer = scene_clip.tokenizer()
    assert torch.equal(tokenizer(texts), scene_clip.tokens(whole))
    captions = lab_clip.Captions(lab_clip.Recipe(), torch.Generator().manual_seed(2))
    ids = captions(scenes)
    again = lab_clip.Captions(lab_clip.Recipe(), torch.Generator().manual_seed(2)).words(scenes)
    assert torch.equal(tokenizer(again), ids)
    assert scene_clip.TOKENS.index(scene_clip.UNKNOWN) in tokenizer(["red unicorn"])[0]


def test_a_damaged_folder_is_told_in_a_sentence(clip, tmp_path):
    scene_clip.save(clip, scene_clip.architecture(), tmp_path)
    whole = scene_clip.boot(tmp_path)
    image = torch.zeros(1, 3, 32, 32)
    assert torch.equal(whole.encode_image(image), clip.encode_image(image))
    (tmp_path / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{broken!")
    with pytest.raises(ModelMissing, match="cannot be read"):
        scene_clip.boot(tmp_path)


def test_crossed_captions_exchange_the_nouns():
    tokenizer = scene_clip.tokenizer()
    true = tokenizer(["red square and blue ring", "pink cross left cyan ring"])
    assert torch.equal(lab_clip.cross(true), tokenizer(["red ring and blue square", "pink ring left cyan cross"]))


def test_captions_that_name_one_do_so_half_of_the_time():
    scenes = objects.draw(400, 2, torch.Generator().manual_seed(0))
    captions = lab_clip.Captions(lab_clip.Recipe(named="some"), torch.Generator().manual_seed(1)).words(scenes)
    short = [c for c in captions if len(c.split()) == 2]
    assert 150 < len(short) < 250
    for caption, colours, shapes in zip(captions, scenes.colours.tolist(), scenes.shapes.tolist(), strict=True):
        assert len(caption.split()) == 5 or caption in [
            objects.noun(c, s) for c, s in zip(colours, shapes, strict=True)
        ]


@pytest.mark.parametrize("changes", [{}, {"named": "some"}, {"crossed": 1}, {"tower": "resnet"}])
def test_every_recipe_trains_a_few_steps_and_repeats_itself(tmp_path, changes):
    recipe = lab_clip.Recipe(steps=3, scenes=100, batch=16, **changes)
    (one, told), (two, _) = (lab_clip.train(recipe, tmp_path, log=lambda _: None) for _ in range(2))
    assert told.loss > 0
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))
    image = torch.zeros(2, 3, 32, 32)
    assert one.encode_image(image, normalize=True).norm(dim=-1) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    "call",
    [
        lambda: lab_clip.Captions(lab_clip.Recipe(named="none"), torch.Generator()),
        lambda: scene_clip.architecture("tower of Babel"),
        lambda: scene_clip.scene_tower(pretrained=True),
        lambda: lab_clip.train(lab_clip.Recipe(), None, device="cuda"),
    ],
)
def test_bad_wishes_are_refused_in_a_sentence(call):
    with pytest.raises(CourseError, match=" "):
        call()


@pytest.mark.parametrize("name", paper_clip.NAMES)
def test_paper_scale_runs_offline_on_random_weights(solution, name, tmp_path, monkeypatch):
    import open_clip

    small = open_clip.get_model_config(name)  # a copy: the same architecture, fewer and narrower layers
    small["vision_cfg"] |= {"layers": [1, 1, 1, 1] if name == "RN50" else 1, "width": 64}
    small["text_cfg"] |= {"layers": 1, "width": 64, "heads": 2}
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, name, small)
    torch.save(open_clip.create_model(name, pretrained=None).state_dict(), tmp_path / f"{name}.pt")
    monkeypatch.setenv("MECHANISMS_PAPER_DIR", str(tmp_path))
    big = paper_clip.load_clip(name, device="cpu")
    scenes = objects.draw(2, 2, torch.Generator().manual_seed(0))
    for setting in ("two", "relation"):
        captions, place = paper_clip.candidates(data.questions(scenes, setting, torch.Generator().manual_seed(1)))
        assert all(caption.startswith("a photo of a ") for caption in captions) and place.shape == (2, 5)
        found = solution["zero_shot_scores"](
            paper_clip.image_vectors(big, scenes.images), paper_clip.caption_vectors(big, captions), place
        )
        assert found.shape == (2, 5) and found.abs().max() <= 1 and found.std() > 0


def test_without_a_gpu_one_sentence_says_so(monkeypatch, capsys):
    monkeypatch.delenv("MECHANISMS_PAPER_DIR", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(paper_clip, "hub_answers", lambda: False)
    assert paper_clip.load_clip() is None
    said = capsys.readouterr().out.strip()
    assert "needs a GPU" in said and len(said.splitlines()) == 1


def test_captions_for_photographs_are_sentences():
    asked = torch.tensor([[[0, 8], [2, 9]]]), torch.tensor([[[8, data.LEFT, 9], [9, data.RIGHT, 8]]])
    assert paper_clip.candidates(asked[0])[0] == ["a photo of a red square", "a photo of a blue ring"]
    assert "a photo of a ring to the right of a square" in paper_clip.candidates(asked[1])[0]
