"""Trains lab-vision: four image encoders of one shape on the same scenes, with more and more help from language.

- "random": never trained; a pass over images sets the statistics of its batch normalisation;
- "self-supervised": sees images alone, and learns which two views are of the same one; two other ways to learn from
  images alone, denoising and masked prediction, are here to compare;
- "labels": predicts the category, one of twelve;
- "captions": open_clip's CLIP class, text tower and loss, with our tower in the place of its image tower;
- ``train_tower`` trains one of them, ``train`` all four, ``write_checkpoint`` writes weights and a measured card.

Every trained tower sees the same scenes, and as many images in all: where a step shows two views of each, it takes half
the steps. Scenes are drawn from a seed.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from mechanisms.data.creature_text import WORDS, caption_tokens
from mechanisms.data.scenes import creatures
from mechanisms.data.scenes.canvas import SIDE
from mechanisms.data.scenes.creatures import CATEGORIES, CATEGORY, CreatureScenes
from mechanisms.errors import CourseError
from mechanisms.files import atomic_write
from mechanisms.models.encoders import NAMES, Encoders, Tower, TowerConfig, every_creature, save
from mechanisms.training.lab_lm import rounded

POOL_SEED = 100  # added to the recipe's seed: the scenes of a run are not those of another
CORRUPTION = 0.1  # spread of the noise that the autoencoder has to take away
PATCH, HIDDEN = 8, 0.5  # masked prediction: pixels a side of a patch, share of patches that are hidden
SHIFT, LIGHT, VIEW_NOISE, VIEW_SCALE = 5, 0.15, 0.05, 10.0  # two views of an image, and the scale of their similarity


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the trained weights, besides the machine's arithmetic.

    ``self_supervised``: how the second tower learns, "denoise", "masked" or "views". ``alike``: the share of batches of
    "captions" in which all scenes have one size and one colour, so that the category alone tells their captions apart.
    """

    seed: int = 0
    steps: int = 900
    scenes: int = 6000
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    self_supervised: str = "views"
    alike: float = 0.0


@dataclass
class Progress:
    """Seconds and last loss of each tower's training."""

    seconds: float = 0.0
    towers: dict[str, dict[str, float]] | None = None


Objective = tuple[nn.Module, Callable[[Tower, Tensor, Tensor], Tensor]]


def pool(recipe: Recipe) -> CreatureScenes:
    """The scenes that encoders (and projections) are trained on; a sixth of the combinations is not among them."""
    generator = torch.Generator().manual_seed(POOL_SEED + recipe.seed)
    return creatures.draw(recipe.scenes, generator, "seen")


def _decoder(d_channels: int) -> nn.Module:
    """From 4 x 4 places back to an image."""

    def up(a: int, b: int) -> list[nn.Module]:
        return [nn.ConvTranspose2d(a, b, 4, stride=2, padding=1), nn.ReLU()]

    return nn.Sequential(*up(d_channels, 32), *up(32, 16), nn.ConvTranspose2d(16, 3, 4, stride=2, padding=1))


def _denoise(cfg: TowerConfig, generator: torch.Generator) -> Objective:
    """Give the image back from the embedding, without the noise that was added to it: an autoencoder."""
    start = (nn.Linear(cfg.d_embed, 16 * cfg.d_channels), nn.ReLU(), nn.Unflatten(1, (cfg.d_channels, 4, 4)))
    decoder = nn.Sequential(*start, _decoder(cfg.d_channels))

    def loss(tower: Tower, images: Tensor, labels: Tensor) -> Tensor:
        noise = CORRUPTION * torch.randn(images.shape, generator=generator)
        return functional.mse_loss(decoder(tower(images + noise)), images)

    return decoder, loss


def _masked(cfg: TowerConfig, generator: torch.Generator) -> Objective:
    """Paint the patches that were hidden, from those that were not: masked prediction, as BEiT's in spirit."""
    decoder = _decoder(cfg.d_channels)
    cells = SIDE // PATCH

    def loss(tower: Tower, images: Tensor, labels: Tensor) -> Tensor:
        chosen = torch.rand(len(images), 1, cells, cells, generator=generator) < HIDDEN
        hidden = chosen.float().repeat_interleave(PATCH, 2).repeat_interleave(PATCH, 3)
        painted = decoder(tower.grid(images * (1 - hidden) + 0.5 * hidden))
        return ((painted - images) ** 2 * hidden).sum() / (3 * hidden.sum())

    return decoder, loss


