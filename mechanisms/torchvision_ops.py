"""Makes a CPU-only PyTorch beside PyPI's torchvision usable.

- PyPI's torchvision carries operators compiled for CUDA; a CPU build of PyTorch cannot load them;
- importing torchvision then fails ("operator torchvision::nms does not exist"), and with it
  everything in transformers and open_clip that imports torchvision, used or not;
- declaring the schemas of the two operators whose metadata torchvision registers on import is
  enough to let the import through. Nothing in the course calls them; a call still fails loudly.

Does nothing where torchvision is absent or its own operators load.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_fragment: torch.library.Library | None = None  # kept: a Library's declarations die with the object


def declare_if_missing() -> bool:
    """Declares torchvision's two schemas if its compiled operators cannot be loaded.

    Must run before torchvision is first imported. Returns True if it declared them in this process.
    """
    global _fragment
    spec = importlib.util.find_spec("torchvision")
    if _fragment is not None or spec is None or spec.origin is None or _operators_load(Path(spec.origin).parent):
        return False
    _fragment = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        _fragment.define(schema)
    return True


def _operators_load(folder: Path) -> bool:
    if hasattr(torch.ops.torchvision, "nms"):
        return True
    for library in (*folder.glob("_C*.so"), *folder.glob("_C*.pyd"), *folder.glob("_C*.dylib")):
        try:
            torch.ops.load_library(library)
        except (OSError, RuntimeError):  # built for another PyTorch or for a CUDA that is not here
            continue
        return hasattr(torch.ops.torchvision, "nms")
    return False
