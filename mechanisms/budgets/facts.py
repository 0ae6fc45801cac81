"""What is known before anything is measured: Pythia's shapes, GPUs and prices, and the points that the paper reports.

- ``MODELS``: the Pythia sizes with their training recipe, and two of our own that a CPU trains in a blink;
- ``GPUS``: peak speed and price as the paper's code has them; ``extra`` marks what the paper does not cover;
- ``PAPER_POINTS``: the few (GPU, number, days) of Pythia-1B that the authors publish in words;
- ``ORIGINAL_RUNS``: GPUs and days of the original trainings, as the authors' comparison has them.

Sources: Khandelwal et al. (COLM 2025) and the repository apoorvkh/academic-pretraining. Shapes are those of the
configurations that EleutherAI publishes.
"""

from __future__ import annotations

from dataclasses import dataclass

from mechanisms.errors import UsageError

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class ModelSpec:
    """A GPT-NeoX model and how it is trained: ``batch`` sequences of ``seq`` tokens in each of ``steps`` steps.

    ``precision`` is that of the original recipe ("fp16", "bf16" or "fp32"); ``lab`` marks a size of our own.
    """

    name: str
    n_layers: int
    d_model: int
    n_heads: int
    d_ff: int
    vocab: int
    seq: int = 2049
    batch: int = 1024
    steps: int = 143_000
    precision: str = "fp16"
    learning_rate: float = 3e-4
    lab: bool = False

    @property
    def parameters(self) -> int:
        """All parameters: two embeddings, and in each layer the matrices, their biases and two LayerNorms."""
        layer = 4 * self.d_model**2 + 2 * self.d_model * self.d_ff + self.d_ff + 9 * self.d_model
        return 2 * self.vocab * self.d_model + self.n_layers * layer + 2 * self.d_model


def _pythia(name: str, layers: int, width: int, heads: int, vocab: int = 50_304, **recipe) -> ModelSpec:
    return ModelSpec(f"pythia-{name}", layers, width, heads, 4 * width, vocab, **recipe)


MODELS = {
    spec.name: spec
    for spec in (
        _pythia("nano", 2, 128, 4, 512, seq=65, batch=64, steps=1_000, precision="fp32", lab=True),
        _pythia("micro", 4, 256, 4, 2_048, seq=129, batch=64, steps=1_000, precision="fp32", lab=True),
        _pythia("14m", 6, 128, 4, learning_rate=1e-3),
        _pythia("70m", 6, 512, 8, learning_rate=1e-3),
        _pythia("160m", 12, 768, 12, learning_rate=6e-4),
        _pythia("410m", 24, 1024, 16),
        _pythia("1b", 16, 2048, 8, precision="bf16"),
        _pythia("1.4b", 24, 2048, 16, learning_rate=2e-4),
        _pythia("2.8b", 32, 2560, 32, learning_rate=1.6e-4),
        _pythia("6.9b", 32, 4096, 32, vocab=50_432, learning_rate=1.2e-4),
    )
}


@dataclass(frozen=True)
class Gpu:
    """A GPU: memory in GB, dense peak in TFLOP/s in half precision and in TF32 (None: it has none), price in dollars.

    ``ampere``: Ampere or newer, so it has bf16 and TF32. ``price`` None: the paper names none.
    """

    key: str
    name: str
    memory_gb: int
    half: float
    tf32: float | None
    price: int | None
    ampere: bool = True
    extra: bool = False


GPUS = {
    gpu.key: gpu
    for gpu in (
        Gpu("rtx3090", "RTX 3090 (24 GB)", 24, 71.0, 35.6, 1_300),
        Gpu("a6000", "A6000 (48 GB)", 48, 154.8, 77.4, 4_800),
        Gpu("a100", "A100 (80 GB)", 80, 312.0, 156.0, 19_000),
        Gpu("h100", "H100 (80 GB)", 80, 756.0, 378.0, 30_000),
        Gpu("t4", "T4 (16 GB)", 16, 65.0, None, None, ampere=False, extra=True),  # the vendor's data sheet
    )
}

# The machine that the GPUs sit in, in dollars, by how many it holds.
MACHINE_PRICE = {1: 1_000, 2: 1_500, 4: 7_500, 8: 10_500}
LIFETIME_YEARS = 5
DAYS_PER_YEAR = 365


@dataclass(frozen=True)
class Point:
    """Training days that the authors report for a model on ``n`` GPUs of a kind, and where."""

    model: str
    gpu: str
    n: int
    days: float
    source: str


PAPER_POINTS = (
    Point("pythia-1b", "a100", 4, 17.571102, "README of the authors' code (abstract: 18 days)"),
    Point("pythia-1b", "h100", 4, 8.0, "footnote to the title, arXiv v1"),
    Point("pythia-1b", "rtx3090", 2, 108.0, "footnote to the title, arXiv v1"),
)

# model: (GPUs, days), from the comparison of GPU-days in the authors' code; Pythia-1B also in the abstract.
ORIGINAL_RUNS = {
    "pythia-160m": (32, 1),
    "pythia-410m": (32, 3),
    "pythia-1b": (64, 3),
    "pythia-2.8b": (64, 9),
    "pythia-6.9b": (128, 10),
}


def model_spec(name: str) -> ModelSpec:
    """The model called ``name``, with or without "EleutherAI/" in front. Raises UsageError for an unknown one."""
    short = name.removeprefix("EleutherAI/")
    if short not in MODELS:
        raise UsageError(f"There is no model called '{name}' here; there is {', '.join(MODELS)}.")
    return MODELS[short]


def gpu_spec(key: str) -> Gpu:
    """The GPU with this key. Raises UsageError for an unknown one."""
    if key not in GPUS:
        raise UsageError(f"There is no GPU called '{key}' here; there is {', '.join(GPUS)}.")
    return GPUS[key]


def recognise_gpu(device_name: str) -> Gpu | None:
    """The GPU that a driver's name such as "NVIDIA A100-SXM4-80GB" means, or None."""
    text = device_name.lower().replace(" ", "").replace("-", "")
    marks = {"h100": "h100", "a100": "a100", "rtxa6000": "a6000", "rtx3090": "rtx3090", "teslat4": "t4", "t4": "t4"}
    return next((GPUS[key] for mark, key in marks.items() if mark in text), None)
