"""Makes a CPU-only PyTorch beside PyPI's torchvision usable.

- PyPI's torchvision carries operators compiled for CUDA; a CPU build of PyTorch cannot load them;
- importing torchvision then fails ("operator torchvision::nms does not exist"), and with it
  everything in transformers and open_clip that imports torchvision, used or not;
- declaring the schemas of the two operators whose metadata torchvision registers on import is
  enough to let the import through. Nothing in the course calls them; a call still fails loudly.

Does nothing where torchvision is absent or its own operators load, and nothing before torchvision is imported: PyTorch
alone takes a second to import, and not everybody who imports this package needs it.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    import torch

    spec = importlib.util.find_spec("torchvision")
    if _fragment is not None or spec is None or spec.origin is None or _operators_load(Path(spec.origin).parent):
        return False
    _fragment = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        _fragment.define(schema)
    return True


class _JustBefore(importlib.abc.MetaPathFinder):
    """Finds nothing, but is asked before torchvision is imported for the first time."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "torchvision":
            sys.meta_path.remove(self)
            declare_if_missing()


def prepare() -> None:
    """Has the schemas declared at the moment when torchvision is first imported."""
    if "torchvision" not in sys.modules and not any(isinstance(finder, _JustBefore) for finder in sys.meta_path):
        sys.meta_path.insert(0, _JustBefore())


def _operators_load(folder: Path) -> bool:
    import torch

    if hasattr(torch.ops.torchvision, "nms"):
        return True
    for library in (*folder.glob("_C*.so"), *folder.glob("_C*.pyd"), *folder.glob("_C*.dylib")):
        try:
            torch.ops.load_library(library)
        except (OSError, RuntimeError):  # built for another PyTorch or for a CUDA that is not here
            continue
        return hasattr(torch.ops.torchvision, "nms")
    return False
