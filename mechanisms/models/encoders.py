"""lab-vision: four small image encoders of one shape that learned with more and more help from language.

- ``Tower``: three convolution blocks and a linear layer; ``features`` are what the last block sees, pooled;
- ``Encoders``: the four towers, by name, with what centres and scales their features, and the embeddings that the text
  tower beside the last of them gave to every caption;
- ``save`` and ``boot``: a checkpoint folder with ``config.json`` and ``model.safetensors``.

Plain torch: whoever uses an encoder needs none of the libraries that trained it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from mechanisms.data.scenes.creatures import CATEGORIES, COLOURS, SIZES
from mechanisms.errors import ModelMissing
from mechanisms.files import atomic_write
from mechanisms.models.lab import VISION

NAMES = ("random", "self-supervised", "labels", "captions")  # from least to most help of language
CHUNK = 500  # images at a time: bounds the memory of a pass


def every_creature() -> Int[Tensor, "n 3"]:
    """Size, colour and category of every creature there is, in the order of ``Encoders.caption_table``."""
    return torch.cartesian_prod(*(torch.arange(len(names)) for names in (SIZES, COLOURS, CATEGORIES)))


@dataclass(frozen=True)
class TowerConfig:
    """``width`` channels after the first block (doubled by each of the next two), ``d_embed`` numbers at the end,
    ``grid`` cells a side that features are pooled to."""

    width: int = 16
    d_embed: int = 64
    grid: int = 2

    @property
    def d_channels(self) -> int:
        """Channels after the last block."""
        return 4 * self.width

    @property
    def d_features(self) -> int:
        """Numbers in the pooled features of an image."""
        return self.d_channels * self.grid**2


class Tower(nn.Module):
    """An image encoder; weights are drawn from torch's global generator."""

    def __init__(self, cfg: TowerConfig) -> None:
        super().__init__()
        self.cfg = cfg
        widths = (3, cfg.width, 2 * cfg.width, 4 * cfg.width)
        blocks = [
            nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2))
            for a, b in zip(widths, widths[1:], strict=False)
        ]
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(cfg.d_channels * 16, cfg.d_embed)

    def grid(self, images: Float[Tensor, "batch 3 32 32"]) -> Float[Tensor, "batch channel 4 4"]:
        """What the last block gives: a vector for each of 4 x 4 places."""
        return self.blocks(images)

    def forward(self, images: Float[Tensor, "batch 3 32 32"]) -> Float[Tensor, "batch d_embed"]:
        """The embedding that the training objective worked on."""
        return self.head(self.grid(images).flatten(1))

    def pooled(self, images: Float[Tensor, "batch 3 32 32"]) -> Float[Tensor, "batch d_features"]:
        """The last block, averaged to ``grid`` x ``grid`` cells and flattened: before the last linear layer."""
        return functional.adaptive_avg_pool2d(self.grid(images), self.cfg.grid).flatten(1)


class Encoders(nn.Module):
    """The four towers. Their features are centred and divided by one number for each tower."""

    def __init__(self, cfg: TowerConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.towers = nn.ModuleDict({name: Tower(cfg) for name in NAMES})
        for index in range(len(NAMES)):
            self.register_buffer(f"mean_{index}", torch.zeros(cfg.d_features))
            self.register_buffer(f"scale_{index}", torch.ones(()))
        self.register_buffer("caption_table", torch.zeros(len(every_creature()), cfg.d_embed))

    def standardise(self, name: str, images: Float[Tensor, "batch 3 32 32"]) -> None:
        """Sets centre and scale of a tower's features from these images."""
        with torch.no_grad():
            raw = torch.cat([self.towers[name].pooled(part) for part in images.split(CHUNK)])
        index = NAMES.index(name)
        setattr(self, f"mean_{index}", raw.mean(0))
        setattr(self, f"scale_{index}", raw.std())

    @torch.no_grad()
    def features(self, name: str, images: Float[Tensor, "batch 3 32 32"]) -> Float[Tensor, "batch d_features"]:
        """Features of the encoder ``name``, one of ``NAMES``, ready for a linear map. Raises ValueError."""
        if name not in NAMES:
            raise ValueError(f"the encoders are called {', '.join(NAMES)}; there is no {name!r}")
        index = NAMES.index(name)
        raw = torch.cat([self.towers[name].pooled(part) for part in images.split(CHUNK)])
        return (raw - getattr(self, f"mean_{index}")) / getattr(self, f"scale_{index}")

    @torch.no_grad()
    def embed_images(self, images: Float[Tensor, "batch 3 32 32"]) -> Float[Tensor, "batch d_embed"]:
        """Embeddings of length 1 by the encoder that learned with captions, beside those of ``embed_captions``."""
        whole = torch.cat([self.towers["captions"](part) for part in images.split(CHUNK)])
        return functional.normalize(whole, dim=-1)

    def embed_captions(self, labels: Int[Tensor, "batch 3"]) -> Float[Tensor, "batch d_embed"]:
        """Embeddings of length 1 that its text tower gave the captions with these sizes, colours and categories."""
        size, colour, category = labels.unbind(-1)
        return self.caption_table[(size * len(COLOURS) + colour) * len(CATEGORIES) + category]

    def reset_hooks(self) -> None:
        """There are no hook points here; the models of the course all answer to this name."""


def save(model: Encoders, folder: Path) -> None:
    """Writes ``config.json`` and ``model.safetensors`` to ``folder``, which is made if need be."""
    from safetensors.torch import save as to_bytes

    folder.mkdir(parents=True, exist_ok=True)
    atomic_write(folder / "config.json", json.dumps({"model_type": VISION, **asdict(model.cfg)}, indent=1) + "\n")
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    atomic_write(folder / "model.safetensors", to_bytes(weights))


def boot(folder: str | Path, device: str = "cpu") -> Encoders:
    """The encoders in a checkpoint folder, gradients off. Raises ModelMissing if they cannot be read."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        sizes = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
        sizes.pop("model_type", None)
        state = torch.get_rng_state()
        model = Encoders(TowerConfig(**sizes))
        torch.set_rng_state(state)  # drawing weights that are thrown away must not change anybody's random numbers
        model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelMissing(
            f"The model in {folder} cannot be read: {first_line} Reinstall the course package to get a sound copy."
        ) from error
    return model.to(device).eval().requires_grad_(False)