def _view(images: Tensor, generator: torch.Generator) -> Tensor:
    """The images moved by a few pixels, some mirrored, each in a slightly other light."""
    n = len(images)
    padded = functional.pad(images, (SHIFT,) * 4, mode="reflect")
    start = torch.randint(2 * SHIFT + 1, (n, 2, 1), generator=generator)
    row, column = (start[:, i] + torch.arange(SIDE) for i in range(2))
    moved = padded[
        torch.arange(n)[:, None, None, None],
        torch.arange(3)[:, None, None],
        row[:, None, :, None],
        column[:, None, None],
    ]
    mirrored = torch.rand(n, 1, 1, 1, generator=generator) < 0.5
    light = torch.exp(LIGHT * torch.randn(n, 3, 1, 1, generator=generator))
    noise = VIEW_NOISE * torch.randn(images.shape, generator=generator)
    return torch.where(mirrored, moved.flip(3), moved) * light + noise


def _views(cfg: TowerConfig, generator: torch.Generator) -> Objective:
    """Find the other view of the same image among those of the batch: contrastive learning without captions."""
    helper = nn.Sequential(nn.ReLU(), nn.Linear(cfg.d_embed, cfg.d_embed))

    def loss(tower: Tower, images: Tensor, labels: Tensor) -> Tensor:
        both = torch.cat([_view(images, generator), _view(images, generator)])
        one, other = functional.normalize(helper(tower(both)), dim=-1).chunk(2)
        similar, same = VIEW_SCALE * one @ other.T, torch.arange(len(images))
        return (functional.cross_entropy(similar, same) + functional.cross_entropy(similar.T, same)) / 2

    return helper, loss


