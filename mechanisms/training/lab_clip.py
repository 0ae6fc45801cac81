"""Trains lab-clip: open_clip's model, tokenizer and loss on rendered scenes of coloured shapes and their captions.

- a batch holds scenes of one object, or scenes of two; captions of two name both ("red square and blue ring", or
  "red square left blue ring");
- changes of the recipe are here to compare: ``named`` "some" (half of the captions of two objects name one of them),
  ``crossed`` (a batch of two objects also holds each caption with its nouns exchanged, as a wrong answer), and
  ``tower`` "resnet" (open_clip's own);
- ``train`` and ``write_checkpoint`` are what the command line calls; the card is measured on new scenes.

The image tower sees every pair of colour and shape. Held-out pairs are held out of the composition heads alone, as in
the paper, whose CLIP had seen the web.
"""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn import functional

from mechanisms.data.scenes import objects
from mechanisms.data.scenes.objects import ObjectScenes
from mechanisms.errors import CourseError
from mechanisms.files import atomic_write
from mechanisms.models import scene_clip
from mechanisms.models.scene_clip import SceneFeatures
from mechanisms.training import binding
from mechanisms.training.composition import HeadRecipe
from mechanisms.training.lab_lm import rounded

POOL_SEED = 200  # added to the recipe's seed: the scenes of a run are not those of another
WARMEST = math.log(100)  # open_clip's own bound for the learned temperature
NAMED = ("both", "some")
FEATURE_SEED, FEATURES_TRAIN, FEATURES_NEW = 300, 1500, 600


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the trained weights, besides the machine's arithmetic.

    ``named``: captions of two objects name "both", or "some" of them (half of the captions one, the others both).
    ``crossed``: 1 adds crossed captions as wrong answers. ``tower``: see ``scene_clip.architecture``.
    """

    seed: int = 0
    steps: int = 1000
    scenes: int = 6000
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    tower: str = scene_clip.TOWER
    named: str = "both"
    crossed: int = 0


@dataclass
class Progress:
    """Seconds and last loss of a training."""

    seconds: float = 0.0
    loss: float = 0.0


class Captions:
    """True captions of scenes as token ids, drawn anew each time, by open_clip's tokenizer."""

    def __init__(self, recipe: Recipe, generator: torch.Generator) -> None:
        if recipe.named not in NAMED:
            raise CourseError(f"named must be one of {', '.join(NAMED)}, not {recipe.named!r}.")
        self.some = recipe.named == "some"
        self.generator = generator
        self.ids = {word: i for i, word in enumerate(scene_clip.TOKENS)}

    def words(self, scenes: ObjectScenes) -> list[str]:
        """A caption for each scene."""
        texts = objects.captions(scenes, "both", self.generator)
        if not self.some or scenes.count == 1:
            return texts
        short = (torch.rand(len(scenes), generator=self.generator) < 0.5).tolist()
        which = torch.randint(2, (len(scenes),), generator=self.generator).tolist()
        rows = zip(texts, short, which, scenes.colours.tolist(), scenes.shapes.tolist(), strict=True)
        return [objects.noun(c[w], s[w]) if one else whole for whole, one, w, c, s in rows]

    def __call__(self, scenes: ObjectScenes) -> Int[Tensor, "n place"]:
        # Looked up word by word: open_clip's tokenizer gives the same, which a test compares, and takes longer.
        rows = [[self.ids[word] for word in caption.split()] for caption in self.words(scenes)]
        ids = torch.full((len(rows), scene_clip.LONGEST), self.ids[scene_clip.PAD])
        for i, row in enumerate(rows):
            ids[i, : len(row) + 1] = torch.tensor([*row, self.ids[scene_clip.END]])
        return ids


def cross(captions: Int[Tensor, "n place"]) -> Int[Tensor, "n place"]:
    """Captions of two objects with their nouns exchanged: "red ring and blue square"."""
    order = torch.arange(captions.shape[1])
    order[1], order[4] = 4, 1
    return captions[:, order]


def _loss_with_crossed(model: Any, images: Tensor, captions: Tensor) -> Tensor:
    """CLIP's loss, where an image also has to prefer its caption to all crossed ones."""
    image, text, scale = model(images, torch.cat([captions, cross(captions)]))
    similar, same = scale * image @ text.T, torch.arange(len(images))
    to_caption, to_image = similar, similar[:, : len(images)].T
    return (functional.cross_entropy(to_caption, same) + functional.cross_entropy(to_image, same)) / 2


