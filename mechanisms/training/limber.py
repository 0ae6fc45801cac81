"""One linear map from image features to a language model's input space: trained, used and measured.

- ``train_map``: the map, with both models frozen and gradients flowing through the language model;
- ``Map.prompts``: soft prompts of images; ``continue_text``: what the language model says after them;
- ``scores``: how often size, colour, category (and its kind, and the sound that only text tells) are right;
- ``measure``: all of that for every encoder, with the blind and shuffled baselines and a linear probe;
- ``aims``: the chapter's aims with what was measured and whether they are met.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from mechanisms.data import creature_text as text
from mechanisms.data.scenes import creatures
from mechanisms.data.scenes.creatures import ATTRIBUTES, CATEGORIES, COLOURS, SIZES, TEXTURES, CreatureScenes
from mechanisms.models.encoders import NAMES, Encoders

K = 4  # soft prompts for an image
TEST_SEED = 20_000
TEST_SCENES = 1500
TRAINED = NAMES[1:]


@dataclass(frozen=True)
class Map:
    """Features [batch, d_img] to ``k`` soft prompts: ``weight`` [k * d_lm, d_img] (rows as in nn.Linear), ``bias``."""

    weight: Float[Tensor, "kd d_img"]
    bias: Float[Tensor, " kd"]
    k: int = K

    def prompts(self, features: Float[Tensor, "batch d_img"]) -> Float[Tensor, "batch k d_lm"]:
        """The soft prompts of these features."""
        return functional.linear(features, self.weight, self.bias).unflatten(1, (self.k, -1))


def caption_loss(lm, prompts: Float[Tensor, "batch k d_lm"], captions: Int[Tensor, "batch pos"]) -> Tensor:
    """Mean next-token loss of the captions' words with prompts in front: these carry no labels.

    The first word is predicted at the last prompt, every other one at the word before it.
    """
    words = lm.get_input_embeddings()(captions[:, :-1])
    logits = lm(inputs_embeds=torch.cat([prompts, words], dim=1)).logits[:, prompts.shape[1] - 1 :]
    return functional.cross_entropy(logits.flatten(0, 1), captions.flatten())


def train_map(
    lm,
    features: Float[Tensor, "n d_img"],
    labels: Int[Tensor, "n 3"],
    seed: int = 0,
    steps: int = 400,
    batch: int = 64,
    learning_rate: float = 3e-3,
    k: int = K,
) -> Map:
    """Trains the map alone on captions of the images; the language model must be frozen and stays as it is."""
    torch.manual_seed(seed)
    linear = torch.nn.Linear(features.shape[1], k * lm.config.n_embd)
    optimizer = torch.optim.AdamW(linear.parameters(), learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps, pct_start=0.1)
    captions = text.caption_tokens(labels)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        rows = torch.randint(len(features), (batch,), generator=generator)
        loss = caption_loss(lm, linear(features[rows]).unflatten(1, (k, -1)), captions[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return Map(linear.weight.detach(), linear.bias.detach(), k)


@torch.no_grad()
def continue_text(lm, prompts: Float[Tensor, "batch k d_lm"], stem: str, n: int) -> Int[Tensor, "batch n"]:
    """The ``n`` tokens that the language model finds likeliest, one after the other, after prompts and stem."""
    embed = lm.get_input_embeddings()
    inputs = torch.cat([prompts, embed(torch.tensor(text.encode(stem))).expand(len(prompts), -1, -1)], dim=1)
    said = []
    for _ in range(n):
        said.append(lm(inputs_embeds=inputs).logits[:, -1].argmax(-1))
        inputs = torch.cat([inputs, embed(said[-1])[:, None]], dim=1)
    return torch.stack(said, dim=1)


def named(tokens: Int[Tensor, "batch 3"]) -> Int[Tensor, "batch 3"]:
    """Size, colour and category that three caption tokens name, counted from 0; -1 where a token names none."""
    found = []
    for j, (name, names) in enumerate(zip(ATTRIBUTES, (SIZES, COLOURS, CATEGORIES), strict=True)):
        number = tokens[:, j] - text.FIRST[name]
        found.append(torch.where((number >= 0) & (number < len(names)), number, -1))
    return torch.stack(found, dim=1)


def hits(lm, prompts: Float[Tensor, "batch k d_lm"], labels: Int[Tensor, "batch 3"]) -> dict[str, Tensor]:
    """For each image whether size, colour, category, kind (of the named category) and sound are right."""
    said = named(continue_text(lm, prompts, text.STEM, 3))
    sound = continue_text(lm, prompts, text.SOUND_STEM, 1)[:, 0] - text.FIRST["sound"]
    category = said[:, creatures.CATEGORY]
    kind = (category >= 0) & (category // TEXTURES == labels[:, creatures.CATEGORY] // TEXTURES)
    right = {name: said[:, j] == labels[:, j] for j, name in enumerate(ATTRIBUTES)}
    return {**right, "kind": kind, "sound": sound == labels[:, creatures.CATEGORY]}


def scores(lm, prompts: Float[Tensor, "batch k d_lm"], labels: Int[Tensor, "batch 3"]) -> dict[str, float]:
    """Shares of ``hits``."""
    return {name: value.float().mean().item() for name, value in hits(lm, prompts, labels).items()}


def probe(features: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor, seed: int) -> dict[str, float]:
    """Accuracy of a linear classifier of each attribute on the features themselves: what is there to be mapped."""
    torch.manual_seed(seed)
    found = {}
    for j, name in enumerate(ATTRIBUTES):
        linear = torch.nn.Linear(features.shape[1], int(labels[:, j].max()) + 1)
        optimizer = torch.optim.AdamW(linear.parameters(), 1e-2)
        for _ in range(300):
            rows = torch.randint(len(features), (256,))
            loss = functional.cross_entropy(linear(features[rows]), labels[rows, j])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            found[name] = (linear(test).argmax(1) == test_labels[:, j]).float().mean().item()
    return found


def test_scenes(seed: int) -> dict[str, CreatureScenes]:
    """New scenes: of combinations that training had ("seen") and of those that it had not ("held out")."""
    generator = torch.Generator().manual_seed(TEST_SEED + seed)
    return {split: creatures.draw(TEST_SCENES, generator, split) for split in ("seen", "held out")}


def measure(
    encoders: Encoders,
    lm,
    scenes: CreatureScenes,
    seed: int,
    steps: int = 400,
    names: Sequence[str] = NAMES,
    blind: bool = True,
) -> dict[str, Any]:
    """Everything that card and sweep report: for each encoder, and blind, the scores of its captions.

    ``scenes`` are those that the maps are trained on. Blind is a map that is trained on nothing but zeros: the best
    prompt that does not depend on the image. Shuffled is a trained map that gets the features of other images.
    """
    tests = test_scenes(seed)
    report: dict[str, Any] = {}
    before = [p.clone() for p in lm.parameters()]
    for name in (*(("blind",) if blind else ()), *names):

        def features(scenes: CreatureScenes, name: str = name) -> Tensor:
            return torch.zeros(len(scenes), 1) if name == "blind" else encoders.features(name, scenes.images)

        train_features = features(scenes)
        linear = train_map(lm, train_features, scenes.labels, seed, steps)
        test_features = {split: features(test) for split, test in tests.items()}
        found: dict[str, Any] = {
            split: scores(lm, linear.prompts(test_features[split]), test.labels) for split, test in tests.items()
        }
        if name != "blind":
            seen, labels = test_features["seen"], tests["seen"].labels
            order = torch.randperm(len(seen), generator=torch.Generator().manual_seed(seed))
            found["shuffled"] = scores(lm, linear.prompts(seen[order]), labels)
            found["probe"] = probe(train_features, scenes.labels, seen, labels, seed)
        report[name] = found
    same = all(torch.equal(a, b) for a, b in zip(before, lm.parameters(), strict=True))
    return {**report, "language model unchanged": same}


def aims(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every aim of the chapter with the number measured and whether it is met."""

    def seen(name: str, what: str) -> float:
        return report[name]["seen"][what]

    rows: list[tuple[str, str, float, bool]] = []
    for name in TRAINED:
        gain = sum(seen(name, what) - seen("blind", what) for what in ATTRIBUTES) / len(ATTRIBUTES)
        rows.append((f"words right, {name} minus blind", "at least .30", gain, gain >= 0.30))
        over = sum(seen(name, what) - report[name]["shuffled"][what] for what in ATTRIBUTES) / len(ATTRIBUTES)
        rows.append((f"words right, {name} minus shuffled", "at least .30", over, over >= 0.30))
    for what in ("size", "colour"):
        spread = _spread([seen(name, what) for name in TRAINED])
        rows.append((f"{what}: best minus worst trained encoder", "at most .15", spread, spread <= 0.15))
    for name in ("labels", "captions"):
        gap = seen(name, "category") - seen("self-supervised", "category")
        rows.append((f"category: {name} minus self-supervised", "at least .20", gap, gap >= 0.20))
    worst = min(seen(name, "category") for name in TRAINED) - seen("random", "category")
    rows.append(("category: worst trained encoder minus random", "above 0", worst, worst > 0))
    best = seen("captions", "category") - seen("labels", "category")
    rows.append(("category: captions minus labels", "above 0", best, best > 0))
    same = float(report["language model unchanged"])
    rows.append(("language model bit for bit as before", "1", same, same == 1))
    return [{"quantity": q, "aim": a, "measured": m, "met": bool(met)} for q, a, m, met in rows]


def _spread(values: Sequence[float]) -> float:
    return max(values) - min(values)