def _labels(cfg: TowerConfig, generator: torch.Generator) -> Objective:
    """Say which of the twelve categories it is."""
    classifier = nn.Sequential(nn.ReLU(), nn.Linear(cfg.d_embed, 128), nn.ReLU(), nn.Linear(128, len(CATEGORIES)))

    def loss(tower: Tower, images: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(classifier(tower(images)), labels[:, CATEGORY])

    return classifier, loss


def caption_model(cfg: TowerConfig) -> nn.Module:
    """open_clip's CLIP with a small text tower; its image tower is there to be replaced by ours."""
    try:
        import open_clip
    except ImportError:
        raise CourseError(
            "Training the encoder with captions needs open_clip: pip install open_clip_torch. "
            "The shipped lab-vision needs it not."
        ) from None
    words = open_clip.CLIPTextCfg(context_length=4, vocab_size=len(WORDS) + 1, width=64, heads=4, layers=2)
    smallest = open_clip.CLIPVisionCfg(layers=1, width=32, head_width=32, patch_size=16, image_size=32)
    return open_clip.CLIP(embed_dim=cfg.d_embed, vision_cfg=smallest, text_cfg=words)


def clip_tokens(labels: Int[Tensor, "n 3"]) -> Int[Tensor, "n 4"]:
    """Size, colour and category as tokens, then an end token, which open_clip's text tower reads the caption at."""
    words = caption_tokens(labels)[:, 1:4]
    return torch.cat([words, torch.full((len(words), 1), len(WORDS))], dim=1)


def _captions(cfg: TowerConfig, generator: torch.Generator) -> Objective:
    """Find the caption of each image, and the image of each caption, among those of the batch."""
    from open_clip.loss import ClipLoss

    model, contrast = caption_model(cfg), ClipLoss()

    def loss(tower: Tower, images: Tensor, labels: Tensor) -> Tensor:
        model.visual = tower
        return contrast(*model(images, clip_tokens(labels)))

    return model, loss


Make = Callable[[TowerConfig, torch.Generator], Objective]
SELF_SUPERVISED: dict[str, Make] = {"denoise": _denoise, "masked": _masked, "views": _views}
LANGUAGE: dict[str, Make] = {"labels": _labels, "captions": _captions}


def like_one(labels: Int[Tensor, "n 3"], generator: torch.Generator) -> Int[Tensor, " m"]:
    """The scenes that share size and colour with one that is drawn."""
    one = labels[torch.randint(len(labels), (), generator=generator)]
    return (labels[:, :CATEGORY] == one[:CATEGORY]).all(1).nonzero()[:, 0]


def train_tower(name: str, recipe: Recipe, scenes: CreatureScenes) -> tuple[Tower, nn.Module | None, dict[str, float]]:
    """One of the four towers, trained; what it was trained with (a decoder, a text tower); its seconds and last loss.

    The same seed draws the same first weights for all of them.
    """
    began = time.monotonic()
    torch.manual_seed(recipe.seed)
    cfg = TowerConfig()
    tower = Tower(cfg).train()
    images: Float[Tensor, "n 3 32 32"] = scenes.images
    if name == "random":
        with torch.no_grad():
            tower(images[:500])
        return tower.eval(), None, {"seconds": time.monotonic() - began, "loss": 0.0}
    generator = torch.Generator().manual_seed(recipe.seed)
    make = {**LANGUAGE, "self-supervised": SELF_SUPERVISED[recipe.self_supervised]}[name]
    helper, objective = make(cfg, generator)
    parameters = {id(p): p for module in (tower, helper) for p in module.parameters()}
    optimizer = torch.optim.AdamW(parameters.values(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    twice = name == "self-supervised" and recipe.self_supervised == "views"
    steps = recipe.steps // 2 if twice else recipe.steps
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=steps, pct_start=0.1)
    for _ in range(steps):
        among = torch.arange(len(images))
        if name == "captions" and recipe.alike and torch.rand((), generator=generator) < recipe.alike:
            among = like_one(scenes.labels, generator)
        rows = among[torch.randint(len(among), (recipe.batch,), generator=generator)]
        loss = objective(tower, images[rows], scenes.labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return tower.eval(), helper.eval(), {"seconds": time.monotonic() - began, "loss": loss.item()}


def train(recipe: Recipe, folder: Path, device: str = "cpu", log: Callable[[str], Any] = print) -> tuple[Any, Progress]:
    """All four encoders. ``folder`` is not written to: a tower takes half a minute. Returns encoders and progress."""
    if device != "cpu":
        raise CourseError("lab-vision is trained on the CPU, where it takes two minutes: leave --device out.")
    scenes = pool(recipe)
    encoders = Encoders(TowerConfig())
    progress = Progress(towers={})
    for name in NAMES:
        encoders.towers[name], helper, progress.towers[name] = train_tower(name, recipe, scenes)
        if name == "captions":
            with torch.no_grad():
                encoders.caption_table.copy_(helper.encode_text(clip_tokens(every_creature()), normalize=True))
        encoders.standardise(name, scenes.images)
        progress.seconds += progress.towers[name]["seconds"]
        log(f"{name}: {progress.towers[name]['seconds']:.0f} s, last loss {progress.towers[name]['loss']:.3f}")
    return encoders.eval().requires_grad_(False), progress


def write_checkpoint(model: Encoders, recipe: Recipe, progress: Progress, device: str, folder: Path) -> None:
    """Writes config and weights, measures the encoders as students load them, and writes card.json."""
    from mechanisms.training.limber import aims

    save(model, folder)
    report = measure_checkpoint(folder, recipe)
    card = {
        "name": "lab-vision",
        "architecture": "four towers: 3 convolution blocks, one linear layer; features 2 x 2 x 64 from the last block",
        "parameters": sum(p.numel() for p in model.parameters()),
        "command": f"python -m mechanisms.training lab-vision --seed {recipe.seed} --steps {recipe.steps}",
        "recipe": asdict(recipe),
        "training_seconds": round(progress.seconds, 1),
        "threads": torch.get_num_threads(),
        "device": device,
        "machine": platform.machine(),
        "torch": torch.__version__.split("+")[0],
        "date": date.today().isoformat(),
        "towers": rounded(progress.towers),
        "aims": rounded(aims(report)),
        "measured": rounded(report),
    }
    atomic_write(folder / "card.json", json.dumps(card, indent=1) + "\n")


def measure_checkpoint(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """What the card's ``measured`` holds: captions of new scenes by the shipped lab-lm-scenes through linear maps."""
    from mechanisms.models.lab import boot, checkpoint_folder
    from mechanisms.training.limber import measure

    return measure(boot(folder), boot(checkpoint_folder("lab-lm-scenes")), pool(recipe), recipe.seed)