def train(recipe: Recipe, folder: Path, device: str = "cpu", log: Callable[[str], Any] = print) -> tuple[Any, Progress]:
    """The trained model and its progress. ``folder`` is not written to: a run takes a minute. Raises CourseError."""
    if device != "cpu":
        raise CourseError("lab-clip is trained on the CPU, where it takes a minute: leave --device out.")
    scene_clip.library()
    from open_clip.loss import ClipLoss

    began = time.monotonic()
    torch.manual_seed(recipe.seed)
    model, contrast = scene_clip.build(scene_clip.architecture(recipe.tower)), ClipLoss()
    generator = torch.Generator().manual_seed(POOL_SEED + recipe.seed)
    captions = Captions(recipe, generator)
    pool = {count: objects.draw(recipe.scenes, count, generator) for count in (1, 2)}
    optimizer = torch.optim.AdamW(model.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=recipe.steps, pct_start=0.1
    )
    model.train()
    for step in range(recipe.steps):
        scenes = pool[int(torch.randint(1, 3, (1,), generator=generator))]
        rows = torch.randint(len(scenes), (recipe.batch,), generator=generator)
        batch = ObjectScenes(scenes.images[rows], scenes.colours[rows], scenes.shapes[rows])
        ids = captions(batch)
        if recipe.crossed and batch.count == 2:
            loss = _loss_with_crossed(model, batch.images, ids)
        else:
            loss = contrast(*model(batch.images, ids))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, WARMEST)
        if (step + 1) % max(1, recipe.steps // 3) == 0:
            log(f"step {step + 1}: loss {loss.item():.3f}, {time.monotonic() - began:.0f} s")
    return model.eval().requires_grad_(False), Progress(time.monotonic() - began, loss.item())


def write_checkpoint(model: Any, recipe: Recipe, progress: Progress, device: str, folder: Path) -> None:
    """Writes model and tokenizer, measures them as students load them, and writes card.json.

    The shipped folder's image vectors are written beside the data of the course.
    """
    from mechanisms.models.lab import boot

    scene_clip.save(model, scene_clip.architecture(recipe.tower), folder)
    report = measure_checkpoint(folder, recipe)
    card = {
        "name": "lab-clip",
        "architecture": "open_clip's CLIP: three convolution blocks and a linear layer, two-layer text transformer",
        "parameters": sum(p.numel() for p in model.parameters()),
        "command": f"python -m mechanisms.training lab-clip --seed {recipe.seed} --steps {recipe.steps}",
        "recipe": asdict(recipe),
        "head_recipe": asdict(HeadRecipe()),
        "training_seconds": round(progress.seconds, 1),
        "loss": round(progress.loss, 4),
        "threads": torch.get_num_threads(),
        "device": device,
        "machine": platform.machine(),
        "torch": torch.__version__.split("+")[0],
        "open_clip": scene_clip.library().__version__,
        "date": date.today().isoformat(),
        "aims": rounded(binding.aims(report)),
        "measured": rounded(report),
    }
    atomic_write(folder / "card.json", json.dumps(card, indent=1) + "\n")
    if folder.resolve() == (Path(scene_clip.__file__).parent / "weights" / "lab-clip").resolve():
        scene_clip.save_features(features(boot(folder)))


def features(model: Any) -> dict[str, SceneFeatures]:
    """The tables of ``scene_clip.load_features``: scenes of seen pairs, one object and two, for training and new."""
    generator = torch.Generator().manual_seed(FEATURE_SEED)
    tables = {}
    for name, count in (("single", 1), ("two", 2)):
        for part, n in (("train", FEATURES_TRAIN), ("new", FEATURES_NEW)):
            scenes = objects.draw(n, count, generator, "seen")
            vectors = binding.image_vectors(model, scenes.images)
            tables[f"{name} {part}"] = SceneFeatures(vectors, scenes.colours, scenes.shapes)
    return tables


def measure_checkpoint(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """What the card's ``measured`` holds."""
    from mechanisms.models.lab import boot

    return binding.measure(boot(folder), recipe.seed)
